local loop = require "graphsocket.loop"
local pump = require "graphsocket.loop.pump"

describe("the pump", function()
  local source, before, log

  local function note(word)
    return function() log[#log + 1] = word end
  end
  local function timer(word) return { fire = note(word) } end
  local function entry(word) return { run = note(word) } end

  before_each(function()
    pump.pick()
    before, log = pump.source, {}
    source = {
      events = 0, woken = 0,
      fd = function() return -1 end,
      active = function() return false end,
      dispatch = function()
        for _ = 1, source.events do log[#log + 1] = "event" end
        local count = source.events
        source.events = 0
        return count
      end,
      wake = function() source.woken = source.woken + 1 end,
    }
    loop.attach(source)
  end)
  after_each(function() loop.attach(before) end)

  it("hands out events, fires timers, runs what is ready, in this order", function()
    pump.ready(entry "ready")
    pump.add_timer(0, timer "timer")
    source.events = 2
    assert.equal(4, pump.turn())
    assert.same({ "event", "event", "timer", "ready" }, log)
    assert.equal(0, pump.turn())
  end)

  it("leaves to the next turn what becomes ready in one", function()
    pump.ready { run = function() pump.ready(entry "second") end }
    assert.equal(1, pump.turn())
    assert.same({}, log)
    assert.equal(1, pump.turn())
    assert.same({ "second" }, log)
  end)

  it("runs each entry once, also if a turn happens inside of one", function()
    pump.ready { run = function() pump.turn() end }
    pump.ready(entry "second")
    pump.turn()
    pump.turn()
    assert.same({ "second" }, log)
  end)

  it("knows for how long there is nothing to do", function()
    assert.is_nil(pump.timeout())
    local late = pump.add_timer(3600, timer "late")
    assert.is_true(pump.timeout() > 3500 and pump.timeout() <= 3600)
    pump.skew(3000)
    assert.is_true(pump.timeout() <= 600)
    pump.ready(entry "ready")
    assert.equal(0, pump.timeout())
    pump.turn()
    pump.cancel_timer(late)
    assert.is_nil(pump.timeout())
    pump.skew(1000)
    assert.equal(0, pump.turn())
    assert.same({ "ready" }, log)
  end)

  it("fires what is due, the earliest first", function()
    pump.add_timer(30, timer "third")
    pump.add_timer(10, timer "first")
    pump.add_timer(20, timer "second")
    pump.skew(25)
    pump.turn()
    assert.same({ "first", "second" }, log)
    pump.skew(5)
    pump.turn()
    assert.same({ "first", "second", "third" }, log)
  end)

  it("ends a wait that would be too long, once", function()
    pump.announce_wait(60)
    local late = pump.add_timer(3600, timer "late")
    assert.equal(0, source.woken)
    local early = pump.add_timer(1, timer "early")
    local earlier = pump.add_timer(0.5, timer "earlier")
    assert.equal(1, source.woken)
    for _, each in ipairs { late, early, earlier } do pump.cancel_timer(each) end
    pump.turn()
  end)

  it("runs until what is wanted is there, or can no longer come", function()
    pump.add_timer(0, timer "timer")
    assert.is_true(pump.run_until(function() return #log > 0 end))
    assert.is_false(pump.run_until(function() return #log > 1 end))
  end)

  it("passes Ctrl-C on, and goes on afterwards", function()
    pump.ready { run = function() error("interrupted!", 0) end }
    pump.ready(entry "second")
    assert.error_matches(pump.turn, "^interrupted!$")
    assert.is_false(pump.turning)
    pump.turn()
    assert.same({ "second" }, log)
  end)
end)
