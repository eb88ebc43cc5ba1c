-- graphsocket.nginx in a real nginx; Graph's simulator is there for the idle one.

local cluster = require "spec.nginx.cluster"
local engine = require "graphsocket.engine"
local helper = require "spec.helper"
local loop = require "graphsocket.loop"
local simulator = require "spec.simulator"

-- It is the same nginx whatever runs this file, so once is enough.
local missing = cluster.missing() or not jit and "that is run with LuaJIT"
if missing then
  describe("in a real nginx", function()
    pending("is not tested here: " .. missing)
  end)
  return
end

describe("in a real nginx", function()
  local it_self

  after_each(function()
    if it_self then it_self:stop() end
    it_self = nil
  end)

  it("every worker has every event, in order, and one owns", function()
    it_self = cluster.start { workers = 4 }
    local owner = it_self:until_owner()
    local expected = {}
    for n = 1, 200 do
      expected[n] = n
      it_self:publish("change", n)
    end
    it_self:until_got(expected)
    local owners = 0
    for pid, stats in pairs(it_self:stats()) do
      assert.equal(owner, stats.owner_pid)
      assert.equal(pid, stats.pid)
      assert.equal(0, stats.dropped)
      if stats.owner then owners = owners + 1 end
    end
    assert.equal(1, owners)
  end)

  it("another worker takes over from one that is killed", function()
    it_self = cluster.start { nginx = { allow = { "exited on signal 9" } } }
    local owner = it_self:until_owner()
    it_self:publish("change", "before")
    it_self:until_got { "before" }
    it_self.nginx:signal("KILL", owner)
    local heir = it_self:until_owner(owner)
    it_self:until_joined(2)
    it_self:publish("change", "after")
    helper.eventually(function()
      local got = it_self:got()
      for _, pid in ipairs(it_self.nginx:workers()) do
        local list = got[pid] or {}
        if list[#list] ~= "after" then return false end
      end
      return true
    end, "the workers have what the heir publishes")
    local stats = it_self:stats()[heir]
    assert.equal(1, stats.takeovers)
    assert.equal(2, stats.generation)
    helper.eventually(function() return #it_self.nginx:files() == 2 end,
      "the bell of the killed one is gone")
  end)

  it("an owner that exits hands over, and no event is lost or doubled", function()
    it_self = cluster.start()
    local owner = it_self:until_owner()
    it_self.nginx:reload()
    it_self:until_joined(2)
    local heir = it_self:until_owner(owner)
    it_self:publish("change", "after")
    it_self:until_got { "after" }
    local stats = it_self:stats()[heir]
    assert.equal(0, stats.takeovers)
    -- One more if the other old worker heard of it before it was told to exit.
    assert.is_true(stats.generation == 2 or stats.generation == 3)
    assert.equal(2, #it_self.nginx:files())
  end)

  it("every worker runs for itself without a dict, and the log says it once", function()
    it_self = cluster.start { dict = "", nginx = { allow = { "no shared dict 'events'" } } }
    helper.eventually(function()
      local owners = 0
      for _ in pairs(it_self:got "owned") do owners = owners + 1 end
      return owners == 2
    end, "both workers own")
    for n = 1, 10 do it_self:publish("change", n) end
    helper.eventually(function()
      local count = 0
      for _, list in pairs(it_self:got()) do count = count + #list end
      return count == 10
    end, "each event came to the worker that published it")
    local _, lines = it_self.nginx:log():gsub("no shared dict 'events', so every worker runs for itself", "")
    assert.equal(1, lines)
  end)

  it("a dict that is too small keeps what it can; what it cannot is counted and told once", function()
    it_self = cluster.start { dict = "32k", nginx = { allow = { "shared dict is too small" } } }
    it_self:until_owner()
    for n = 1, 50 do it_self:publish("change", n .. (" "):rep(2000)) end
    for _ = 1, 3 do it_self:publish("change", (" "):rep(40000)) end
    it_self:publish("change", "small")
    helper.eventually(function()
      for _, list in pairs(it_self:got()) do
        if list[#list] ~= "small" then return false end
      end
      return true
    end, "every worker has the last event")
    local got = it_self:got()
    for pid, stats in pairs(it_self:stats()) do
      assert.equal(51 + 3, #got[pid] + stats.dropped)
      assert.is_true(stats.dropped >= 3)
    end
    local _, lines = it_self.nginx:log():gsub("shared dict is too small", "")
    assert.equal(1, lines)
  end)

  it("a second start, a wrong phase and a wrong option raise, and say what to do", function()
    it_self = cluster.start {
      code = [[
        assert(graphsocket_nginx.start(options))
        seen:set("raised", select(2, pcall(graphsocket_nginx.start, options)))
        function graphsocket_nginx.start() return true end]],
      try = [[
        package.loaded["graphsocket.nginx"] = nil
        local start = require("graphsocket.nginx").start
        ngx.say(select(2, pcall(start, { dict = "events", run = print })))
        ngx.say(select(2, pcall(start, { dict = "events", runs = print })))
        ngx.say(select(2, pcall(require("graphsocket.nginx").stats)))]],
    }
    assert.truthy(it_self:dump().seen.raised:find "this worker has started already")
    local text = it_self.nginx:get "/try"
    assert.truthy(text:find "call it in init_worker_by_lua, not in the phase content")
    assert.truthy(text:find 'unknown option "runs": did you mean "run"?')
    assert.truthy(text:find "call start in init_worker_by_lua first")
  end)

  it("stats() in a Lua state of one request says why it knows nothing", function()
    it_self = cluster.start {
      try = [[ngx.say(select(2, pcall(require("graphsocket.nginx").stats)))]],
      nginx = { server = "lua_code_cache off;", allow = { "lua_code_cache is off" } },
    }
    assert.truthy(it_self.nginx:get("/try"):find
      "with lua_code_cache off each request has a Lua state of its own")
  end)

  it("a handler that raises is told of, and stops neither the others nor the next event", function()
    it_self = cluster.start {
      code = [[
        graphsocket_nginx.on("change", function() error "broken on purpose" end)
        graphsocket_nginx.on("change", function(n) note("second", n) end)
      ]],
      nginx = { allow = { "broken on purpose", "^stack traceback:", "^\t" } },
    }
    it_self:until_owner()
    it_self:publish("change", 1)
    it_self:publish("change", 2)
    it_self:until_got { 1, 2 }
    helper.eventually(function()
      for _, list in pairs(it_self:got "second") do
        if #list < 2 then return false end
      end
      return true
    end, "the other handler is called")
    for _, stats in pairs(it_self:stats()) do
      assert.equal(2, stats.errors)
      assert.truthy(stats.last_error:find "broken on purpose")
    end
    local _, lines = it_self.nginx:log():gsub(
      "%[error%] [^\n]*graphsocket: [^\n]*broken on purpose\nstack traceback:", "")
    assert.equal(4, lines)
  end)

  it("a handler that never returns holds up its own worker's events alone", function()
    it_self = cluster.start {
      code = [[
        options.max_events = 16
        graphsocket_nginx.on("stick", function(id)
          if id == ngx.worker.id() then graphsocket.sleep(1e6) end
        end)
      ]],
    }
    it_self:until_owner()
    it_self:publish("stick", 1)
    local expected = {}
    for n = 1, 100 do
      expected[n] = n
      it_self:publish("change", n)
    end
    helper.eventually(function()
      for _, list in pairs(it_self:got()) do
        if #list == 100 then return list end
      end
    end, "one worker has all events")
    local lists = 0
    for _, list in pairs(it_self:got()) do
      assert.same(expected, list)
      lists = lists + 1
    end
    assert.equal(1, lists)
  end)

  it("an idle nginx writes nothing, and wakes only for its timers", function()
    local graph = simulator.start("--ping-interval", "50")
    finally(function() graph:stop() end)
    it_self = cluster.start {
      code = ([[
        local client = graphsocket.new { base_url = %q, token = %q, ca_file = %q }
        options.run = function() return client:subscribe "/me/drive/root" end
        options.ttl = 30
        local every = ngx.timer.every
        ngx.timer.every = function(seconds, fn, ...)
          return every(seconds, function(...)
            seen:incr("timers", 1, 0)
            return fn(...)
          end, ...)
        end
      ]]):format(graph.graph, graph.token, graph.ca),
    }
    local function last_ping_at()
      local source = it_self:any_stats().sources[1]
      return source and source.last_ping_at
    end
    -- Its first time is in what the owner's timer notes: the start is over.
    local first_ping_at = helper.eventually(last_ping_at, "the service is heard")
    -- How often the workers have fallen asleep.
    local function sleeps()
      local sum = 0
      for _, pid in ipairs(it_self.nginx:workers()) do
        local status = helper.read(("/proc/%d/status"):format(pid))
        sum = sum + tonumber(status:match "\nvoluntary_ctxt_switches:%s*(%d+)")
      end
      return sum
    end
    local function timers() return it_self:dump().seen.timers or 0 end
    local timers_before, sleeps_before = timers(), sleeps()
    helper.eventually(function() return sleeps() >= sleeps_before + 4 end, "they wake")
    -- One wake may be the end of the request that read the count.
    assert.is_true(timers() >= timers_before + 3)
    helper.eventually(function() return last_ping_at() > first_ping_at end,
      "the service has been heard meanwhile")
    assert.same({}, it_self.nginx:complaints())
    it_self:stop() -- before the service, whose end it would tell of
    it_self = nil
  end)

  it("a worker that runs out of connections goes on, and keeps its ownership", function()
    it_self = cluster.start {
      workers = 1;
      try = "ngx.sleep(0.5)";
      nginx = { connections = 16, allow = { "worker_connections", "fake connection" } };
    }
    local owner, answers = it_self:until_owner(), 0
    for _ = 1, 40 do
      loop.spawn(function()
        engine.request { url = it_self.nginx:url "/try" }
        answers = answers + 1
      end)
    end
    helper.eventually(function() return answers == 40 end, "all requests have ended")
    assert.truthy(it_self.nginx:log():find "worker_connections are not enough")
    local renewed = it_self:any_stats().sources_at
    helper.eventually(function()
      return it_self:any_stats().sources_at > renewed + it_self.ttl
    end, "the supervisor goes on for longer than the lease lasts")
    it_self:publish("change", 1)
    it_self:until_got { 1 }
    local stats = it_self:any_stats()
    assert.equal(owner, stats.owner_pid)
    assert.equal(1, stats.generation)
  end)

  it("the memory of a worker does not grow with the events", function()
    it_self = cluster.start {
      code = [[
        options.run = function(share)
          local events = ngx.shared.events
          while not (events:get "gs:read0" and events:get "gs:read1") do
            graphsocket.sleep(0.01)
          end
          for n = 1, 80000 do
            share("burst", { id = n, name = "report.docx" })
            if n % 1000 == 0 then graphsocket.sleep(0) end
          end
        end
        local total = 0
        graphsocket_nginx.on("burst", function()
          total = total + 1
          if total % 20000 == 0 then note("total", total) end
        end)
      ]],
    }
    local function until_total(count)
      helper.eventually(function()
        local workers = 0
        for _, list in pairs(it_self:got "total") do
          if (list[#list] or 0) >= count then workers = workers + 1 end
        end
        loop.sleep(0.05)
        return workers == 2
      end, ("both workers have %d events"):format(count))
    end
    local function resident()
      local sum = 0
      for _, pid in ipairs(it_self.nginx:workers()) do
        local status = helper.read(("/proc/%d/status"):format(pid))
        sum = sum + tonumber(status:match "VmRSS:%s*(%d+)")
      end
      return sum
    end
    until_total(20000)
    local before = resident()
    for count = 40000, 80000, 20000 do until_total(count) end
    assert.is_true(resident() - before < 4096, ("%d KB more"):format(resident() - before))
    assert.equal(0, it_self:any_stats().dropped)
  end)
end)
