-- What was emitted right before disconnect() was lost about every other time when
-- the program ended with it: run() returned at once, and the end of the I/O
-- thread cut off what was still on its way. The JavaScript client gets it through,
-- since Node lives on until its sockets are closed. Now run() waits until the core
-- says that nothing is left of the connection, for a second at most.

local helper = require "spec.helper"

local PROGRAMS = 10

describe("an event that is emitted before disconnect()", function()
  it("arrives, though the program ends at once", function()
    local servers = helper.service "interop/index.js"
    local url = servers.info.v4.url
    local script = [[
      local loop = require "graphsocket.loop"
      local socketio = require "graphsocket.socketio"
      local socket = socketio.connect(arg[1])
      socket:on("connect", function()
        socket:emit "never"
        socket:disconnect()
      end)
      loop.run()
      -- As a program that ends in a hurry.
      require("graphsocket.engine").stop()
      os.exit(0)
    ]]
    for _ = 1, PROGRAMS do assert.equal(0, helper.lua(script, url):wait()) end
    local socketio = require "graphsocket.socketio"
    local socket = socketio.connect(url)
    local seen = 0
    helper.eventually(function()
      seen = 0
      for _, name in ipairs(socket:emit_with_ack "log") do
        if name == "never" then seen = seen + 1 end
      end
      return seen == PROGRAMS
    end)
    socket:disconnect()
    require("graphsocket.loop").run()
    servers:stop()
  end)

  it("does not keep a program whose peer does not answer", function()
    local peers = require "spec.peers".start()
    local peer = peers:launch { script = { { hang = true } } }
    local core = require "graphsocket.core"
    local socketio = require "graphsocket.socketio"
    local manager = socketio.manager(("http://127.0.0.1:%d"):format(peer.port))
    helper.eventually(function() return peers:seen(peer) end)
    manager:close()
    local began = core.now()
    require("graphsocket.loop").run()
    -- The core gives a goodbye a second.
    assert.is_true(core.now() - began < helper.TEST_TIMEOUT)
    peers:stop()
  end)
end)
