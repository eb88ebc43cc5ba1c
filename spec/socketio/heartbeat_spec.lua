local helper = require "spec.helper"
local peer = require "spec.socketio.peer"
local socketio = require "graphsocket.socketio"

describe("the heartbeat of a manager", function()
  local peers
  before_each(function() peers = peer.install() end)
  after_each(function() peers:remove() end)

  local function new(opts)
    local all = { randomization_factor = 0 }
    for name, value in pairs(opts or {}) do all[name] = value end
    return socketio.manager("http://localhost:1", all)
  end

  it("is asked for only while somebody listens", function()
    local manager = new()
    local server = peers:last():open()
    assert.is_false(server.tells_pings)
    local one = helper.expect(nil, 2)
    manager:on("ping", one)
    assert.is_true(server.tells_pings)
    server:ping():ping()
    manager:on("open", one):off("ping", one)
    assert.is_false(server.tells_pings)
    manager:on("ping", one):off()
    assert.is_false(server.tells_pings)
  end)

  it("is asked for until a handler of once is called", function()
    local manager = new()
    local server = peers:last():open()
    manager:once("ping", helper.expect(nil, 1))
    assert.is_true(server.tells_pings)
    server:ping()
    assert.is_false(server.tells_pings)
    server:ping()
  end)

  it("is asked for of each connection, also of those to come", function()
    local manager = new { auto_connect = false }
    manager:on("ping", helper.expect(nil, 2)):open()
    peers:last():open():ping():drop()
    helper.advance(1.1)
    assert.equal(2, peers:count())
    peers:last():open():ping()
    manager:off "ping"
    assert.is_false(peers:last().tells_pings)
  end)
end)
