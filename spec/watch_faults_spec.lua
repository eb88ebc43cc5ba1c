-- What goes wrong, and that every change comes out of a watch all the same.

local helper = require "spec.helper"
local json = require "graphsocket.json"
local lfs = require "lfs"
local loop = require "graphsocket.loop"
local simulator = require "spec.simulator"
local suspend = require "graphsocket.suspend"
local watcher = require "spec.watcher"

describe("a watch", function()
  local sim, client, changing, drive, resource

  setup(function() sim = simulator.start() end)
  teardown(function() sim:stop() end)
  before_each(function()
    sim:reset()
    sim:post("settings", { page_size = 200, clock = 0 })
    changing = sim:drive()
    drive, resource = changing.id, changing.resource
    client = sim:client()
  end)
  after_each(function()
    watcher.close_all()
    loop.on_error = nil
  end)

  local function create(fields) return changing:create(fields) end

  local function looks() return #sim:requests("delta", drive) end

  local function quiet(opts, hooks)
    return watcher.quiet(client, opts, hooks, resource)
  end

  -- Everything that was delivered, each once, in alphabetical order.
  local function names(w)
    local seen, list = {}, {}
    for _, name in ipairs(w:changes()) do
      if not seen[name] then list[#list + 1] = name end
      seen[name] = true
    end
    table.sort(list)
    return table.concat(list, " ")
  end

  -- Waits until these were delivered; the watch's waits pass at once.
  local function until_names(w, expected)
    helper.eventually(function()
      if names(w) == expected then return true end
      w:skip()
    end, ("%q is delivered"):format(expected))
  end

  describe("whose place is forgotten", function()
    for _, case in ipairs {
      { "resyncRequired" }, { "resyncRequired", false },
      { "resyncChangesApplyDifferences" }, { "resyncChangesApplyDifferences", false },
      { "resyncChangesUploadDifferences" }, { "resyncRequired", nil, 410, "resyncChangesUploadDifferences" },
      { "SyncStateNotFound", false, 404 }, { "SyncStateNotFound", false, 400 },
    } do
      it(("(%d %s, %s Location) says so and starts the feed over"):format(
        case[3] or 410, case[4] or case[1], case[2] == false and "without" or "with"),
        function()
        create { name = "a" }
        local w = quiet()
        sim:post("delta/resync", { drive = drive, code = case[1], location = case[2],
          status = case[3], inner_code = case[4] })
        create { name = "b" }
        until_names(w, "a b root")
        w:until_quiet()
        assert.same({ case[4] or case[1] }, w:all "resync")
        assert.equal(1, w.watch:stats().resyncs)
        assert.equal(case[4] or case[1], w:all "sync"[1].resync)
        assert.matches("^resync change change change commit sync", w:story())
        w:forget()
        create { name = "c" }
        until_names(w, "c")
        w:close()
      end)
    end

    it("starts over plainly if the Location fails", function()
      local w = quiet()
      sim:fault { on = "delta", status = 500, skip = 1 }
      sim:post("delta/resync", { drive = drive })
      create { name = "a" }
      until_names(w, "a root")
      w:until_quiet()
      assert.equal(500, w:all "error"[1].status)
      w:close()
    end)

    it("again and again waits longer and longer, and delivers", function()
      local request, w = require "graphsocket.request", quiet()
      local waits, over_at, early, backoff = {}, 0, false, request.backoff
      finally(function() request.backoff = backoff end)
      request.backoff = function(n)
        waits[#waits + 1] = n
        over_at = loop.now() + backoff(n)
        return over_at - loop.now()
      end
      w.watch:on("change", function() early = early or loop.now() < over_at end)
      for i = 1, 6 do
        sim:post("delta/resync", { drive = drive })
        create { id = "a", name = "a" }
        helper.eventually(function()
          if w.watch:stats().resyncs == i and w.watch:stats().phase == "idle" then
            return true
          end
          helper.advance(0.25)
        end)
      end
      assert.same({ 1, 2, 3, 4, 5 }, waits)
      assert.is_false(early)
      assert.equal("a root", names(w))
      w:close()
    end)

    it("by a crash in the middle of starting over is none the worse", function()
      local path = helper.scratch "state"
      create { name = "a" }
      local w = quiet { state = path }
      sim:post("delta/resync", { drive = drive })
      create { name = "b", notify = 0 }
      local before = helper.read(path)
      local again
      w.watch:on("change", function() w.watch:close() end)
      helper.advance(301)
      helper.eventually(function() return w.watch.state == "closed" end)
      assert.equal(before, helper.read(path))
      again = watcher.start(client, { state = path }, nil, resource)
      until_names(again, "a b root")
      assert.equal(1, again:count "resync")
      again:close()
    end)
  end)

  describe("whose answers are wrong comes back to the old place", function()
    -- The next look gives this answer, times times; nothing may be lost.
    for name, rule in pairs {
      ["empty"] = { body = "" },
      ["not JSON"] = { body = "<html>" },
      ["an empty object"] = { body = "{}" },
      ["cut off"] = { cut = 20 },
      ["a reset"] = { cut = 20, rst = true },
      ["without a body"] = { cut = -1 },
      ["500"] = { status = 500 }, ["502"] = { status = 502 }, ["504"] = { status = 504 },
      ["503 for a second"] = { status = 503, retry_after = 1 },
      ["without end"] = { endless = true },
      ["too large"] = { fill = 20 * 1024 * 1024 },
      ["a nextLink to itself"] = { merge = {
        ["@odata.nextLink"] = "$self", ["@odata.deltaLink"] = json.null } },
      ["a deltaLink that is not one"] = { merge = { ["@odata.deltaLink"] = "/delta" } },
      ["a deltaLink that is a number"] = { merge = { ["@odata.deltaLink"] = 5 } },
      ["without links"] = { merge = { ["@odata.deltaLink"] = json.null } },
      ["without items"] = { merge = { value = json.null } },
      ["items that are no list"] = { merge = { value = { a = "b" } } },
    } do
      it(("(%s)"):format(name), function()
        loop.on_error = function() end
        local w = quiet()
        rule.on, rule.times = "delta", 3
        sim:fault(rule)
        create { name = "a" }
        helper.eventually(function()
          w:skip()
          return w:count "error" >= 3
        end)
        create { name = "b" }
        until_names(w, "a b")
        w:until_quiet()
        assert.equal(0, w:count "resync")
        for _, err in ipairs(w:all "error") do
          assert.not_matches("token=%w", tostring(err))
        end
        w:close()
      end)
    end

    it("(a deltaLink that the service then refuses) and delivers again", function()
      local w = quiet()
      -- #1408: a link that looks right and is not.
      local link = ("%s/drives/%s/root/delta?token=broken"):format(sim.graph, drive)
      create { name = "a" }
      until_names(w, "a")
      w:until_quiet()
      sim:fault { on = "delta", merge = { ["@odata.deltaLink"] = link } }
      create { name = "b" }
      until_names(w, "a b")
      create { name = "c" }
      until_names(w, "a b c")
      w:until_quiet()
      assert.equal(400, w:all "error"[1].status)
      assert.equal(0, w:count "resync")
      w:close()
    end)

    it("(the same, and no other place is known) and starts over", function()
      local path = helper.scratch "state"
      create { name = "a" }
      sim:fault { on = "delta", merge = {
        ["@odata.deltaLink"] = ("%s/drives/%s/root/delta?token=broken")
          :format(sim.graph, drive) } }
      local w = watcher.start(client, { state = path }, nil, resource)
      until_names(w, "a root")
      assert.same({ "invalidRequest" }, w:all "resync")
      w:close()
    end)
  end)

  describe("that begins now", function()
    it("takes a place that says latest for none", function()
      create { name = "old" }
      sim:fault { on = "delta", merge = { ["@odata.deltaLink"] =
        ("%s/drives/%s/root/delta?token=latest"):format(sim.graph, drive) } }
      local w = quiet()
      create { name = "a" }
      until_names(w, "a")
      w:close()
    end)

    it("takes latest out of a place that has a token too", function()
      local w = quiet()
      local link = sim:requests("delta", drive)[2].query
      w:close()
      sim:fault { on = "delta", merge = { ["@odata.deltaLink"] =
        ("%s/drives/%s/root/delta?%s&token=latest"):format(sim.graph, drive, link) } }
      w = watcher.start(client, nil, nil, resource)
      w:until_quiet()
      create { name = "a" }
      until_names(w, "a")
      w:close()
    end)
  end)

  describe("sends its token to the Graph host alone:", function()
    for name, field in pairs {
      ["a nextLink"] = "@odata.nextLink", ["a deltaLink"] = "@odata.deltaLink",
    } do
      it(name .. " elsewhere is not followed", function()
        loop.on_error = function() end
        local w = quiet()
        local elsewhere = sim.login .. "/v1.0/drives/x/root/delta?token=x"
        sim:fault { on = "delta", times = 2, merge = { [field] = elsewhere } }
        create { name = "a" }
        helper.eventually(function()
          w:skip()
          return w:count "error" == 2
        end)
        until_names(w, "a")
        assert.matches("leads to another server", w:all "error"[1].message, 1, true)
        for _, request in ipairs(sim:report().requests) do
          assert.equal("graph", request.host)
        end
        w:close()
      end)
    end

    it("a Location elsewhere is not followed", function()
      local w = quiet()
      sim:fault { on = "delta", status = 410, code = "resyncRequired",
        headers = { Location = sim.login .. "/v1.0/drives/x/root/delta?token=x" } }
      create { name = "a" }
      until_names(w, "a root")
      for _, request in ipairs(sim:report().requests) do
        assert.equal("graph", request.host)
      end
      w:close()
    end)

    it("a state file that leads elsewhere is damaged, or is not followed", function()
      local path = helper.scratch "state"
      quiet({ state = path }):close()
      local text = helper.read(path)
      helper.write(path, (text:gsub("localhost", "evilhost")))
      local none, err = client:watch(resource, { state = path })
      assert.is_nil(none)
      assert.equal("damaged", err.code)
    end)
  end)

  describe("that Graph refuses for good", function()
    for _, case in ipairs {
      { 403, "accessDenied" }, { 404, "itemNotFound" }, { 400, "invalidRequest" },
      { 401, "InvalidAuthenticationToken" },
    } do
      it(("(%d) fails: it says so once, and is over"):format(case[1]), function()
        sim:fault { on = "delta", status = case[1], code = case[2], times = "always" }
        local path = helper.scratch "state"
        local w = watcher.start(client, { state = path }, nil, resource)
        helper.eventually(function() return w.watch.state == "failed" end)
        loop.run() -- nothing is left to wait for
        assert.equal(1, w:count "error")
        assert.equal(case[1], w:all "error"[1].status)
        local states = w:all "state"
        assert.equal("failed", states[#states])
        assert.equal(1, looks())
        assert.equal("failed", w.watch:stats().phase)
        -- Its state is free.
        sim:reset()
        local second = watcher.start(client, { state = path }, nil, resource)
        second:until_quiet()
        second:close()
        w.watch:close()
        assert.equal("closed", w.watch.state)
      end)
    end

    it("in its subscription is over as well", function()
      sim:fault { on = "subscription", status = 403, code = "accessDenied" }
      local w = watcher.start(client, nil, nil, resource)
      helper.eventually(function() return w.watch.state == "failed" end)
      loop.run()
      assert.equal(403, w:all "error"[1].status)
      assert.equal(1, w:count "error")
    end)

    it("tells on_error if nobody listens", function()
      local reported = {}
      loop.on_error = function(err) reported[#reported + 1] = err.status end
      sim:fault { on = "delta", status = 403 }
      local w = client:watch(resource)
      loop.run()
      assert.equal("failed", w.state)
      assert.same({ 403 }, reported)
    end)

    it("but goes on if a new token mends it", function()
      local tokens = { "expired", sim.token }
      client = sim:client { token = function() return table.remove(tokens, 1) or sim.token end }
      local w = quiet()
      create { name = "a" }
      until_names(w, "a")
      w:close()
    end)
  end)

  it("asks once more, after the time, when Graph says to wait", function()
    local w = quiet()
    sim:post("report/clear")
    sim:fault { on = "delta", status = 429, retry_after = 120 }
    create { name = "a" }
    helper.eventually(function() return w:count "error" == 1 end)
    assert.equal(120, w:all "error"[1].retry_after)
    sim:post("notify", { drive = drive, count = 5 })
    helper.eventually(function() return w:count "notification" == 6 end)
    helper.advance(119)
    assert.equal(1, looks())
    helper.advance(20)
    helper.eventually(function() return w:count "change" == 1 end)
    assert.equal(2, looks())
    w:close()
  end)

  it("does not lose a notification that comes while it fails", function()
    local w = quiet { poll = 1e6 }
    sim:fault { on = "delta", status = 500, times = 2 }
    create { name = "a" }
    helper.eventually(function() return w:count "error" == 1 end)
    create { name = "b" }
    helper.eventually(function() return w:count "notification" == 2 end)
    until_names(w, "a b")
    w:close()
  end)

  describe("that cannot store its place", function()
    it("reports it, delivers again later, and leaves the old place", function()
      local folder = helper.scratch "folder"
      assert(lfs.mkdir(folder))
      local path = folder .. "/state"
      local w = quiet { state = path }
      local before = helper.read(path)
      create { name = "a" }
      assert(os.rename(folder, folder .. ".away"))
      helper.eventually(function()
        w:skip()
        return w:count "error" == 2
      end)
      local err = w:all "error"[1]
      assert.equal("state", err.kind)
      assert.equal("unwritable", err.code)
      assert.matches(path, err.message, 1, true)
      assert.equal(0, w:count "sync")
      assert(os.rename(folder .. ".away", folder))
      assert.equal(before, helper.read(path))
      w:until_quiet()
      assert.is_true(w:count "change" >= 3)
      assert.equal("a", names(w))
      assert.are_not.equal(before, helper.read(path))
      w:close()
    end)

    it("as the disk is full truncates nothing, and delivers again", function()
      -- A limit of the file size stands in for a full disk; output goes to a pipe.
      local path, source = helper.scratch "drive.state", helper.scratch "script.lua"
      helper.write(source, [[
        local graphsocket = require "graphsocket"
        io.stdout:setvbuf "line"
        local self = io.open "/proc/self/stat"
        print("pid", self:read "*n")
        self:close()
        local client = graphsocket.new {
          base_url = arg[1], token = arg[2], ca_file = arg[3],
        }
        local watch = assert(client:watch(arg[4], { state = arg[5] }))
        watch:on("change", function(item) print("change", item.name) end)
        watch:on("error", function(err) print("error", err.code) end)
        watch:on("sync", function() print "sync" end)
        graphsocket.run()
      ]])
      local script = helper.spawn {
        "sh", "-c", [[trap '' XFSZ; "$@" | cat]], "sh", helper.interpreter(),
        source, sim.graph, sim.token, sim.ca, resource, path,
        env = { LUA_PATH = package.path, LUA_CPATH = package.cpath },
      }
      local function until_printed(what)
        local text
        helper.eventually(function()
          text = script:out()
          return text:find(what)
        end, what .. " is printed")
        return text
      end
      until_printed "sync"
      local pid = script:out():match "pid\t(%d+)"
      local function limit(bytes)
        os.execute(("prlimit --pid %s --fsize=%s:"):format(pid, bytes))
      end
      local before = helper.read(path)
      limit(16)
      create { name = "a" }
      until_printed "change\ta\nerror\tunwritable"
      assert.equal(before, helper.read(path))
      limit "unlimited"
      until_printed "unwritable\n.*change\ta\n.*sync"
      assert.are_not.equal(before, helper.read(path))
      os.execute("kill " .. pid)
      script:wait()
    end)

    it("reports it to on_error if nobody listens", function()
      local reported = {}
      loop.on_error = function(err) reported[#reported + 1] = err.code end
      local saves = 0
      local w = client:watch(resource, { state = {
        load = function() end,
        save = function()
          saves = saves + 1
          if saves == 1 then return nil, "disk full" end
          return true
        end,
      } })
      helper.eventually(function()
        helper.advance(1)
        return w:stats().rounds >= 1
      end)
      assert.same({ "unwritable" }, reported)
      w:close()
      loop.run()
    end)
  end)

  it("is none the worse for a clock that is wrong by a day", function()
    for _, clock in ipairs { 86400, -86400 } do
      sim:post("settings", { clock = clock })
      client = sim:client()
      local w = quiet()
      create { name = "a" }
      until_names(w, "a")
      assert.equal("created", w:context(1).kind)
      w:close()
    end
  end)

  it("reports a token source that hangs, and goes on when it does not", function()
    local answer = loop.future()
    client = sim:client {
      token_timeout = 5,
      token = function()
        answer:await()
        return sim.token
      end,
    }
    local w = watcher.start(client, nil, nil, resource)
    helper.eventually(function()
      helper.advance(1)
      return w:count "error" >= 1
    end)
    assert.equal("timeout", w:all "error"[1].kind)
    answer:resolve()
    w:until_quiet()
    create { name = "a" }
    until_names(w, "a")
    w:close()
  end)

  describe("delivers every change", function()
    -- Makes changes while the network is spoilt and after it.
    local function survives(w, times, spoil, mend, check)
      local expected = {}
      for i = 1, times do
        expected[#expected + 1] = ("before %02d"):format(i)
        expected[#expected + 1] = ("meanwhile %02d"):format(i)
        create { name = expected[#expected - 1] }
        spoil(i)
        create { name = expected[#expected] }
        mend(i)
      end
      table.sort(expected)
      helper.eventually(function()
        local stats = w.watch:stats()
        if stats.state == "waiting" then
          helper.advance(math.max(0, stats.next_at - loop.time()) + 0.001)
        end
        w:skip()
        return names(w) == table.concat(expected, " ")
      end, "all is delivered")
      w:until_quiet()
      assert.equal(#expected, w:count "change", "each once")
      if check then check(w.watch:stats()) end
      w:close()
    end

    it("made while the servers are killed and started 50 times", function()
      local w = quiet { state = helper.scratch "state" }
      survives(w, 50, function(i)
        for _, host in ipairs { "graph", "socket" } do sim:post("hosts/stop", { host = host }) end
        if i % 2 == 0 then
          helper.eventually(function() return w.watch.state ~= "joined" end, "it has noticed")
        end
      end, function(i)
        if i % 2 == 0 then
          -- Long enough that it finds nobody there.
          helper.advance(70)
          loop.step(0.01)
        end
        for _, host in ipairs { "graph", "socket" } do sim:post("hosts/start", { host = host }) end
        helper.advance(70)
        loop.step(0.01)
        if i % 2 == 0 then w:until_quiet() end
      end, function(stats) assert.is_true(stats.reconnects >= 25, stats.reconnects) end)
    end)

    it("made while the network is a black hole", function()
      client = sim:client { timeout = 0.3 }
      sim:post("settings", { ping_interval = 100, ping_timeout = 200 })
      local w = quiet { timeout = 0.3, poll = 60 }
      survives(w, 3, function()
        for _, host in ipairs { "graph", "socket" } do
          sim:post("hosts/fault", { host = host, hole = "both" })
        end
        helper.eventually(function() return w.watch.state ~= "joined" end)
      end, function()
        for _, host in ipairs { "graph", "socket" } do
          sim:post("hosts/stop", { host = host })
          sim:post("hosts/heal", { host = host })
          sim:post("hosts/start", { host = host })
        end
        w:until_quiet()
      end)
      sim:post("settings", { ping_interval = 25000, ping_timeout = 20000 })
    end)

    it("made while the machine was suspended", function()
      local w = quiet { poll = 1e6 }
      survives(w, 10, function() helper.advance(7200) end, suspend.notice)
    end)
  end)

  it("is retried for ever", function()
    sim:fault { on = "delta", status = 503, times = 60 }
    local w = watcher.start(client, { from = "beginning" }, nil, resource)
    create { name = "a" }
    until_names(w, "a root")
    assert.equal(60, w:count "error")
    w:close()
  end)

  it("lets another task cancel it while a page hangs", function()
    sim:fault { on = "delta", hang = true }
    local w = watcher.start(client, nil, nil, resource)
    helper.eventually(function() return looks() == 1 end)
    w:close()
    assert.equal(0, w:count "error")
  end)
end)
