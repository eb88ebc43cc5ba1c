-- The soak (spec/soak, "make soak") counted in cycles: what a subscription and
-- a watch go through in a day, over and over. Nothing may be left of it. (What
-- C allocates is the leak sanitizer's business, and that of cycles_spec.)

local helper = require "spec.helper"
local loop = require "graphsocket.loop"
local simulator = require "spec.simulator"
local subscription = require "graphsocket.subscription"
local watch = require "graphsocket.watch"

-- A sanitizer's allocator keeps what is freed: memory says nothing there.
local instrumented = package.cpath:find "build/%lsan/" ~= nil
local CYCLES = instrumented and 1 or 8
local STEPS = 3
local LEAKED = 0.5 -- KB of Lua's memory that a leak adds with each step: in none of them less

describe("a subscription and a watch that live long", function()
  local sim, drive, both, delivered, client

  setup(function()
    sim = simulator.start()
    drive, client = sim:drive(), sim:client()
    local sub = client:subscribe(drive.resource, { reconnection_delay_max = 1 })
    local watched = assert(client:watch(drive.resource, { reconnection_delay_max = 1 }))
    both, delivered = { sub, watched }, 0
    watched:on("change", function() delivered = delivered + 1 end)
    for _, each in ipairs(both) do each:on("connect_error", function() end) end
  end)
  teardown(function()
    for _, each in ipairs(both) do each:close() end
    loop.run()
    sim:stop()
  end)

  -- Waits for both; waits between attempts pass at once.
  local function until_both(condition, what)
    helper.eventually(function()
      local all = true
      for _, each in ipairs(both) do
        local stats = each:stats()
        if stats.state == "waiting" then helper.advance(math.max(0, stats.next_at - loop.time())) end
        all = all and each.connected and condition(each, stats)
      end
      return all
    end, what)
  end

  local function count_of(name)
    local counts = {}
    for _, each in ipairs(both) do counts[each] = each:stats()[name] end
    return counts
  end

  local function change()
    local before = delivered
    drive:create { name = "a" }
    helper.eventually(function()
      if delivered > before then return true end
      helper.advance(watch.GAP)
    end, "the change is delivered")
  end

  local function renew()
    local before, latest = count_of "renewals", 0
    for _, each in ipairs(both) do latest = math.max(latest, each:stats().next_at) end
    helper.advance(latest - loop.time())
    until_both(function(each, stats) return stats.renewals > before[each] end, "both are renewed")
    helper.advance(subscription.LINGER)
  end

  local function lose(how)
    local before = count_of "reconnects"
    how()
    until_both(function(each, stats) return stats.reconnects > before[each] end, "both are back")
  end

  local function cut(how)
    lose(function() sim:post("sockets/disconnect", { how = how }) end)
  end

  local function restart()
    lose(function()
      sim:post("hosts/stop", { host = "socket" })
      sim:post("hosts/start", { host = "socket" })
    end)
  end

  local function cycle()
    change()
    renew()
    cut "fin"
    cut "server"
    restart()
    client:subscribe(drive.resource):close()
    client:watch(drive.resource):close()
  end

  -- What this process holds while nothing is under way.
  local function at_rest()
    sim:post("wait", { ["for"] = { connections = #both } })
    local jit = rawget(_G, "jit")
    if jit then jit.flush() end -- LuaJIT's compiled code counts as memory
    collectgarbage()
    collectgarbage()
    local now, fds = helper.resources(), 0
    for _ in pairs(now.fds) do fds = fds + 1 end
    return { fds = fds, threads = now.threads, lua_kb = collectgarbage "count" }
  end

  local function cycles()
    for _ = 1, CYCLES do cycle() end
    return at_rest()
  end

  it("hold the same descriptors, threads and memory after each day", function()
    until_both(function(_, stats) return stats.state == "joined" end, "both are joined")
    cycles() -- what is cached is cached now
    local before, leaked = cycles(), 0
    for _ = 1, STEPS do
      local after = cycles()
      assert.equal(before.fds, after.fds)
      assert.equal(before.threads, after.threads)
      if after.lua_kb - before.lua_kb > LEAKED then leaked = leaked + 1 end
      before = after
    end
    -- A table that doubles its size is no leak, and makes one step of memory at most.
    assert.is_true(instrumented or leaked < STEPS, "Lua's memory grows with the cycles")
  end)
end)
