local loop = require "graphsocket.loop"
local virtual = require "spec.loop.virtual"

virtual.begin()

describe("waiting outside of tasks", function()
  it("runs tasks and timers meanwhile in the main chunk", function()
    virtual.waits()
    local log = {}
    loop.spawn(function() loop.sleep(1) log[#log + 1] = "task" end)
    loop.timer(2, function() log[#log + 1] = "timer" end)
    loop.sleep(3)
    assert.same({ "task", "timer" }, log)
  end)

  it("works in a coroutine of the program's own", function()
    virtual.waits()
    local co = coroutine.create(function()
      loop.sleep(1)
      return loop.spawn(function() loop.sleep(1) return "done" end):await()
    end)
    assert.same({ true, true, "done" }, { coroutine.resume(co) })
  end)

  it("raises when the wait could never end", function()
    virtual.waits()
    local ok, message = pcall(function() loop.future():await() end)
    assert.is_false(ok)
    assert.matches("wait_spec.lua:%d+: this wait cannot end", message)
  end)

  it("is refused to a sink, which would hold up everything", function()
    virtual.waits()
    local source, message = virtual.source(), nil
    source.events[1] = function() message = select(2, pcall(loop.sleep, 1)) end
    loop.step(0)
    assert.matches("a sink must not wait", message)
  end)

  it("nests: each waiter gets its own event", function()
    virtual.waits()
    local a, b, log = loop.future(), loop.future(), {}
    loop.spawn(function()
      coroutine.wrap(function()
        local _, value = b:await()
        log[#log + 1] = value
      end)()
      a:resolve "a"
    end)
    loop.timer(1, function() b:resolve "b" end)
    local _, value = a:await()
    log[#log + 1] = value
    assert.same({ "b", "a" }, log)
  end)
end)
