local helper = require "spec.helper"
local loop = require "graphsocket.loop"

describe("a queue", function()
  local errors
  before_each(function()
    errors = {}
    loop.on_error = function(err) errors[#errors + 1] = err end
  end)
  after_each(function() loop.on_error = nil end)

  it("runs functions one at a time, in order, though they wait", function()
    local queue, log, inside = loop.queue(), {}, 0
    for i = 1, 5 do
      queue:push(function(n, extra)
        inside = inside + 1
        assert(inside == 1 and extra == nil)
        loop.sleep(0.001 * (5 - n))
        log[#log + 1] = n
        inside = inside - 1
      end, i, nil)
    end
    assert.equal(5, queue:size())
    assert.same({}, log)
    loop.run()
    assert.same({ 1, 2, 3, 4, 5 }, log)
    assert.equal(0, queue:size())
    assert.same({}, errors)
  end)

  it("hands on as many arguments as it was given, nil too", function()
    local queue, log = loop.queue(), {}
    local function note(...) log[#log + 1] = { select("#", ...), ... } end
    queue:push(note)
    queue:push(note, "a")
    queue:push(note, nil, "b")
    queue:push(note, "a", nil)
    queue:push(note, "a", "b", nil)
    loop.run()
    assert.same({
      { 0 }, { 1, "a" }, { 2, nil, "b" }, { 2, "a", nil }, { 3, "a", "b", nil },
    }, log)
  end)

  it("does not hold up another queue, or a task", function()
    local slow, fast, log = loop.queue(), loop.queue(), {}
    slow:push(function()
      loop.sleep(0.02)
      log[#log + 1] = "slow"
    end)
    fast:push(function() log[#log + 1] = "fast" end)
    loop.run()
    assert.same({ "fast", "slow" }, log)
  end)

  it("goes on after an error, also of a function that had waited", function()
    local queue, log = loop.queue(), {}
    queue:push(function()
      loop.sleep(0.001)
      error("late", 0)
    end)
    queue:push(error, { kind = "usage" })
    queue:push(function() log[#log + 1] = "next" end)
    loop.run()
    assert.same({ "next" }, log)
    assert.same({ "late", { kind = "usage" } }, errors)
  end)

  it("keeps its order when a handler waits outside of any task", function()
    -- The main chunk and a coroutine inside of the handler pump the loop; the
    -- handler of the next event must not overtake.
    local queue, log, future = loop.queue(), {}, loop.future()
    queue:push(function()
      coroutine.wrap(function() loop.sleep(0.005) end)()
      log[#log + 1] = "first"
    end)
    queue:push(function()
      log[#log + 1] = "second"
      future:resolve()
    end)
    future:await(helper.TEST_TIMEOUT)
    assert.same({ "first", "second" }, log)
  end)

  it("takes new functions while it runs, and after it was empty", function()
    local queue, log = loop.queue(), {}
    local function add(n)
      log[#log + 1] = n
      if n < 3 then queue:push(add, n + 1) end
    end
    queue:push(add, 1)
    loop.run()
    queue:push(add, 3)
    loop.run()
    assert.same({ 1, 2, 3, 3 }, log)
  end)
end)
