-- Signals as functions of a program that waits. What a command does at one is in
-- session_spec.lua, which signals are caught in spec/c/test_signals.c.

local helper = require "spec.helper"

local START = [[
io.stdout:setvbuf "line"
local core = require "graphsocket.core"
local loop = require "graphsocket.loop"
local signals = require "graphsocket.cli.signals"
local over = loop.future()
]]

describe("a signal", function()
  local process
  after_each(function() process:kill() end)

  local function start(source)
    process = helper.lua(START .. source)
    assert.equal("ready", process:line())
  end

  it("calls its function in the middle of a wait, and no other's", function()
    start [[
      loop.run(function()
        signals.on("HUP", function(name) print("first", name) end)
        signals.on("TERM", function(name) print("second", name) over:resolve() end)
        print "ready"
        over:await()
      end)
    ]]
    process:signal "HUP"
    helper.eventually(function() return process:out():find "first\tHUP" end, "it is called")
    process:signal "TERM"
    assert.equal(0, process:wait())
    assert.equal("ready\nfirst\tHUP\nsecond\tTERM\n", process:out())
  end)

  it("calls the function that was given last", function()
    start [[
      loop.run(function()
        signals.on("HUP", function() print "old" end)
        signals.on("HUP", function() print "new" over:resolve() end)
        print "ready"
        over:await()
      end)
    ]]
    process:signal "HUP"
    assert.equal(0, process:wait())
    assert.equal("ready\nnew\n", process:out())
  end)

  it("of a child's end wakes all that wait for one, while the program goes on", function()
    start [[
      local ended, child = 0, nil
      local function await()
        signals.await_child()
        ended = ended + 1
        if ended == 2 then over:resolve() end
      end
      loop.run(function()
        signals.watch_children()
        loop.spawn(await)
        loop.spawn(await)
        -- Begins when the others wait.
        loop.spawn(function()
          child = assert(core.process("read line", { inherit = true }))
        end)
        print "ready"
        over:await()
        print(ended, child:code())
      end)
    ]]
    assert.equal(0, process:wait())
    -- Its standard input is empty.
    assert.equal("ready\n2\t1\n", process:out())
  end)
end)
