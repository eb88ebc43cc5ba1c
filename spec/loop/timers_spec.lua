local timers = require "graphsocket.loop.timers"

-- Everything that is due at |now|, as the names given to the timers.
local function due(heap, now)
  local names = {}
  local timer = heap:pop(now)
  while timer do
    names[#names + 1] = timer.name
    timer = heap:pop(now)
  end
  return names
end

describe("the timer heap", function()
  it("gives timers out by deadline, and no earlier", function()
    local heap = timers.new()
    for _, name in ipairs { 5, 1, 4, 2, 3 } do
      heap:push(name, { name = name })
    end
    assert.same({}, due(heap, 0.9))
    assert.same({ 1, 2, 3 }, due(heap, 3))
    assert.equal(4, heap:next())
    assert.same({ 4, 5 }, due(heap, 100))
    assert.is_nil(heap:next())
  end)

  it("keeps the order in which timers of one deadline were made", function()
    local heap, expected = timers.new(), {}
    for i = 1, 100 do
      heap:push(7, { name = i })
      expected[i] = i
    end
    assert.same(expected, due(heap, 7))
  end)

  it("says whether a new timer is the first one due", function()
    local heap = timers.new()
    assert.is_true(heap:push(2, {}))
    assert.is_false(heap:push(3, {}))
    assert.is_false(heap:push(2, {}))
    assert.is_true(heap:push(1, {}))
  end)

  it("forgets a cancelled timer, cancelled as often as one likes", function()
    local heap = timers.new()
    local one, two = { name = 1 }, { name = 2 }
    heap:push(1, one)
    heap:push(2, two)
    heap:cancel(one)
    heap:cancel(one)
    assert.equal(2, heap:next())
    assert.equal(1, heap:size())
    assert.same({ 2 }, due(heap, 9))
    heap:cancel(two)
    assert.equal(0, heap:size())
  end)

  it("does not grow when timeouts are made and cancelled", function()
    local heap = timers.new()
    local last = { name = "last" }
    heap:push(1e9, last)
    for i = 1, 10000 do
      local timer = {}
      heap:push(1e6 + i, timer)
      heap:cancel(timer)
    end
    assert.equal(1, heap:size())
    assert.is_true(#heap._list < 200)
    assert.same({ "last" }, due(heap, 1e9))
  end)

  it("agrees with a sorted list, whatever is done to it", function()
    -- A generator of our own, so that a failure can be repeated.
    local seed = 42
    local function random(n)
      seed = (seed * 1103515245 + 12345) % 2147483648
      return seed % n + 1
    end
    local heap, model, now = timers.new(), {}, 0
    for i = 1, 5000 do
      local what = random(4)
      if what <= 2 then
        local timer = { name = i }
        heap:push(now + random(50), timer)
        model[#model + 1] = timer
      elseif what == 3 and #model > 0 then
        heap:cancel(table.remove(model, random(#model)))
      else
        now = now + random(3)
        table.sort(model, function(a, b)
          if a.deadline ~= b.deadline then return a.deadline < b.deadline end
          return a.name < b.name
        end)
        local expected = {}
        while model[1] and model[1].deadline <= now do
          expected[#expected + 1] = table.remove(model, 1).name
        end
        assert.same(expected, due(heap, now))
      end
      assert.equal(#model, heap:size())
    end
  end)
end)
