local helper = require "spec.helper"
local peer = require "spec.socketio.peer"
local socketio = require "graphsocket.socketio"

local advance = helper.advance

describe("a setting of a manager", function()
  local peers, manager

  before_each(function()
    peers = peer.install()
    manager = socketio.manager("http://localhost:1", {
      auto_connect = false, reconnection_delay = 2, reconnection_delay_max = 9,
      reconnection_attempts = 3, randomization_factor = 0, timeout = 4,
    })
  end)
  after_each(function() peers:remove() end)

  local SETTINGS = {
    reconnection_delay = { 2, 1 }, reconnection_delay_max = { 9, 1.5 },
    reconnection_attempts = { 3, 1 }, randomization_factor = { 0, 0.25 },
    timeout = { 4, 5 },
  }

  for name, values in pairs(SETTINGS) do
    it("is read and changed: " .. name, function()
      assert.equal(values[1], manager[name](manager))
      assert.equal(manager, manager[name](manager, values[2]))
      assert.equal(values[2], manager[name](manager))
    end)

    it("is refused if it makes no sense: " .. name, function()
      for _, bad in ipairs { -1, 0 / 0, "1" } do
        local ok, err = pcall(function() manager[name](manager, bad) end)
        assert.is_false(ok)
        assert.matches("settings_spec.lua:%d+: bad argument #1 to '" .. name,
          err)
      end
    end)
  end

  it("is refused above its maximum", function()
    assert.is_false((pcall(manager.randomization_factor, manager, 1.1)))
  end)

  it("holds for the attempts to come", function()
    manager:reconnection_delay(1):reconnection_attempts(1):open()
    assert.is_true(peers:last().options.timeout <= 4)
    manager:timeout(7)
    peers:last():refuse()
    advance(1.1)
    assert.equal(2, peers:count())
    assert.is_true(peers:last().options.timeout > 6)
    peers:last():refuse()
    advance(20)
    assert.equal(2, peers:count())
  end)

  it("switches reconnection off and on", function()
    assert.is_true(manager:reconnection())
    assert.equal(manager, manager:reconnection(false))
    assert.is_false(manager:reconnection())
    manager:open()
    peers:last():refuse()
    advance(20)
    assert.equal(1, peers:count())
    assert.is_true(manager:reconnection(true):reconnection())
    manager:open()
    peers:last():refuse()
    advance(3)
    assert.equal(3, peers:count())
  end)
end)
