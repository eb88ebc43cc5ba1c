-- What a plain program waits for beside the library's own events: signals,
-- children, its standard descriptors.

local core = require "graphsocket.core"
local helper = require "spec.helper"
local loop = require "graphsocket.loop"
local plain = require "graphsocket.loop.plain"

describe("the plain host", function()
  local function until_child(future)
    assert(core.signal("CHLD", "catch"))
    plain.watch(core.signal_fd(), function()
      while core.signal_next() do end
      future:resolve()
    end)
    finally(function()
      plain.watch(core.signal_fd(), nil)
      core.signal("CHLD", "default")
    end)
  end

  it("wakes a task by a signal, and run() waits for it", function()
    local over, ended = loop.future(), false
    until_child(over)
    local process = assert(core.process "exit 7")
    loop.run(function()
      over:await()
      helper.eventually(function() return process:code() end)
      ended = true
    end)
    assert.is_true(ended)
    assert.equal(7, process:code())
    process:close()
  end)

  it("looks at descriptors also while there is always something to do", function()
    local over, turns = loop.future(), 0
    until_child(over)
    local process = assert(core.process "true")
    local function again()
      turns = turns + 1
      if not over:done() then loop.spawn(again) end
    end
    loop.run(again)
    assert.is_true(turns > 0)
    process:close()
  end)

  it("reports what a callback raises, and goes on", function()
    local reported
    loop.on_error = function(err) reported = err end
    finally(function() loop.on_error = nil end)
    local over = loop.future()
    assert(core.signal("CHLD", "catch"))
    plain.watch(core.signal_fd(), function()
      while core.signal_next() do end
      over:resolve()
      error("on purpose", 0)
    end)
    finally(function() plain.watch(core.signal_fd(), nil) end)
    local process = assert(core.process "true")
    loop.run(function() over:await() end)
    assert.equal("on purpose", reported)
    process:close()
  end)

  it("tells when the reader of our output is gone", function()
    local script = [[
      local core = require "graphsocket.core"
      local loop = require "graphsocket.loop"
      local plain = require "graphsocket.loop.plain"
      core.signal("PIPE", "ignore")
      io.write("first\n")
      io.flush()
      loop.run(function()
        local over = loop.future()
        plain.watch_end(1, function()
          plain.watch_end(1, nil)
          over:resolve()
        end)
        over:await(60)
        io.stderr:write(over:done() and "told" or "not told")
      end)
    ]]
    local path = helper.scratch "script.lua"
    helper.write(path, script)
    local code, _, err = helper.run {
      "bash", "-c", '"$0" "$1" | head -n 1', helper.interpreter(), path,
      env = { LUA_PATH = package.path, LUA_CPATH = package.cpath },
    }
    assert.equal(0, code)
    assert.equal("told", err)
  end)

  it("reads what is there, and the end", function()
    local script = [[
      local core = require "graphsocket.core"
      repeat
        local text = core.read(0)
        io.write("<", text, ">")
      until text == ""
      io.write(tostring(core.terminal(0)), select(2, core.read(77)))
    ]]
    local path = helper.scratch "script.lua"
    helper.write(path, script)
    local _, out = helper.run {
      "bash", "-c", 'printf abc | "$0" "$1"', helper.interpreter(), path,
      env = { LUA_PATH = package.path, LUA_CPATH = package.cpath },
    }
    assert.equal("<abc><>nilBad file descriptor", out)
  end)
end)
