-- Errors of the program's own functions, and Ctrl-C.

local helper = require "spec.helper"
local loop = require "graphsocket.loop"
local virtual = require "spec.loop.virtual"

describe("on_error", function()
  virtual.begin()

  local function fail() error("first", 0) end

  it("prints to stderr, with a traceback, by default", function()
    loop.on_error = nil
    local text = helper.capture_stderr(function() loop.run(fail) end)
    assert.matches("^graphsocket: first\nstack traceback:\n.*guard_spec.lua", text)
  end)

  it("that fails itself is printed along, and the loop goes on", function()
    virtual.waits()
    local went_on
    loop.on_error = function() error("second", 0) end
    local text = helper.capture_stderr(function()
      loop.run(function()
        loop.spawn(fail)
        loop.sleep(1)
        went_on = true
      end)
    end)
    assert.is_true(went_on)
    assert.matches("graphsocket: first\n", text, 1, true)
    assert.matches("graphsocket: on_error failed: second\n", text, 1, true)
  end)

  it("copes with an error value that cannot be printed", function()
    loop.on_error = nil
    local evil = setmetatable({}, { __tostring = function() error "no text" end })
    local text = helper.capture_stderr(function()
      loop.run(function() error(evil) end)
      loop.on_error = function() error(evil) end
      loop.run(function() error(evil) end)
    end)
    assert.matches("an error of type table", text, 1, true)
  end)

  it("may wait", function()
    virtual.waits()
    local done
    loop.on_error = function() loop.sleep(1) done = true end
    loop.run(fail)
    assert.is_true(done)
  end)

  it("hears of what loop.call caught", function()
    assert.same({ true, 1, 2 }, { loop.call(function(...) return ... end, 1, 2) })
    assert.same({ false, "first" }, { loop.call(fail) })
    assert.equal("first", virtual.reported[1].err)
  end)
end)

describe("Ctrl-C", function()
  -- The script prints "ready" and is then interrupted.
  local function interrupt(source)
    local script = helper.lua([[
      io.stdout:setvbuf "no"
      local loop = require "graphsocket.loop"
      loop.on_error = function(err) print("on_error", err) end
    ]] .. source)
    assert.equal("ready", script:line())
    script:signal "INT"
    local code = script:wait()
    assert.not_equal(0, code)
    assert.matches("interrupted!", script:err(), 1, true)
    assert.not_matches("on_error", script:out(), 1, true)
    return script
  end

  it("ends run() while it waits", function()
    interrupt [[
      loop.hold {}
      loop.run(function() print "ready" loop.sleep(100) end)
    ]]
  end)

  it("ends run() while a task computes", function()
    -- A string operation each round, since LuaJIT checks hooks in interpreted
    -- code only, and the task yields, since PUC Lua's hook is the main thread's.
    interrupt [[
      if jit then jit.off() end
      loop.run(function()
        print "ready"
        while true do
          for i = 1, 1e4 do local _ = ("x"):rep(10) .. i end
          loop.sleep(0)
        end
      end)
    ]]
  end)

  it("ends a wait in the main chunk", function()
    interrupt [[
      loop.spawn(print, "ready")
      loop.sleep(100)
    ]]
  end)

  it("leaves a loop behind that can be run again", function()
    local script = interrupt [[
      local ok, err = pcall(loop.run, function() print "ready" loop.sleep(100) end)
      print(ok, err)
      loop.run(function() print "again" loop.stop() end)
      error(err, 0)
    ]]
    assert.matches("again", script:out(), 1, true)
  end)
end)
