local helper = require "spec.helper"
local lease = require "graphsocket.nginx.lease"
local loop = require "graphsocket.loop"
local memory = require "graphsocket.nginx.memory"

local TTL = 15

describe("the lease", function()
  helper.in_frozen_time()

  local dict, first, second

  before_each(function()
    dict = memory.new(loop.now)
    first, second = lease.new(dict, 101, TTL), lease.new(dict, 102, TTL)
  end)

  it("has one owner, however many ask", function()
    assert.equal("taken", first:look())
    for pid = 102, 120 do
      assert.is_nil(lease.new(dict, pid, TTL):look())
    end
    assert.is_true(first:holds())
    assert.is_false(second:holds())
    assert.same({ owner_pid = 101, generation = 1, takeovers = 0 }, second:stats())
  end)

  it("stays with an owner that renews it", function()
    first:look()
    for _ = 1, 20 do
      helper.advance(TTL / 3)
      assert.equal("kept", first:look())
      assert.is_nil(second:look())
    end
  end)

  it("is free once its owner has not renewed it for the ttl, not earlier", function()
    first:look()
    helper.advance(TTL - 1)
    assert.is_nil(second:look())
    assert.is_true(second:left() <= 1)
    helper.advance(1)
    assert.is_nil(second:left())
    assert.equal("taken", second:look())
    assert.same({ owner_pid = 102, generation = 2, takeovers = 1 }, second:stats())
  end)

  it("is lost by an owner that comes back too late, and the new one keeps it", function()
    first:look()
    helper.advance(TTL + 1)
    second:look()
    assert.is_false(first:holds())
    assert.equal("lost", first:look())
    assert.is_nil(first:look())
    assert.equal("kept", second:look())
  end)

  it("is kept by an owner that comes back late if nobody wanted it", function()
    first:look()
    helper.advance(10 * TTL)
    assert.is_false(first:holds())
    assert.equal("kept", first:look())
    assert.is_true(first:holds())
    assert.equal(1, first:stats().generation)
  end)

  it("is not kept by an owner after whom another has owned, also if it is free", function()
    first:look()
    helper.advance(TTL)
    second:look()
    second:leave()
    assert.equal("lost", first:look())
    assert.equal("taken", first:look())
    assert.equal(3, first:stats().generation)
  end)

  it("is free at once when its owner leaves, which is no take-over", function()
    first:look()
    first:leave()
    assert.is_true(second:is_free())
    assert.equal("taken", second:look())
    assert.same({ owner_pid = 102, generation = 2, takeovers = 0 }, second:stats())
  end)

  it("is never taken again by one that has left", function()
    first:look()
    first:leave()
    assert.is_nil(first:look())
    assert.equal("left", first.state)
    assert.is_true(second:is_free())
  end)

  it("is not given up by one that does not have it", function()
    first:look()
    second:leave()
    assert.is_true(first:holds())
    helper.advance(TTL)
    local third = lease.new(dict, 103, TTL)
    third:look()
    first:leave()
    assert.is_true(third:holds())
  end)

  it("tells two processes with one pid apart", function()
    first:look()
    helper.advance(TTL)
    local reborn = lease.new(dict, 101, TTL)
    assert.equal("taken", reborn:look())
    assert.is_false(first:holds())
    assert.equal("lost", first:look())
  end)

  it("lasts no longer than the ttl, also when the clock is set back", function()
    first:look()
    loop.skew(-3600)
    assert.is_true(second:left() > TTL)
    assert.is_nil(second:look())
    assert.is_true(second:left() <= TTL)
    assert.is_true(first:holds())
    loop.skew(3600)
  end)

  it("is nobody's while the dict is full, and is tried again", function()
    dict.safe_add = function() return nil, "no memory" end
    assert.is_nil(first:look())
    assert.equal("standby", first.state)
    dict.safe_add = nil
    assert.equal("taken", first:look())
  end)

  it("is lost when the dict cannot hold it any more", function()
    first:look()
    helper.advance(TTL)
    dict.safe_add = function() return nil, "no memory" end
    assert.equal("lost", first:look())
  end)
end)
