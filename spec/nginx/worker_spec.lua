-- Several workers of one nginx, in one process: one dict, and bells that ring.

local emitter = require "graphsocket.socketio.emitter"
local helper = require "spec.helper"
local loop = require "graphsocket.loop"
local memory = require "graphsocket.nginx.memory"
local worker = require "graphsocket.nginx.worker"

local TTL = 15
local INTERVAL = 5

local Handlers = {}
Handlers.__index = Handlers
emitter.extend(Handlers, emitter.methods)

describe("workers of one nginx", function()
  helper.in_frozen_time()

  local dict, bells, cluster, shares, warned, deaf

  -- A worker that looks as its supervisor would have it look.
  local function start(id, pid, values)
    local member = {
      id = id, pid = pid, got = {},
      handlers = emitter.init(setmetatable({}, Handlers)),
    }
    member.worker = worker.new({
      dict = dict, id = id, pid = pid,
      warn = function(text) warned[#warned + 1] = text end,
      bell = function(on_ring)
        bells["/bell/" .. pid] = on_ring
        return "/bell/" .. pid
      end,
      ring = function(path)
        if not deaf and bells[path] then loop.spawn(bells[path]) end
        return deaf or bells[path] ~= nil
      end,
    }, {
      ttl = TTL, interval = INTERVAL, max_events = values and values.max_events or 100,
      run = values and values.run or function(share) shares[#shares + 1] = share end,
    }, member.handlers)
    member.handlers:on("change", function(n) member.got[#member.got + 1] = n end)
    local function look()
      if member.is_dead then return end
      member.worker:look()
      member.timer = loop.timer(INTERVAL, look)
    end
    look()
    cluster[#cluster + 1] = member
    return member
  end

  -- kill -9: nothing of it runs any more.
  local function kill(member)
    member.is_dead = true
    member.timer:cancel()
    bells["/bell/" .. member.pid] = nil
    loop.release(member.worker)
    member.worker._is_over = true
    member.worker._ownership:finish()
  end

  local function exit(member)
    member.is_dead = true
    member.timer:cancel()
    member.worker:leave()
  end

  before_each(function()
    dict = memory.new(loop.now)
    bells, cluster, shares, warned, deaf = {}, {}, {}, {}, false
  end)

  after_each(function()
    for _, member in ipairs(cluster) do
      if not member.is_dead then exit(member) end
    end
    loop.on_error = nil
    helper.advance(0)
  end)

  it("have one owner, and all of them what it publishes, at once and in order", function()
    local one, two, three = start(0, 100), start(1, 101), start(2, 102)
    helper.advance(0)
    assert.equal(1, #shares)
    for n = 1, 5 do assert.is_true(shares[1]("change", n)) end
    helper.advance(0)
    for _, member in ipairs { one, two, three } do
      assert.same({ 1, 2, 3, 4, 5 }, member.got)
    end
    local stats = two.worker:stats()
    assert.is_false(stats.owner)
    assert.equal(100, stats.owner_pid)
    assert.equal(101, stats.pid)
    assert.equal(1, stats.generation)
    assert.equal(0, stats.takeovers)
    assert.equal(5, stats.published)
    assert.equal(5, stats.delivered)
    assert.equal(0, stats.dropped)
    assert.is_true(one.worker:stats().owner)
  end)

  it("find with their next look what no bell told", function()
    start(0, 100)
    local two = start(1, 101)
    helper.advance(0)
    deaf = true
    shares[1]("change", 1)
    helper.advance(0)
    assert.same({}, two.got)
    helper.advance(INTERVAL)
    assert.same({ 1 }, two.got)
  end)

  it("take over at once from an owner that exits", function()
    local one, two = start(0, 100), start(1, 101)
    helper.advance(0)
    exit(one)
    helper.advance(0)
    assert.equal(2, #shares)
    assert.is_false(shares[1]:is_active())
    shares[2]("change", 1)
    helper.advance(0)
    assert.same({ 1 }, two.got)
    assert.equal(0, two.worker:stats().takeovers)
    assert.equal(2, two.worker:stats().generation)
  end)

  it("take over from an owner that is killed, within the ttl", function()
    local one, two = start(0, 100), start(1, 101)
    helper.advance(0)
    for _ = 1, 10 do helper.advance(1) end
    kill(one)
    local seconds = 0
    while #shares == 1 do
      helper.advance(1)
      seconds = seconds + 1
      assert.is_true(seconds <= TTL)
    end
    assert.equal(1, two.worker:stats().takeovers)
    assert.equal(101, two.worker:stats().owner_pid)
  end)

  it("replace an owner that was busy for too long, which closes its sources", function()
    local one, two = start(0, 100), start(1, 101)
    helper.advance(0)
    one.timer:cancel() -- its Lua does not come to it
    for _ = 1, TTL + 1 do helper.advance(1) end
    assert.equal(2, #shares)
    assert.is_true(shares[1]:is_active())
    local ok, err = shares[1]("change", "late")
    assert.is_nil(ok)
    assert.equal("notOwner", err.code)
    assert.is_false(shares[1]:is_active())
    assert.truthy(warned[1]:find "lost its ownership")
    shares[2]("change", "new")
    helper.advance(0)
    assert.same({ "new" }, two.got)
    assert.same({ "new" }, one.got)
  end)

  it("go through a reload without losing an event", function()
    local old, other = start(0, 100), start(1, 101)
    helper.advance(0)
    shares[1]("change", 1)
    local new, newer = start(0, 200), start(1, 201)
    shares[1]("change", 2)
    helper.advance(0)
    exit(other)
    exit(old)
    helper.advance(0)
    assert.equal(2, #shares)
    shares[2]("change", 3)
    helper.advance(0)
    assert.same({ 2, 3 }, new.got)
    assert.same({ 2, 3 }, newer.got)
    assert.same({ 1, 2 }, other.got)
  end)

  it("say so, once, when the dict is too small, and count what is dropped", function()
    local one = start(0, 100)
    helper.advance(0)
    local set = dict.safe_set
    function dict:safe_set(key, value, seconds)
      if #tostring(value) > 50 then return nil, "no memory" end
      return set(self, key, value, seconds)
    end
    for _ = 1, 3 do
      local ok, err = shares[1]("change", ("x"):rep(50))
      assert.is_nil(ok)
      assert.equal("dictFull", err.code)
    end
    shares[1]("change", 4)
    helper.advance(0)
    assert.same({ 4 }, one.got)
    assert.equal(3, one.worker:stats().dropped)
    assert.equal(1, #warned)
    assert.truthy(warned[1]:find "lua_shared_dict")
  end)

  it("say so, once, when a dict that others have filled lets nobody own or be rung for",
    function()
      local is_full = true
      for _, name in ipairs { "safe_add", "safe_set" } do
        local method = dict[name]
        dict[name] = function(self, key, ...)
          local is_ours = key == "gs:owner" or key == "gs:bell0"
          if is_full and is_ours then return nil, "no memory" end
          return method(self, key, ...)
        end
      end
      local one = start(0, 100)
      helper.advance(2 * INTERVAL)
      assert.equal(2, #warned)
      local text = table.concat(warned, "\n")
      assert.truthy(text:find "too small, no worker can own:[^\n]*nothing else uses")
      assert.truthy(text:find "too small, this worker hears late of events:")
      is_full = false
      helper.advance(INTERVAL)
      assert.is_true(one.worker:stats().owner)
      assert.same({ [0] = 0 }, one.worker._members:positions())
    end)

  it("go on when the program flushes its dict", function()
    local one, two = start(0, 100), start(1, 101)
    helper.advance(0)
    dict._entries = {}
    helper.advance(2 * INTERVAL)
    shares[#shares]("change", "after")
    helper.advance(0)
    assert.same({ "after" }, one.got)
    assert.same({ "after" }, two.got)
  end)

  it("bear a burst that is longer than the journal", function()
    local one = start(0, 100, {
      max_events = 16,
      run = function(share)
        for n = 1, 500 do assert(share("change", n)) end
      end,
    })
    local two = start(1, 101, { max_events = 16 })
    for _ = 1, 200 do helper.advance(0.01) end
    assert.equal(500, #one.got)
    assert.equal(500, #two.got)
    assert.equal(0, one.worker:stats().dropped + two.worker:stats().dropped)
  end)

  it("tell each other of the owner's sources", function()
    local source = emitter.init(setmetatable({
      close = function() end,
      stats = function() return { state = "joined", endpoint_host = "h" } end,
    }, Handlers))
    start(0, 100, { run = function() return source end })
    local two = start(1, 101)
    helper.advance(0)
    assert.same({ { state = "joined", endpoint_host = "h" } }, two.worker:stats().sources)
    assert.is_number(two.worker:stats().sources_at)
  end)

  it("count the errors of handlers and of run, with the last one", function()
    loop.on_error = function() end
    local one = start(0, 100, { run = function(share)
      share("broken", 1)
      return nil, "no token=abc"
    end })
    one.handlers:on("broken", function() error("raised", 0) end)
    helper.advance(0)
    local stats = one.worker:stats()
    assert.equal(2, stats.errors)
    assert.is_string(stats.last_error)
    assert.is_nil(stats.last_error:find "abc")
  end)

  it("do nothing after they have left, and nothing at all when idle", function()
    local one = start(0, 100)
    start(1, 101)
    helper.advance(0)
    exit(one)
    helper.advance(0)
    one.worker:look()
    one.worker:on_bell()
    assert.equal(101, one.worker:stats().owner_pid)
    assert.is_false(one.worker:stats().owner)
    assert.is_true(require("graphsocket.loop").timeout() > 1)
  end)
end)
