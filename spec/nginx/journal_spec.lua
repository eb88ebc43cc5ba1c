require "spec.helper"
local helper = require "spec.helper"
local journal = require "graphsocket.nginx.journal"
local loop = require "graphsocket.loop"
local memory = require "graphsocket.nginx.memory"

-- All that a reader can read now, as one text.
local function rest(reader)
  local texts = {}
  local text, hole = reader:next()
  while text do
    texts[#texts + 1] = text
    text, hole = reader:next()
  end
  return table.concat(texts, " "), hole
end

-- A dict with room for so many bytes of values, as a real one refuses more.
local function small_dict(bytes)
  local dict = memory.new(loop.now)
  local set = dict.safe_set
  function dict:safe_set(key, value, seconds)
    self:delete(key) -- a real one removes an old value of another size first
    local used = #tostring(value)
    for _, entry in pairs(self._entries) do used = used + #tostring(entry.value) end
    if used > bytes then return nil, "no memory" end
    return set(self, key, value, seconds)
  end
  return dict
end

describe("the journal", function()
  helper.in_frozen_time()

  local dict, log

  before_each(function()
    dict = memory.new(loop.now)
    log = journal.new(dict, 8)
  end)

  it("gives every reader every event, in order, each at its own speed", function()
    local one, two = log:reader(), log:reader()
    log:append "a"
    log:append "b"
    assert.equal("a b", rest(one))
    log:append "c"
    assert.equal("c", rest(one))
    assert.equal("a b c", rest(two))
    assert.equal("", rest(two))
    assert.equal(3, log:last())
  end)

  it("gives a reader what came after it was made", function()
    log:append "old"
    local reader = log:reader()
    log:append "new"
    assert.equal("new", rest(reader))
  end)

  it("counts what a slow reader missed, and goes on with the oldest left", function()
    local reader = log:reader()
    for i = 1, 20 do log:append(tostring(i)) end
    assert.equal(12, reader:overdue())
    assert.equal("13 14 15 16 17 18 19 20", rest(reader))
    assert.equal(12, reader.dropped)
    assert.equal(0, reader:overdue())
  end)

  it("waits at a hole, and goes on when it is filled", function()
    local reader = log:reader()
    log:append "a"
    dict:incr("gs:last", 1, 0) -- another worker is about to store number 2
    log:append "c"
    local texts, hole = rest(reader)
    assert.equal("a", texts)
    assert.equal("hole", hole)
    dict:safe_set("gs:e2", "2:b")
    assert.equal("b c", rest(reader))
    assert.equal(0, reader.dropped)
  end)

  it("goes past a hole when it is told to, and counts it", function()
    local reader = log:reader()
    dict:incr("gs:last", 1, 0)
    log:append "b"
    assert.equal("hole", select(2, reader:next()))
    reader:skip()
    assert.equal("b", rest(reader))
    assert.equal(1, reader.dropped)
  end)

  it("begins anew when the program flushes the dict", function()
    local reader = log:reader()
    for i = 1, 5 do log:append(tostring(i)) end
    rest(reader)
    for key in pairs(dict._entries) do dict:delete(key) end
    assert.equal("", rest(reader))
    log:append "fresh"
    assert.equal("fresh", rest(reader))
  end)

  describe("in a dict that is too small", function()
    before_each(function()
      dict = small_dict(40)
      log = journal.new(dict, 8)
    end)

    it("keeps fewer events, and a reader in step misses none", function()
      local reader = log:reader()
      for i = 1, 50 do
        assert(log:append(("%05d"):format(i)))
        assert.equal(("%05d"):format(i), rest(reader))
      end
      assert.equal(0, reader.dropped)
    end)

    it("has a slow reader count those that made room", function()
      local reader = log:reader()
      for i = 1, 50 do assert(log:append(("%05d"):format(i))) end
      local overdue = reader:overdue()
      local texts = rest(reader)
      local _, count = texts:gsub("%d+", "")
      assert.is_true(count < 8)
      assert.equal(50 - count, reader.dropped)
      assert.equal(overdue, reader.dropped)
      assert.truthy(texts:find "00050$")
    end)

    it("refuses what an empty one could not hold, which readers count", function()
      local reader = log:reader()
      log:append "a"
      local number, err = log:append(("x"):rep(100))
      assert.is_nil(number)
      assert.equal("no memory", err)
      log:append "b"
      assert.equal("b", rest(reader))
      assert.equal(2, reader.dropped)
    end)
  end)
end)
