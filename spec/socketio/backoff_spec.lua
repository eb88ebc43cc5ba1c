local backoff = require "graphsocket.socketio.backoff"

local function new(fields)
  fields = fields or {}
  return backoff.new {
    min = fields.min or 1,
    max = fields.max or 100,
    jitter = fields.jitter or 0,
    random = function() return fields.random or 0.5 end,
  }
end

describe("the wait before a reconnection attempt", function()
  it("doubles from one attempt to the next, up to the maximum", function()
    local wait = new { min = 1, max = 5 }
    local seen = {}
    for i = 1, 5 do seen[i] = wait:duration() end
    assert.same({ 1, 2, 4, 5, 5 }, seen)
  end)

  it("counts the attempts", function()
    local wait = new()
    assert.equal(0, wait.attempts)
    wait:duration()
    wait:duration()
    assert.equal(2, wait.attempts)
  end)

  it("begins anew after a reset", function()
    local wait = new { min = 3 }
    wait:duration()
    wait:duration()
    wait:reset()
    assert.equal(0, wait.attempts)
    assert.equal(3, wait:duration())
  end)

  -- backo2: an even first decimal of the random number shortens the wait.
  it("is shortened or lengthened by at most the factor", function()
    assert.equal(8 - 0.45 * 0.5 * 8,
      new { min = 8, jitter = 0.5, random = 0.45 }:duration())
    assert.equal(8 + 0.55 * 0.5 * 8,
      new { min = 8, jitter = 0.5, random = 0.55 }:duration())
  end)

  it("never exceeds the maximum, whatever the jitter", function()
    assert.equal(10,
      new { min = 9, max = 10, jitter = 1, random = 0.99 }:duration())
  end)

  it("stays a number after thousands of attempts", function()
    local wait = new { jitter = 0.5, random = 0.2 }
    local last
    for _ = 1, 5000 do last = wait:duration() end
    assert.equal(100, last)
  end)

  it("follows its settings when they are changed", function()
    local wait = new()
    wait.min, wait.max, wait.jitter = 7, 8, 0
    assert.equal(7, wait:duration())
    assert.equal(8, wait:duration())
  end)
end)
