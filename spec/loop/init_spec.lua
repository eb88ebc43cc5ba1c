-- The loop in a plain program: run(), step() and timers. Tasks, errors, held
-- objects and waits outside of tasks are in task_spec.lua, guard_spec.lua,
-- holds_spec.lua and wait_spec.lua.

local core = require "graphsocket.core"
local helper = require "spec.helper"
local loop = require "graphsocket.loop"
local plain = require "graphsocket.loop.plain"
local virtual = require "spec.loop.virtual"

local function running()
  local co, is_main = coroutine.running()
  return not is_main and co or nil
end

virtual.begin()

describe("run()", function()
  it("returns at once when there is nothing to wait for", function()
    local waits = virtual.waits()
    loop.run()
    assert.same({}, waits)
  end)

  it("runs main as a task, and the tasks that it leaves, to their end", function()
    virtual.waits()
    local log = {}
    loop.run(function()
      loop.spawn(function()
        loop.sleep(5)
        log[#log + 1] = "child"
      end)
      log[#log + 1] = running() and "main"
    end)
    assert.same({ "main", "child" }, log)
  end)

  it("gives an error of main to on_error and goes on", function()
    virtual.waits()
    local done
    loop.run(function()
      loop.spawn(function() loop.sleep(1) done = true end)
      error "no good"
    end)
    assert.is_true(done)
    assert.matches("no good", virtual.reported[1].err)
  end)

  it("does not wait for timers, but for held objects", function()
    virtual.waits()
    local object, log = {}, {}
    loop.timer(1, function() log[#log + 1] = 1 end)
    loop.timer(3, function() log[#log + 1] = 3 end)
    loop.timer(2, function() log[#log + 1] = 2 loop.release(object) end)
    loop.hold(object)
    loop.hold(object) -- holds once only
    loop.run()
    assert.same({ 1, 2 }, log)
  end)

  it("returns after stop(), with tasks left where they were", function()
    virtual.waits()
    local log = {}
    loop.run(function()
      loop.spawn(function() loop.sleep(10) log[#log + 1] = "later" end)
      loop.sleep(1)
      loop.stop()
      log[#log + 1] = "stopped"
    end)
    assert.same({ "stopped" }, log)
    loop.run()
    assert.same({ "stopped", "later" }, log)
  end)

  it("is not ended by a stop() that came before it", function()
    virtual.waits()
    local ran
    loop.stop()
    loop.run(function() loop.sleep(1) ran = true end)
    assert.is_true(ran)
  end)

  it("returns rather than wait for what can never come", function()
    virtual.waits()
    local future = loop.future()
    local waiter = loop.spawn(function() return future:await() end)
    loop.run()
    assert.same({ false, "timeout" }, { waiter:await(1) })
    future:resolve "come after all"
    assert.same({ true, true, "come after all" }, { waiter:await() })
  end)

  it("refuses to run inside itself", function()
    virtual.waits()
    local message
    loop.run(function() message = select(2, pcall(loop.run)) end)
    assert.matches("run%(%) is running already", message)
    local ran
    loop.run(function() ran = true end)
    assert.is_true(ran)
  end)

  it("refuses what is no function", function()
    -- pcall, since luassert takes the position away.
    local _, message = pcall(function() loop.run(3) end)
    assert.matches("init_spec.lua:%d+: bad argument to run: a function is needed", message)
    assert.error_matches(function() loop.spawn() end, "bad argument to spawn: a function is needed, not nil")
    assert.error_matches(function() loop.timer(1, "x") end, "bad argument to timer: a function is needed, not string")
    assert.error_matches(function() loop.sleep "1" end, "bad argument to sleep: a number of seconds is needed")
    assert.error_matches(function() loop.host "libuv" end, "unknown loop 'libuv': use plain")
  end)

  it("makes no turn while nothing happens: an hour's sleep is one wait", function()
    local waits = virtual.waits()
    virtual.source()
    loop.run(function() loop.sleep(3600) end)
    assert.equal(1, #waits)
    assert.near(3600, waits[1], 1)
  end)

  it("waits without an end when only an event can come", function()
    local waits, source, object = virtual.waits(), virtual.source(), {}
    loop.hold(object)
    plain.wait = function(_, timeout)
      waits[#waits + 1] = timeout or false
      source.events[1] = function() loop.release(object) end
    end
    loop.run()
    assert.same({ false }, waits)
  end)
end)

describe("step()", function()
  it("runs what is due and counts it", function()
    local waits, log = virtual.waits(), {}
    loop.spawn(function() log[#log + 1] = "task" end)
    assert.equal(1, loop.step())
    loop.timer(1, function() log[#log + 1] = "timer" end)
    assert.equal(0, loop.step(0))
    assert.equal(2, loop.step(2)) -- the timer and its task
    assert.same({ "task", "timer" }, log)
    assert.equal(1, #waits)
    assert.near(1, waits[1], 0.5)
  end)

  it("waits no longer than it is told", function()
    local waits = virtual.waits()
    virtual.source()
    loop.timer(100, function() end)
    assert.equal(0, loop.step(3))
    assert.near(3, waits[1], 0.5)
    assert.equal(1, #waits)
    loop.skew(100)
    loop.step(0)
  end)

  it("without a limit waits for an event, or returns when none can come", function()
    local waits = virtual.waits()
    assert.equal(0, loop.step())
    assert.same({}, waits)
    local source, happened = virtual.source(), false
    plain.wait = function() source.events[1] = function() happened = true end end
    assert.equal(1, loop.step())
    assert.is_true(happened)
  end)

  it("is announced by timeout() and fd()", function()
    virtual.waits()
    assert.is_nil(loop.timeout())
    local timer = loop.timer(50, function() end)
    assert.near(50, loop.timeout(), 1)
    loop.spawn(function() end)
    assert.equal(0, loop.timeout())
    loop.step(0)
    timer:cancel()
    assert.is_nil(loop.timeout())
    assert.equal("number", type(loop.fd()))
    require("graphsocket.engine").stop()
  end)

  it("is called for by the fd when work comes after timeout() was asked", function()
    local function is_readable() return core.poll((assert(loop.fd())), 0) end
    while is_readable() do loop.step(0) end
    assert.is_nil(loop.timeout())
    assert.is_false(is_readable())
    loop.spawn(function() end)
    assert.is_true(is_readable())
    loop.step(0)
    assert.is_false(is_readable())
    loop.timer(100, function() end)
    assert.near(100, loop.timeout(), 1)
    loop.timer(50, function() end)
    assert.is_true(is_readable())
    loop.step(0)
    assert.near(50, loop.timeout(), 1)
    require("graphsocket.engine").stop()
  end)
end)

describe("a timer", function()
  it("calls its function in a task, with arguments", function()
    virtual.waits()
    local got
    loop.timer(1, function(...)
      loop.sleep(1)
      got = { select("#", ...), ... }
    end, nil, 2, nil)
    loop.sleep(3)
    assert.same({ 3, nil, 2 }, got)
  end)

  it("that was cancelled calls nothing, also when it is due already", function()
    virtual.waits()
    local one, two
    one = loop.timer(1, function() two:cancel() end)
    two = loop.timer(100, error, "called")
    loop.sleep(200)
    one:cancel()
    assert.same({}, virtual.reported)
  end)

  it("that is cancelled by one that was due with it calls nothing", function()
    local called, two = false, nil
    loop.timer(1, function() two:cancel() end)
    two = loop.timer(1, function() called = true end)
    helper.advance(2)
    assert.is_false(called)
  end)

  it("of infinity never comes", function()
    virtual.waits()
    loop.timer(math.huge, error, "called"):cancel()
    loop.timer(math.huge, error, "called")
    assert.is_nil(loop.timeout())
  end)

  it("fires when virtual time passes it", function()
    local at, fired = loop.now(), nil
    local epoch = loop.time()
    loop.timer(86400, function() fired = loop.now() end)
    helper.advance(86401)
    assert.is_true(fired - at >= 86400)
    assert.is_true(loop.time() - epoch >= 86400)
  end)
end)
