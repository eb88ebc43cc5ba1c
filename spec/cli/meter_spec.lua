local helper = require "spec.helper"
local loop = require "graphsocket.loop"
local meter = require "graphsocket.cli.meter"

describe("a meter", function()
  helper.in_frozen_time()

  local one
  before_each(function() one = meter.new() end)

  local function count(n)
    for _ = 1, n do one:count() end
  end

  it("counts all, and knows when the last one was", function()
    assert.equal(0, one.total)
    assert.is_nil(one.last_at)
    count(3)
    helper.advance(100)
    count(2)
    assert.equal(5, one.total)
    assert.equal(loop.now(), one.last_at)
  end)

  it("says how many there were a second, lately", function()
    helper.advance(10)
    count(20)
    assert.equal(2, one:rate(10))
    assert.equal(20, one:rate(1))
    helper.advance(5)
    count(10)
    assert.equal(3, one:rate(10))
  end)

  it("forgets what is a minute old, also where nothing came since", function()
    count(60)
    helper.advance(60)
    assert.equal(0, one:rate(60))
    count(30)
    assert.equal(30, one:rate(1))
    helper.advance(120)
    assert.equal(0, one:rate(60))
    assert.equal(90, one.total)
  end)

  it("that has just begun divides by a second at least", function()
    count(4)
    assert.equal(4, one:rate(60))
  end)
end)
