-- The loop in a plain program. Where waits are looked at, the host adapter is
-- replaced by one that passes the time in no time and keeps a record.

local core = require "graphsocket.core"
local errors = require "graphsocket.errors"
local helper = require "spec.helper"
local loop = require "graphsocket.loop"
local plain = require "graphsocket.loop.plain"

local reported

local function running()
  local co, is_main = coroutine.running()
  return not is_main and co or nil
end

-- Replaces blocking by virtual time. Returns the list of waits: seconds, or
-- false for one without an end.
local function virtual()
  local waits, real = {}, plain.wait
  plain.wait = function(_, timeout)
    waits[#waits + 1] = timeout or false
    if not timeout then error("it would wait for ever", 0) end
    loop.skew(timeout)
  end
  finally(function() plain.wait = real end)
  return waits
end

-- A source of events: functions, called one after another by dispatch.
local function fake_source()
  local source = { events = {}, fd = function() return -1 end, wake = function() end }
  function source.dispatch()
    local count = 0
    while source.events[1] do
      count = count + 1
      table.remove(source.events, 1)()
    end
    return count
  end
  function source.active() return true end
  loop.attach(source)
  finally(function() loop.attach(nil) end)
  return source
end

helper.in_frozen_time()

before_each(function()
  reported = {}
  loop.on_error = function(err, traceback)
    reported[#reported + 1] = { err = err, traceback = traceback }
  end
end)

after_each(function() loop.on_error = nil end)

describe("run()", function()
  it("returns at once when there is nothing to wait for", function()
    local waits = virtual()
    loop.run()
    assert.same({}, waits)
  end)

  it("runs main as a task, and the tasks that it leaves, to their end", function()
    virtual()
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
    virtual()
    local done
    loop.run(function()
      loop.spawn(function() loop.sleep(1) done = true end)
      error "no good"
    end)
    assert.is_true(done)
    assert.matches("no good", reported[1].err)
  end)

  it("does not wait for timers, but for held objects", function()
    virtual()
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
    virtual()
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
    virtual()
    local ran
    loop.stop()
    loop.run(function() loop.sleep(1) ran = true end)
    assert.is_true(ran)
  end)

  it("returns rather than wait for what can never come", function()
    virtual()
    local future = loop.future()
    local waiter = loop.spawn(function() return future:await() end)
    loop.run()
    assert.same({ false, "timeout" }, { waiter:await(1) })
    future:resolve "come after all"
    assert.same({ true, true, "come after all" }, { waiter:await() })
  end)

  it("refuses to run inside itself", function()
    virtual()
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
    local waits = virtual()
    fake_source()
    loop.run(function() loop.sleep(3600) end)
    assert.equal(1, #waits)
    assert.near(3600, waits[1], 1)
  end)

  it("waits without an end when only an event can come", function()
    local waits, source, object = virtual(), fake_source(), {}
    loop.hold(object)
    plain.wait = function(_, timeout)
      waits[#waits + 1] = timeout or false
      source.events[1] = function() loop.release(object) end
    end
    loop.run()
    assert.same({ false }, waits)
  end)
end)

describe("a held object", function()
  local function held()
    local weak = setmetatable({}, { __mode = "v" })
    weak.object = {}
    loop.hold(weak.object)
    return weak
  end

  local function collect()
    collectgarbage()
    collectgarbage()
  end

  it("lives from hold() on, though nothing else refers to it", function()
    virtual()
    local weak = held()
    collect()
    assert.truthy(weak.object)
    loop.timer(1, function()
      collect()
      assert.truthy(weak.object)
      loop.release(weak.object)
    end)
    loop.run()
    assert.same({}, reported)
    collect()
    assert.is_nil(weak.object)
  end)

  it("is collected after stop() when the program has dropped it", function()
    virtual()
    local weak = held()
    loop.timer(1, loop.stop)
    loop.run()
    collect()
    assert.is_nil(weak.object)
    loop.run() -- does not wait for it
  end)

  it("keeps the next run() from returning when the program kept it", function()
    virtual()
    local object, released = {}, false
    loop.hold(object)
    loop.timer(1, loop.stop)
    loop.run()
    collect()
    loop.timer(1, function() released = true loop.release(object) end)
    loop.run()
    assert.is_true(released)
  end)

  it("lives between steps", function()
    virtual()
    local weak = held()
    loop.step(0)
    collect()
    assert.truthy(weak.object)
    loop.stop()
    collect()
    assert.is_nil(weak.object)
  end)
end)

describe("step()", function()
  it("runs what is due and counts it", function()
    local waits, log = virtual(), {}
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
    local waits = virtual()
    fake_source()
    loop.timer(100, function() end)
    assert.equal(0, loop.step(3))
    assert.near(3, waits[1], 0.5)
    assert.equal(1, #waits)
    loop.skew(100)
    loop.step(0)
  end)

  it("without a limit waits for an event, or returns when none can come", function()
    local waits = virtual()
    assert.equal(0, loop.step())
    assert.same({}, waits)
    local source, happened = fake_source(), false
    plain.wait = function() source.events[1] = function() happened = true end end
    assert.equal(1, loop.step())
    assert.is_true(happened)
  end)

  it("is announced by timeout() and fd()", function()
    virtual()
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

describe("a task", function()
  it("starts with the next turn, with its arguments, and can be awaited", function()
    virtual()
    local log = {}
    local task = loop.spawn(function(...)
      log[#log + 1] = { select("#", ...), ... }
      loop.sleep(2)
      return nil, "b", nil
    end, 1, nil, 3, nil)
    assert.same({}, log)
    assert.same({ false, "timeout" }, { task:await(1) })
    local results = { n = select("#", task:await()), task:await() }
    assert.same({ n = 4, true, nil, "b" }, results)
    assert.same({ { 4, 1, nil, 3 } }, log)
  end)

  it("that fails tells on_error where, and whoever awaits it", function()
    virtual()
    local task = loop.spawn(function() local function culprit() error "oh" end culprit() return 1 end)
    local ok, err = task:await()
    assert.is_false(ok)
    assert.matches("init_spec.lua:%d+: oh$", err)
    assert.equal(1, #reported)
    assert.equal(err, reported[1].err)
    assert.matches("^stack traceback:.*culprit", reported[1].traceback)
  end)

  it("that raises an error object hands it on as it is", function()
    virtual()
    local err = errors.new { kind = "state", message = "not now" }
    loop.run(function() error(err) end)
    assert.equal(err, reported[1].err)
    assert.equal("state", reported[1].err.kind)
  end)

  it("may fail with anything", function()
    virtual()
    loop.run(function() error() end)
    loop.run(function() error(false) end)
    loop.run(function() local function deep() return 1 + deep() end deep() end)
    assert.equal(3, #reported)
    assert.is_nil(reported[1].err)
    assert.is_false(reported[2].err)
    -- LuaJIT may have no stack left to find out where.
    assert.truthy(reported[3].err:match "stack overflow" or reported[3].err:match "error in error handling")
  end)

  it("that calls coroutine.yield is told so, and others go on", function()
    virtual()
    local log, co = {}, nil
    loop.run(function()
      loop.spawn(function()
        co = running()
        local what = coroutine.yield "foreign"
        log[#log + 1] = what
        loop.sleep(1)
        log[#log + 1] = "slept"
      end)
      loop.sleep(1)
      log[#log + 1] = "other"
    end)
    assert.matches("a task called coroutine.yield", reported[1].err)
    assert.matches("init_spec.lua", reported[1].traceback)
    -- Whoever has the coroutine may let it go on, and it may wait again.
    coroutine.resume(co, "resumed")
    loop.run()
    assert.same({ "other", "resumed", "slept" }, log)
    assert.equal(1, #reported)
  end)

  it("that waits is not woken by a stranger's resume", function()
    virtual()
    local log, co = {}, nil
    loop.run(function()
      loop.spawn(function()
        co = running()
        loop.sleep(10)
        log[#log + 1] = "slept"
      end)
      loop.sleep(1)
      coroutine.resume(co)
      loop.sleep(1)
      log[#log + 1] = "early"
    end)
    assert.same({ "early", "slept" }, log)
  end)

  it("waits in a coroutine of its own too, while others go on", function()
    virtual()
    local log = {}
    loop.run(function()
      loop.spawn(function()
        local numbers = coroutine.wrap(function()
          for i = 1, 2 do
            loop.sleep(10)
            coroutine.yield(i)
          end
        end)
        local one, two = numbers(), numbers()
        log[#log + 1] = one
        log[#log + 1] = two
      end)
      loop.sleep(5)
      log[#log + 1] = "other"
    end)
    assert.same({ "other", 1, 2 }, log)
    assert.same({}, reported)
  end)

  it("of many does not keep events waiting", function()
    virtual()
    local source, log = fake_source(), {}
    local function again(n)
      if n > 0 then loop.spawn(again, n - 1) end
      if n == 90 then source.events[1] = function() log[#log + 1] = "event" end end
      if n == 0 then log[#log + 1] = "tasks" end
    end
    loop.run(function() again(100) end)
    assert.same({ "event", "tasks" }, log)
  end)
end)

describe("on_error", function()
  local function fail() error("first", 0) end

  it("prints to stderr, with a traceback, by default", function()
    loop.on_error = nil
    local text = helper.capture_stderr(function() loop.run(fail) end)
    assert.matches("^graphsocket: first\nstack traceback:\n.*init_spec.lua", text)
  end)

  it("that fails itself is printed along, and the loop goes on", function()
    virtual()
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
    virtual()
    local done
    loop.on_error = function() loop.sleep(1) done = true end
    loop.run(fail)
    assert.is_true(done)
  end)

  it("hears of what loop.call caught", function()
    assert.same({ true, 1, 2 }, { loop.call(function(...) return ... end, 1, 2) })
    assert.same({ false, "first" }, { loop.call(fail) })
    assert.equal("first", reported[1].err)
  end)
end)

describe("waiting outside of tasks", function()
  it("runs tasks and timers meanwhile in the main chunk", function()
    virtual()
    local log = {}
    loop.spawn(function() loop.sleep(1) log[#log + 1] = "task" end)
    loop.timer(2, function() log[#log + 1] = "timer" end)
    loop.sleep(3)
    assert.same({ "task", "timer" }, log)
  end)

  it("works in a coroutine of the program's own", function()
    virtual()
    local co = coroutine.create(function()
      loop.sleep(1)
      return loop.spawn(function() loop.sleep(1) return "done" end):await()
    end)
    assert.same({ true, true, "done" }, { coroutine.resume(co) })
  end)

  it("raises when the wait could never end", function()
    virtual()
    local ok, message = pcall(function() loop.future():await() end)
    assert.is_false(ok)
    assert.matches("init_spec.lua:%d+: this wait cannot end", message)
  end)

  it("is refused to a sink, which would hold up everything", function()
    virtual()
    local source, message = fake_source(), nil
    source.events[1] = function() message = select(2, pcall(loop.sleep, 1)) end
    loop.step(0)
    assert.matches("a sink must not wait", message)
  end)

  it("nests: each waiter gets its own event", function()
    virtual()
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

describe("a timer", function()
  it("calls its function in a task, with arguments", function()
    virtual()
    local got
    loop.timer(1, function(...)
      loop.sleep(1)
      got = { select("#", ...), ... }
    end, nil, 2, nil)
    loop.sleep(3)
    assert.same({ 3, nil, 2 }, got)
  end)

  it("that was cancelled calls nothing, also when it is due already", function()
    virtual()
    local one, two
    one = loop.timer(1, function() two:cancel() end)
    two = loop.timer(100, error, "called")
    loop.sleep(200)
    one:cancel()
    assert.same({}, reported)
  end)

  it("that is cancelled by one that was due with it calls nothing", function()
    local called, two = false, nil
    loop.timer(1, function() two:cancel() end)
    two = loop.timer(1, function() called = true end)
    helper.advance(2)
    assert.is_false(called)
  end)

  it("of infinity never comes", function()
    virtual()
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
