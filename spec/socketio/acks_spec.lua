local acks = require "graphsocket.socketio.acks"
local helper = require "spec.helper"
local loop = require "graphsocket.loop"
local peer = require "spec.socketio.peer"

describe("acknowledgements", function()
  local list, expired

  before_each(function()
    expired = {}
    list = acks.new(function(id) expired[#expired + 1] = id end)
  end)

  it("are numbered from 0", function()
    assert.equal(0, list:add(print))
    assert.equal(1, list:add(print))
    assert.equal(2, list.count)
    list:take(0)
    assert.equal(2, list:add(print))
  end)

  it("are taken once", function()
    local id = list:add(print)
    assert.equal(print, list:take(id).target)
    assert.is_nil(list:take(id))
    assert.is_nil(list:take(77))
    assert.equal(0, list.count)
  end)

  it("expire, and say so first", function()
    local got
    local id = list:add(function(err) got = err end, 5)
    helper.advance(6)
    assert.same({ id }, expired)
    assert.equal("timeout", got.kind)
    assert.equal(0, list.count)
  end)

  it("do not expire once they were taken", function()
    local ack = list:take(list:add(helper.expect(nil, 0), 5))
    assert.is_true(ack.with_error)
    helper.advance(6)
    assert.same({}, expired)
  end)

  it("are answered in order at the end, but for those kept", function()
    local got = {}
    local ids = {}
    for i = 1, 20 do
      ids[i] = list:add(function(err) got[#got + 1] = i .. err.kind end, 60)
    end
    local forgotten = list:add(helper.expect(nil, 0))
    list:clear { [ids[3]] = true }
    peer.settle()
    assert.equal(19, #got)
    assert.equal("1closed", got[1])
    assert.equal("2closed", got[2])
    assert.equal("4closed", got[3])
    assert.equal(1, list.count)
    assert.is_nil(list:take(forgotten))
    list:take(ids[3])
  end)

  it("go to an object at once, with the error or the values", function()
    local got
    local target = { settle = function(_, err, values) got = { err, values } end }
    local ack = list:take(list:add(target))
    assert.is_true(ack.with_error)
    acks.settle(target, true, nil, { 1 })
    assert.same({ nil, { 1 } }, got)
  end)

  it("with more values than Lua can return are reported", function()
    local on_error, reported = loop.on_error, nil
    loop.on_error = function(err) reported = err end
    local many = {}
    for i = 1, 2000000 do many[i] = i end
    acks.settle(function() end, false, nil, many)
    peer.settle()
    loop.on_error = on_error
    assert.matches("too many results", tostring(reported))
  end)
end)
