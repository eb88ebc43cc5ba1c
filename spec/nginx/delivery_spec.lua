local delivery = require "graphsocket.nginx.delivery"
local emitter = require "graphsocket.socketio.emitter"
local helper = require "spec.helper"
local journal = require "graphsocket.nginx.journal"
local json = require "graphsocket.json"
local loop = require "graphsocket.loop"
local memory = require "graphsocket.nginx.memory"

local Target = {}
Target.__index = Target
emitter.extend(Target, emitter.methods)

describe("the delivery", function()
  helper.in_frozen_time()

  local dict, log, target, reading, errors, position

  local function publish(...)
    assert(log:append(json.encode { ... }))
    reading:wake()
  end

  before_each(function()
    dict = memory.new(loop.now)
    log = journal.new(dict, 100)
    target = emitter.init(setmetatable({}, Target))
    errors, position = {}, nil
    reading = delivery.new(log:reader(), target, {
      progress = function(n) position = n end,
      error = function(err) errors[#errors + 1] = err end,
    })
  end)

  after_each(function() loop.on_error = nil end)

  it("calls handlers with what was published, in order", function()
    local got = {}
    target:on("change", function(...) got[#got + 1] = { select("#", ...), ... } end)
    publish("change", { id = "1" }, "second")
    publish("other", 5)
    publish("change", json.null, 2, json.null)
    helper.advance(0)
    assert.same({ { 2, { id = "1" }, "second" }, { 3, nil, 2, nil } }, got)
    assert.equal(2, reading.delivered)
    assert.equal(3, position)
  end)

  it("runs one handler at a time, also when it waits", function()
    local trace = {}
    target:on("go", function(n)
      trace[#trace + 1] = n .. " begins"
      loop.sleep(1)
      trace[#trace + 1] = n .. " ends"
    end)
    target:on("go", function(n) trace[#trace + 1] = n .. " again" end)
    publish("go", 1)
    publish("go", 2)
    for _ = 1, 3 do helper.advance(1) end
    assert.same({ "1 begins", "1 ends", "1 again", "2 begins", "2 ends", "2 again" },
      trace)
  end)

  it("reports a handler that raises, and calls the next", function()
    local reported
    loop.on_error = function(err) reported = err end
    target:on("go", function() error("broken", 0) end)
    target:on("go", helper.expect(nil, 2))
    publish "go"
    publish "go"
    helper.advance(0)
    assert.equal("broken", reported)
    assert.same({ "broken", "broken" }, errors)
  end)

  it("counts what is overwritten while a handler does not return", function()
    local first = true
    target:on("go", function()
      if not first then return end
      first = false
      loop.sleep(1000)
    end)
    publish("go", 0)
    helper.advance(0)
    for i = 1, 250 do publish("go", i) end
    helper.advance(0)
    assert.equal(0, reading.delivered)
    assert.equal(150, reading:dropped())
    helper.advance(1001)
    assert.equal(101, reading.delivered)
    assert.equal(150, reading:dropped())
  end)

  it("lets other tasks have their turn in a burst of work", function()
    local seen_after
    target:on("go", function(n)
      if n == 1 then
        loop.spawn(function() seen_after = reading.delivered end)
      end
      loop.skew(delivery.SLICE / 10)
    end)
    for i = 1, 50 do publish("go", i) end
    helper.advance(0)
    assert.is_true(seen_after < 20)
    assert.equal(50, reading.delivered)
  end)

  it("goes past an event that nobody will store any more, after a while", function()
    target:on("go", helper.expect(nil, 2))
    publish "go"
    dict:incr("gs:last", 1, 0)
    publish "go"
    helper.advance(0)
    assert.equal(1, reading.delivered)
    publish "other" -- a wake meanwhile changes nothing
    helper.advance(delivery.HOLE / 2)
    assert.equal(1, reading.delivered)
    helper.advance(delivery.HOLE)
    assert.equal(2, reading.delivered)
    assert.equal(1, reading:dropped())
  end)

  it("waits for an event that is stored late", function()
    local got = {}
    target:on("go", function(n) got[#got + 1] = n end)
    dict:incr("gs:last", 1, 0)
    publish("go", 2)
    helper.advance(delivery.HOLE / 2)
    dict:safe_set("gs:e1", '1:["go",1]')
    reading:wake()
    helper.advance(0)
    assert.same({ 1, 2 }, got)
    assert.equal(0, reading:dropped())
  end)

  it("does not wait at the end, as nobody would wake it", function()
    target:on("go", function() loop.skew(delivery.SLICE) end)
    for i = 1, 10 do publish("go", i) end
    local sleep = loop.sleep
    loop.sleep = helper.expect(nil, 0)
    reading:finish()
    helper.advance(0)
    loop.sleep = sleep
    assert.equal(10, reading.delivered)
  end)

  it("ends with what is there by then", function()
    target:on("go", helper.expect(nil, 2))
    publish("go", 1)
    publish("go", 2)
    reading:finish()
    publish("go", 3)
    helper.advance(0)
    publish("go", 4)
    helper.advance(0)
  end)
end)
