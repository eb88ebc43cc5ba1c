local helper = require "spec.helper"
local loop = require "graphsocket.loop"
local pace = require "graphsocket.nginx.pace"

describe("the pace", function()
  helper.in_frozen_time()

  local positions, keeper

  before_each(function()
    positions = {}
    keeper = pace.new(16, function() -- a copy, as from a dict
      local copy = {}
      for id, position in pairs(positions) do copy[id] = position end
      return copy
    end)
  end)

  -- Publishes as a task would; returns how many events went out.
  local function writer(count)
    local state = { sent = 0 }
    loop.spawn(function()
      -- No "for": LuaJIT 2.1.0-beta3 miscounts one that yields on its way.
      while state.sent < count do
        keeper:keep(state.sent)
        state.sent = state.sent + 1
      end
    end)
    helper.advance(0)
    return state
  end

  it("is not kept for readers that are in step, or for none", function()
    assert.equal(100, writer(100).sent)
  end)

  it("is that of a slow reader, at most half a journal ahead", function()
    positions[0] = 0
    local state = writer(100)
    assert.is_true(state.sent <= 10)
    for _ = 1, 20 do
      positions[0] = state.sent
      helper.advance(0.02)
      assert.is_true(state.sent - positions[0] <= 10)
    end
    assert.equal(100, state.sent)
  end)

  it("is not that of a reader which does not move, until it does", function()
    positions[0] = 0
    local state = writer(100)
    assert.is_true(state.sent < 100)
    helper.advance(2 * pace.PATIENCE)
    helper.advance(0.02)
    assert.equal(100, state.sent)
    assert.equal(100, writer(100).sent)
    positions[0] = 1
    assert.is_true(writer(100).sent < 100)
    positions[0] = 1000
    helper.advance(0.02)
  end)
end)
