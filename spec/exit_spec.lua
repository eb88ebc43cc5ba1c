-- The end of the process without the end of the Lua state, with TLS connections
-- open and opening. OpenSSL's exit handler and the I/O thread met in every
-- third run, which then died of SIGSEGV; hence the rounds.

local helper = require "spec.helper"
local reference = require "spec.interop.reference"

local ROUNDS = 8

describe("os.exit()", function()
  local servers

  setup(function() servers = reference.start() end)
  teardown(function() servers:stop() end)

  local function rounds(source)
    for _ = 1, ROUNDS do
      local script = helper.lua([[
        local graphsocket = require "graphsocket"
        local socketio = require "graphsocket.socketio"
        local function open()
          return socketio.connect(arg[1], { ca_file = arg[2], force_new = true })
        end
      ]] .. source, servers.v4_tls.url, servers.ca)
      script:wait()
      assert.equal("", script:err())
      assert.equal(7, script.code)
    end
  end

  it("gives its status while connections are being made", function()
    rounds [[
      for _ = 1, 20 do open() end
      graphsocket.sleep(0.02)
      os.exit(7)
    ]]
  end)

  it("gives its status in a handler, with events coming in", function()
    rounds [[
      local socket = open()
      socket:emit("count", 1e5, ("x"):rep(100))
      socket:on("item", function(i) if i == 10 then os.exit(7) end end)
      graphsocket.run()
    ]]
  end)
end)
