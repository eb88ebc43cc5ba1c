-- Two Lua states in one process: two threads of a program written in C
-- (spec/c/two_states.c), each with an engine of its own.

local helper = require "spec.helper"
local reference = require "spec.interop.reference"

-- Beside the core, as make builds it.
local program = package.searchpath("graphsocket.core", package.cpath)
  :gsub("graphsocket/core.so$", "two_states")

describe("two Lua states in two threads", function()
  local servers

  setup(function()
    assert(io.open(program), "missing: make " .. program):close()
    servers = reference.start()
  end)
  teardown(function() servers:stop() end)

  -- Runs two scripts side by side, each `rounds` times in a fresh state.
  local function run(rounds, a, b)
    local files = {}
    for i, source in ipairs { a, b } do
      files[i] = helper.scratch(i == 1 and "a.lua" or "b.lua")
      helper.write(files[i], [[
        local url, secure_url, ca_file = ...
        local graphsocket = require "graphsocket"
        local socketio = require "graphsocket.socketio"
        local function open()
          return socketio.connect(secure_url, { ca_file = ca_file, force_new = true })
        end
        -- Acknowledged with what only this state knows.
        local function exchange(socket, text)
          local reply, err = socket:timeout(30):emit_with_ack("echo", text)
          if reply ~= text then error(tostring(reply) .. " " .. tostring(err)) end
        end
        graphsocket.on_error = function(err, traceback) failure = tostring(err) .. traceback end
      ]] .. source .. "\nassert(not failure, failure)")
    end
    local process = helper.spawn {
      program, tostring(rounds), files[1], files[2], servers.v4.url, servers.v4_tls.url, servers.ca;
      env = { LUA_PATH = package.path, LUA_CPATH = package.cpath };
    }
    local code = process:wait()
    assert.equal("", process:err())
    assert.equal(0, code)
  end

  it("each connects, exchanges acknowledgements and closes, time after time", function()
    local source = [[
      local socket = open()
      graphsocket.run(function()
        for i = 1, 50 do exchange(socket, NAME .. round .. "." .. i) end
        socket:close()
      end)
    ]]
    run(5, source:gsub("NAME", '"a"'), (source:gsub("NAME", '"b"')))
  end)

  it("one works on while the other is closed, whatever that one is doing", function()
    run(5, [[
      -- Left as it is, with connections open and being made.
      local socket = open()
      graphsocket.run(function()
        exchange(socket, "a" .. round)
        for _ = 1, 5 do open() end
        socket:emit("count", 1000, ("x"):rep(1000))
        while marked() ~= round do graphsocket.sleep(0.001) end
        graphsocket.stop()
      end)
    ]], [[
      local socket = open()
      graphsocket.run(function()
        exchange(socket, "b")
        mark(round)
        local after = 0
        while after < 10 do
          exchange(socket, "b" .. after)
          if marked() <= -round then after = after + 1 end
        end
        socket:close()
      end)
    ]])
  end)
end)
