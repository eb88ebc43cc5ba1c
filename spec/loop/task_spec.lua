local errors = require "graphsocket.errors"
local loop = require "graphsocket.loop"
local task = require "graphsocket.loop.task"
local virtual = require "spec.loop.virtual"

virtual.begin()

describe("a task", function()
  it("starts with the next turn, with its arguments, and can be awaited", function()
    virtual.waits()
    local log = {}
    local one = loop.spawn(function(...)
      log[#log + 1] = { select("#", ...), ... }
      loop.sleep(2)
      return nil, "b", nil
    end, 1, nil, 3, nil)
    assert.same({}, log)
    assert.same({ false, "timeout" }, { one:await(1) })
    local results = { n = select("#", one:await()), one:await() }
    assert.same({ n = 4, true, nil, "b" }, results)
    assert.same({ { 4, 1, nil, 3 } }, log)
  end)

  it("that fails tells on_error where, and whoever awaits it", function()
    virtual.waits()
    local one = loop.spawn(function() local function culprit() error "oh" end culprit() return 1 end)
    local ok, err = one:await()
    assert.is_false(ok)
    assert.matches("task_spec.lua:%d+: oh$", err)
    assert.equal(1, #virtual.reported)
    assert.equal(err, virtual.reported[1].err)
    assert.matches("^stack traceback:.*culprit", virtual.reported[1].traceback)
  end)

  it("that raises an error object hands it on as it is", function()
    virtual.waits()
    local err = errors.new { kind = "state", message = "not now" }
    loop.run(function() error(err) end)
    assert.equal(err, virtual.reported[1].err)
    assert.equal("state", virtual.reported[1].err.kind)
  end)

  it("may fail with anything", function()
    virtual.waits()
    loop.run(function() error() end)
    loop.run(function() error(false) end)
    loop.run(function() local function deep() return 1 + deep() end deep() end)
    assert.equal(3, #virtual.reported)
    assert.is_nil(virtual.reported[1].err)
    assert.is_false(virtual.reported[2].err)
    -- LuaJIT may have no stack left to find out where.
    local overflow = virtual.reported[3].err
    assert.truthy(overflow:match "stack overflow" or overflow:match "error in error handling")
  end)

  it("that calls coroutine.yield is told so, and others go on", function()
    virtual.waits()
    local log, co = {}, nil
    loop.run(function()
      loop.spawn(function()
        co = coroutine.running()
        local what = coroutine.yield "foreign"
        log[#log + 1] = what
        loop.sleep(1)
        log[#log + 1] = "slept"
      end)
      loop.sleep(1)
      log[#log + 1] = "other"
    end)
    assert.matches("a task called coroutine.yield", virtual.reported[1].err)
    assert.matches("task_spec.lua", virtual.reported[1].traceback)
    -- Whoever has the coroutine may let it go on, and it may wait again.
    coroutine.resume(co, "resumed")
    loop.run()
    assert.same({ "other", "resumed", "slept" }, log)
    assert.equal(1, #virtual.reported)
  end)

  it("that waits is not woken by a stranger's resume", function()
    virtual.waits()
    local log, co = {}, nil
    loop.run(function()
      loop.spawn(function()
        co = coroutine.running()
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
    virtual.waits()
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
    assert.same({}, virtual.reported)
  end)

  it("of many does not keep events waiting", function()
    virtual.waits()
    local source, log = virtual.source(), {}
    local function again(n)
      if n > 0 then loop.spawn(again, n - 1) end
      if n == 90 then source.events[1] = function() log[#log + 1] = "event" end end
      if n == 0 then log[#log + 1] = "tasks" end
    end
    loop.run(function() again(100) end)
    assert.same({ "event", "tasks" }, log)
  end)

  it("gives what its function returned to each who waits, also afterwards", function()
    local got = {}
    local one = loop.spawn(function() return "value", nil, 3 end)
    loop.run(function()
      loop.spawn(function() got[1] = { one:await() } end)
      loop.spawn(function() got[2] = { one:await() } end)
    end)
    assert.same({ true, "value", nil, 3 }, got[1])
    assert.same(got[1], got[2])
    assert.same(got[1], { one:await() })
  end)

  it("is known by its coroutine as long as it goes on", function()
    local co, known
    local one = loop.spawn(function()
      co = coroutine.running()
      known = task.of(co)
    end)
    loop.run()
    assert.equal(one, known)
    assert.is_nil(task.of(co))
    assert.is_nil(task.of(nil))
  end)

  it("is not run again, nor is the next, by who kept its coroutine", function()
    virtual.waits()
    local log, kept = {}, nil
    loop.run(function()
      loop.spawn(function()
        kept = coroutine.running()
        log[#log + 1] = "first"
      end):await()
      coroutine.resume(kept, "stray")
      loop.spawn(function()
        coroutine.resume(kept, "stray")
        loop.sleep(1)
        log[#log + 1] = "second"
      end)
      loop.spawn(function() log[#log + 1] = "third" end)
      loop.sleep(0.5)
      coroutine.resume(kept, "stray")
    end)
    assert.same({ "first", "third", "second" }, log)
    assert.same({}, virtual.reported)
  end)

  it("runs though the program closed the coroutine of an earlier one", function()
    virtual.waits()
    local close = rawget(coroutine, "close") or function() end -- Lua 5.4
    local kept, ran
    loop.run(function()
      loop.spawn(function() kept = coroutine.running() end):await()
      close(kept)
      ran = loop.spawn(function() return "ran" end):await()
    end)
    assert.is_true(ran)
  end)

  it("that has waited leaves a coroutine that is dead", function()
    virtual.waits()
    local co
    loop.run(function()
      loop.spawn(function()
        co = coroutine.running()
        loop.sleep(1)
      end)
    end)
    assert.equal("dead", coroutine.status(co))
  end)

  it("knows nothing of one that failed before it", function()
    virtual.waits()
    loop.run(function()
      local function culprit() error "first" end
      loop.spawn(function() culprit() end)
      loop.spawn(function() error "second" end)
    end)
    assert.matches("culprit", virtual.reported[1].traceback)
    assert.matches("second$", virtual.reported[2].err)
    assert.not_matches("culprit", virtual.reported[2].traceback)
  end)

  it("keeps nothing of itself once it has ended", function()
    virtual.waits()
    local weak = setmetatable({}, { __mode = "v" })
    loop.run(function()
      loop.spawn(function(big) weak.argument, weak.result = big, { big } return weak.result end, {})
      loop.sleep(1)
      collectgarbage()
      collectgarbage()
      assert(not weak.argument and not weak.result)
    end)
    assert.same({}, virtual.reported)
  end)
end)
