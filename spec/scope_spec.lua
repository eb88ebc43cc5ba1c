local helper = require "spec.helper"
local loop = require "graphsocket.loop"
local scope = require "graphsocket.scope"

describe("graphsocket.scope", function()
  helper.in_frozen_time()

  local one
  before_each(function() one = scope.new() end)

  it("waits until what was started is done, and gives its values", function()
    local got
    loop.run(function()
      got = { one:wait(function(done) loop.timer(0, done, "value", nil, 3) end) }
    end)
    assert.same({ true, "value", nil, 3 }, got)
  end)

  it("ends a wait when it is cancelled, and stops what was started", function()
    local stopped, got = 0, nil
    loop.run(function()
      loop.timer(0, function() one:cancel() end)
      got = { one:wait(function() return function() stopped = stopped + 1 end end) }
    end)
    assert.same({ false }, got)
    assert.equal(1, stopped)
  end)

  it("starts nothing once it is cancelled", function()
    one:cancel()
    assert.is_false(one:wait(function() error "started" end))
    assert.is_false(one.sleep(one, 3600))
  end)

  it("does not stop what has ended", function()
    loop.run(function()
      one:wait(function(done)
        loop.timer(0, done)
        return function() error "stopped" end
      end)
    end)
    one:cancel()
    assert.is_true(one.cancelled)
  end)

  it("calls each callback once, whoever cancels again", function()
    local calls = 0
    local function callback() calls = calls + 1 end
    one:on_cancel(callback)
    one:on_cancel(callback)
    one:cancel()
    one:cancel()
    assert.equal(2, calls)
  end)

  it("calls a callback that comes late at once, and none that was taken back", function()
    one:on_cancel(function() error "called" end)()
    one:cancel()
    one:on_cancel(helper.expect())
  end)

  it("sleeps as long as it is told, or until it is cancelled", function()
    local whole, cut = loop.spawn(one.sleep, one, 60), loop.spawn(one.sleep, one, 3600)
    helper.advance(0)
    helper.advance(59)
    assert.same({ false, "timeout" }, { whole:await(0) })
    helper.advance(1)
    assert.same({ true, true }, { whole:await(0) })
    one:cancel()
    assert.same({ true, false }, { cut:await() })
  end)

  it("has an error for who was waiting", function()
    local err = scope.cancellation()
    assert.equal("closed", err.kind)
    assert.equal("CANCELLED", err.code)
    assert.is_false(err.retryable)
  end)
end)
