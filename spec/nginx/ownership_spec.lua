local emitter = require "graphsocket.socketio.emitter"
local errors = require "graphsocket.errors"
local helper = require "spec.helper"
local loop = require "graphsocket.loop"
local ownership = require "graphsocket.nginx.ownership"

local Source = {}
Source.__index = Source
emitter.extend(Source, emitter.methods)
function Source:close() self.closed = true end

local function source() return emitter.init(setmetatable({}, Source)) end

describe("an owner", function()
  helper.in_frozen_time()

  local published, noted, reported, run, it_self

  before_each(function()
    published, noted, reported = {}, {}, {}
    loop.on_error = function(err) reported[#reported + 1] = tostring(err) end
    it_self = ownership.new(function(...) return run(...) end, {
      publish = function(text) published[#published + 1] = text return true end,
      note_error = function(err) noted[#noted + 1] = err end,
      warn = function() end,
      changed = function() end,
    })
  end)

  after_each(function()
    it_self:finish()
    loop.on_error = nil
  end)

  it("calls run once, with a share, in a task that may wait", function()
    run = helper.expect(function(share)
      loop.sleep(1)
      share "after a while"
    end)
    it_self:begin()
    helper.advance(0)
    helper.advance(1)
    assert.same({ '["after a while"]' }, published)
    helper.advance(100)
  end)

  it("passes on what the returned sources tell, each once", function()
    local one, two = source(), source()
    run = function(share) share:forward(two) return one, two end
    it_self:begin()
    helper.advance(0)
    one:_call("sync", 1)
    two:_call("sync", 2)
    assert.same({ '["sync",1]', '["sync",2]' }, published)
  end)

  it("closes the sources at the end", function()
    local one = source()
    run = function() return one end
    it_self:begin()
    helper.advance(0)
    it_self:finish()
    assert.is_true(one.closed)
    assert.same({}, it_self:stats())
  end)

  it("closes what a run that outlives its ownership returns", function()
    local one = source()
    run = function() loop.sleep(1) return one end
    it_self:begin()
    helper.advance(0)
    it_self:finish()
    helper.advance(1)
    assert.is_true(one.closed)
  end)

  it("calls run again, later and later, while it fails; and says so once", function()
    local calls = 0
    run = function()
      calls = calls + 1
      if calls <= 5 then return nil, errors.new { kind = "state", message = "locked" } end
    end
    it_self:begin()
    for i = 1, 5 do
      helper.advance(0)
      assert.equal(i, calls)
      helper.advance(ownership.RETRY[i] / 2)
      assert.equal(i, calls)
      helper.advance(ownership.RETRY[i] / 2)
    end
    assert.equal(6, calls)
    assert.equal(5, #noted)
    assert.same({ "state: locked" }, reported)
    helper.advance(100)
    assert.equal(6, calls)
  end)

  it("calls a run that raises again, without what it had begun", function()
    local begun = {}
    run = function(share)
      begun[#begun + 1] = share:forward(source())
      if #begun == 1 then error("broken", 0) end
    end
    it_self:begin()
    helper.advance(0)
    assert.is_true(begun[1].closed)
    assert.same({ "broken" }, reported)
    helper.advance(ownership.RETRY[1])
    assert.equal(2, #begun)
    assert.is_nil(begun[2].closed)
  end)

  it("does not call run again after the end", function()
    run = helper.expect(function() return nil, "no" end)
    it_self:begin()
    helper.advance(0)
    it_self:finish()
    helper.advance(100)
  end)

  it("says what run must not return", function()
    run = function() return "a watch" end
    it_self:begin()
    helper.advance(0)
    assert.truthy(reported[1]:find "run returned a string: return subscriptions, watches or nothing")
  end)
end)
