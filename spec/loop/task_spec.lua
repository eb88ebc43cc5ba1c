local helper = require "spec.helper"
local loop = require "graphsocket.loop"
local task = require "graphsocket.loop.task"

describe("a task", function()
  local on_error
  before_each(function() on_error = loop.on_error end)
  after_each(function() loop.on_error = on_error end)

  it("begins with the next turn, with its arguments", function()
    local got
    loop.spawn(function(...) got = { n = select("#", ...), ... } end, 1, nil, 3)
    assert.is_nil(got)
    loop.run()
    assert.same({ n = 3, 1, nil, 3 }, got)
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

  it("that raises gives its error, and tells on_error with the place", function()
    local told, traceback
    loop.on_error = function(...) told, traceback = ... end
    local one = loop.spawn(function() error({ "mine" }, 0) end)
    local ok, err = one:await()
    assert.is_false(ok)
    assert.same({ "mine" }, err)
    assert.equal(err, told)
    assert.matches("task_spec.lua:%d+", traceback)
  end)

  it("is waited for no longer than is wanted", function()
    local over, got = loop.future(), {}
    loop.run(function()
      local one = loop.spawn(function() over:await() end)
      got = { one:await(0.001) }
      over:resolve()
      assert.is_true(one:await())
    end)
    assert.same({ false, "timeout" }, got)
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

  it("that the program resumes goes on, and waits again", function()
    local log, co = {}, nil
    loop.on_error = helper.expect() -- it has yielded to nobody
    local one = loop.spawn(function()
      co = coroutine.running()
      log[1] = coroutine.yield()
      loop.sleep(0)
      log[2] = "slept"
    end)
    loop.step(0)
    assert.is_true(coroutine.resume(co, "resumed"))
    assert.is_true(one:await())
    assert.same({ "resumed", "slept" }, log)
  end)

  it("that the program resumes while it waits goes on waiting", function()
    local over, got = loop.future(), nil
    local co
    local one = loop.spawn(function()
      co = coroutine.running()
      got = { over:await() }
    end)
    loop.step(0)
    assert.is_true(coroutine.resume(co, "nothing"))
    assert.is_nil(got)
    over:resolve "value"
    assert.is_true(one:await())
    assert.same({ true, "value" }, got)
  end)

  it("that yields to nobody is reported", function()
    local told
    loop.on_error = function(err) told = err end
    loop.spawn(function() coroutine.yield() end)
    loop.step(0)
    assert.matches("a task called coroutine.yield", told)
  end)
end)
