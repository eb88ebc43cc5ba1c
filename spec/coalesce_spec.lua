local coalesce = require "graphsocket.coalesce"
local helper = require "spec.helper"

describe("graphsocket.coalesce", function()
  helper.in_frozen_time()

  local given

  -- Takes at once, as an owner does that is not busy.
  local function new(quiet, max_wait)
    given = {}
    return coalesce.new(quiet, max_wait, function(self)
      local value, count = self:take()
      given[#given + 1] = { value, count }
    end)
  end

  it("hands out the last value of a burst when it has been quiet", function()
    local c = new(200)
    c:add "a"
    helper.advance(150)
    c:add "b"
    helper.advance(150)
    c:add "c"
    assert.same({}, given)
    helper.advance(190)
    assert.same({}, given)
    helper.advance(20)
    assert.same({ { "c", 3 } }, given)
    helper.advance(10000)
    assert.same({ { "c", 3 } }, given)
  end)

  it("does not wait longer than max_wait, however it goes on", function()
    local c = new(200, 500)
    for i = 1, 12 do
      c:add(i)
      helper.advance(100)
    end
    assert.same({ { 5, 5 }, { 10, 5 } }, given)
    helper.advance(200)
    assert.same({ { 5, 5 }, { 10, 5 }, { 12, 2 } }, given)
  end)

  it("with max_wait alone hands out once in so many seconds", function()
    local c = new(nil, 300)
    c:add(1)
    c:add(2)
    helper.advance(301)
    c:add(3)
    helper.advance(301)
    assert.same({ { 2, 2 }, { 3, 1 } }, given)
  end)

  it("keeps one value for an owner that is busy", function()
    local told = 0
    local c = coalesce.new(100, nil, function() told = told + 1 end)
    c:add "a"
    helper.advance(110)
    assert.equal(1, told)
    c:add "b"
    helper.advance(500)
    c:add "c"
    helper.advance(500)
    assert.equal(1, told)
    assert.same({ "c", 3 }, { c:take() })
    c:add "d"
    helper.advance(110)
    assert.equal(2, told)
    assert.same({ "d", 1 }, { c:take() })
    assert.same({ nil, 0 }, { c:take() })
  end)

  it("hands out at once what is flushed, and nothing twice", function()
    local c = new(1000)
    c:flush()
    c:add "a"
    c:flush()
    c:flush()
    assert.same({ { "a", 1 } }, given)
    helper.advance(2000)
    assert.same({ { "a", 1 } }, given)
  end)

  it("forgets what is cancelled", function()
    local c = new(100)
    c:add "a"
    c:cancel()
    helper.advance(500)
    assert.same({}, given)
    c:add "b"
    helper.advance(110)
    assert.same({ { "b", 1 } }, given)
  end)
end)
