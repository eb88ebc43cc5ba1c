-- What a watch delivers, when it looks, and what its handlers may do. What goes
-- wrong on the way is in watch_faults_spec.lua, in a crash in
-- watch_crash_spec.lua.

local graphsocket = require "graphsocket"
local helper = require "spec.helper"
local lfs = require "lfs"
local loop = require "graphsocket.loop"
local request = require "graphsocket.request"
local simulator = require "spec.simulator"
local watch = require "graphsocket.watch"
local watcher = require "spec.watcher"

describe("graphsocket.watch", function()
  local sim, client, changing, drive, resource

  setup(function() sim = simulator.start() end)
  teardown(function() sim:stop() end)
  before_each(function()
    sim:reset()
    sim:post("settings", {
      delta_lag = 0, delta_duplicates = false, page_size = 200,
    })
    changing = sim:drive()
    drive, resource = changing.id, changing.resource
    client = sim:client()
  end)

  after_each(function()
    watcher.close_all()
    loop.on_error = nil
  end)

  -- Changes of the drive under test.
  local function create(fields) return changing:create(fields) end
  local function update(id, name) changing:update(id, { name = name }) end
  local function delete(id) changing:delete(id) end

  local function start(opts, hooks)
    return watcher.start(client, opts, hooks, resource)
  end

  -- A watch that has joined, and has nothing to do.
  local function quiet(opts, hooks)
    return watcher.quiet(client, opts, hooks, resource)
  end

  local function looks()
    return #sim:requests("delta", drive)
  end

  -- Makes waits of a watch so much longer that a machine which stalls for seconds
  -- does not end them.
  local function with(name, value)
    local real = watch[name]
    watch[name] = value
    finally(function() watch[name] = real end)
  end

  -- Of the waits after failures.
  local function back_off(seconds)
    local real = request.backoff
    request.backoff = seconds
    finally(function() request.backoff = real end)
  end

  it("that is closed while the last answer is on its way says nothing of it", function()
    local reported, real, w = {}, client._request, nil
    loop.on_error = function(err) reported[#reported + 1] = tostring(err) end
    client._request = function(...)
      local answer, err, refused = real(...)
      if answer and answer.json["@odata.deltaLink"] then w.watch:close() end
      return answer, err, refused
    end
    w = start { state = helper.scratch "drive.state" }
    helper.eventually(function() return w.watch.state == "closed" end, "it is closed")
    helper.advance(1)
    assert.same({}, reported)
  end)

  describe("delivers", function()
    it("what is changed from now on, as items of the feed", function()
      create { name = "before.txt" }
      local w = quiet()
      create { name = "a.txt", id = "a", fields = { size = 7 } }
      w:until_changes(1)
      local item, context = w:all "change"[1], w:context(1)
      assert.equal("a", item.id)
      assert.equal("a.txt", item.name)
      assert.equal(7, item.size)
      assert.same({ kind = "created", drive_id = drive, round = context.round }, context)
      assert.equal("number", type(context.round))
      w:until_quiet()
      assert.same({ "a.txt" }, w:changes())
      w:close()
    end)

    it("everything there is, if it begins at the beginning", function()
      create { count = 5 }
      local gone = create { id = "gone" }
      delete(gone[1])
      sim:post("settings", { page_size = 2 })
      local w = start { from = "beginning" }
      w:until_quiet()
      assert.equal(6, w:count "change") -- with the root
      assert.equal("root", w:changes()[1])
      local summary = w:all "sync"[1]
      assert.equal(6, summary.items)
      assert.equal(6, summary.created)
      assert.equal(3, summary.pages)
      create()
      w:until_changes(7)
      w:close()
    end)

    it("what happened to an item, as far as the feed tells", function()
      local w = quiet()
      local kinds = {}
      w.watch:on("change", function(item, context)
        kinds[#kinds + 1] = item.id .. " " .. context.kind
          .. (item.deleted and " deleted" or "")
      end)
      create { id = "a" }
      w:until_changes(1)
      -- The feed's times are whole seconds of the server's clock.
      sim:post("settings", { clock = 10 })
      update("a", "new name")
      w:until_changes(2)
      delete "a"
      w:until_changes(3)
      create { id = "b" }
      w:until_changes(4)
      sim:post("settings", { clock = 0 })
      assert.same({ "a created", "a updated", "a deleted deleted", "b created" }, kinds)
      local sums = { created = 0, updated = 0, deleted = 0 }
      for _, summary in ipairs(w:all "sync") do
        for name, sum in pairs(sums) do sums[name] = sum + summary[name] end
      end
      assert.same({ created = 2, updated = 1, deleted = 1 }, sums)
      w:close()
    end)

    it("the items of a list, from the list's own feed", function()
      resource = { drive = drive, list = true }
      local w = quiet()
      create { name = "task" }
      w:until_changes(1)
      assert.equal("task", w:all "change"[1].fields.Title)
      assert.equal(drive, w:context(1).drive_id)
      assert.matches("/list/items/delta$", sim:requests "delta"[1].path)
      w:close()
    end)

    it("of a list that has no notifications, by looking alone", function()
      resource = { list = sim.ids.plain_list }
      local w = start { poll = 60 }
      w:until_rounds(1)
      sim:post("items/create", { list = sim.ids.plain_list, name = "task" })
      w:until_changes(1)
      assert.equal("task", w:all "change"[1].fields.Title)
      w:close()
    end)

    it("items in the feed's order, the last of duplicates in a page", function()
      local ids = create { count = 3 }
      local w = quiet()
      sim:post("settings", { delta_duplicates = true })
      for i = 3, 1, -1 do update(ids[i], "name " .. i) end
      w:until_changes(3)
      w:until_quiet()
      assert.same({ "name 3", "name 2", "name 1" }, w:changes())
      w:close()
    end)

    it("a feed of many pages without holding it in memory", function()
      sim:post("items/generate", { drive = drive, count = 20000 })
      sim:post("settings", { page_size = 500 })
      local count, most = 0, 0
      local w = client:watch(resource, { from = "beginning" })
      w:on("change", function()
        count = count + 1
        if count % 2000 == 0 then
          collectgarbage()
          most = math.max(most, collectgarbage "count")
        end
      end)
      collectgarbage()
      local before = collectgarbage "count"
      helper.eventually(function() return w:stats().rounds >= 1 end)
      w:close()
      loop.run()
      assert.equal(20001, count)
      -- A page is less than a megabyte as a table; all would be 40 times that.
      assert.is_true(most - before < 8192, ("%.0f KB more"):format(most - before))
    end)
  end)

  describe("looks", function()
    it("at once, and again after it has connected", function()
      sim:fault { on = "subscription", hang = true }
      local w = start()
      w:until_rounds(1)
      assert.equal(1, looks())
      -- The fault is for this one.
      helper.eventually(function() return #sim:requests "subscription" == 1 end)
      assert.equal("fetching", w.watch.state)
      w:close()
      w = start()
      w:until_quiet()
      assert.equal(3, looks())
      w:close()
    end)

    it("after every reconnect, for what came in the gap", function()
      local w = quiet()
      sim:post("hosts/stop", { host = "socket" })
      helper.eventually(function() return w:count "disconnect" == 1 end)
      create { name = "in the gap" }
      sim:post("hosts/start", { host = "socket" })
      w:until_quiet()
      assert.same({ "in the gap" }, w:changes())
      w:close()
    end)

    it("when the machine was suspended", function()
      local w = quiet { poll = 1e6 }
      create { notify = 0, name = "meanwhile" }
      helper.advance(3600)
      require("graphsocket.suspend").notice()
      w:until_changes(1)
      w:close()
    end)

    it("every 300 seconds, whether or not anything was heard", function()
      local w = quiet()
      create { notify = 0 }
      local before = looks()
      helper.advance(250)
      assert.equal(before, looks())
      assert.equal(0, w:count "change")
      helper.advance(51)
      helper.eventually(function() return w:count "change" == 1 end)
      assert.equal(before + 1, looks())
      w:close()
    end)

    it("every `poll` seconds, also while no socket can be had", function()
      sim:fault { on = "subscription", status = 500, times = "always" }
      local w = start { poll = 20 }
      w:until_rounds(1)
      for i = 2, 5 do
        create { notify = 0 }
        helper.advance(20)
        w:until_rounds(i)
      end
      assert.equal(4, w:count "change")
      w:close()
    end)

    it("a few times for a burst of notifications, one look at a time", function()
      local w = quiet()
      sim:post("report/clear")
      sim:post("notify", { drive = drive, count = 500 })
      create { count = 100 }
      helper.eventually(function() return w:count "notification" == 600 end)
      w:until_changes(100)
      w:until_quiet()
      local requests = sim:requests("delta", drive)
      assert.is_true(#requests <= 20, #requests)
      for i = 2, #requests do
        assert.is_true(requests[i].began >= requests[i - 1].ended, "one at a time")
      end
      w:close()
    end)

    it("a second after the last look at the earliest", function()
      assert.equal(1, watch.GAP)
      local w = quiet { poll = 1e6 }
      with("GAP", 100)
      helper.advance(100)
      local before = looks()
      create()
      helper.eventually(function() return w:count "sync" == 1 end)
      create()
      helper.eventually(function() return w:count "notification" == 2 end)
      helper.advance(50)
      assert.equal(before + 1, looks())
      helper.advance(51)
      helper.eventually(function() return looks() == before + 2 end)
      w:close()
    end)

    it("once more for a notification that comes during a round", function()
      local entered, release = loop.future(), loop.future()
      local w = quiet({ poll = 1e6 }, { change = function()
        entered:resolve()
        release:await()
      end })
      create { name = "first" }
      helper.eventually(function() return entered:done() end)
      create { name = "second" }
      helper.eventually(function() return w:count "notification" == 2 end)
      assert.is_true(w.watch:stats().pending)
      assert.equal("round", w.watch:stats().phase)
      release:resolve()
      helper.eventually(function() return w.watch:stats().phase ~= "round" end)
      helper.advance(watch.GAP)
      helper.eventually(function() return w:count "change" == 2 end)
      assert.same({ "first", "second" }, w:changes())
      w:close()
    end)

    it("again while the feed lags behind the notification", function()
      local w = quiet { poll = 1e6 }
      with("LAG", { 200 })
      local before = looks()
      sim:post("notify", { drive = drive })
      helper.eventually(function() return w.watch:stats().phase == "checking" end)
      assert.equal(before + 1, looks())
      assert.is_true(w.watch:stats().pending)
      create { name = "late", notify = 0 }
      helper.advance(watch.LAG[1])
      helper.eventually(function() return w:count "change" == 1 end)
      assert.equal(before + 2, looks())
      helper.eventually(function() return w.watch:stats().phase == "idle" end)
      w:close()
    end)

    it("on for a second change, when the first of two that lag is there", function()
      local w = quiet { poll = 1e6 }
      sim:post("notify", { drive = drive })
      helper.eventually(function() return w.watch:stats().phase == "checking" end)
      create { name = "first", notify = 0 }
      sim:post("notify", { drive = drive }) -- of the second, which is not there yet
      helper.eventually(function() return w:count "notification" == 2 end)
      helper.advance(watch.GAP)
      helper.eventually(function() return w:count "change" == 1 end)
      create { name = "second", notify = 0 }
      w:until_quiet()
      assert.same({ "first", "second" }, w:changes())
      w:close()
    end)

    it("until the change of a notification is there, however it comes about", function()
      sim:post("settings", { delta_lag = 300 })
      local w = quiet()
      create { name = "late" }
      w:until_changes(1)
      w:until_quiet()
      assert.same({ "late" }, w:changes())
      w:close()
    end)

    it("once more a minute after a gap: nobody notifies again of what it hid", function()
      local w = quiet { poll = 1e6 }
      sim:post("sockets/disconnect", { how = "fin" })
      helper.eventually(function() return w.watch.state == "waiting" end)
      helper.advance(1)
      helper.eventually(function() return w.watch.state == "joined" end)
      helper.advance(watch.GAP)
      helper.eventually(function() return w.watch:stats().phase == "idle" end)
      local before = looks()
      create { name = "late", notify = 0 }
      helper.advance(watch.SETTLED)
      helper.eventually(function() return w:count "change" == 1 end)
      assert.equal(before + 1, looks())
      assert.is_true(w.watch:stats().next_round_at - loop.time() > 1000)
      w:close()
    end)

    it("for a notification that cannot be understood", function()
      local w = quiet { poll = 1e6 }
      create { name = "a", notify = 0 }
      sim:post("notify", { drive = drive, data = "\1 no JSON" })
      helper.eventually(function() return w:count "change" == 1 end)
      assert.equal("\1 no JSON", w:all "notification"[1].raw)
      w:close()
    end)

    it("at once when the connection is back, however long it was to wait", function()
      local w = quiet { poll = 1e6 }
      sim:fault { on = "delta", status = 500, times = 7 }
      create { name = "a" }
      for i = 1, 7 do
        helper.eventually(function() return w.watch:stats().failures == i end)
        if i < 7 then w:skip() end
      end
      assert.is_true(w.watch:stats().next_round_at - loop.time() > 7)
      sim:post("sockets/disconnect", { how = "fin" })
      helper.eventually(function() return w.watch.state == "waiting" end)
      helper.advance(1)
      helper.eventually(function() return w.watch.state == "joined" end)
      helper.advance(watch.GAP)
      helper.eventually(function() return w:count "change" == 1 end)
      w:close()
    end)

    it("a few times with growing waits for a notification of nothing", function()
      assert.same({ 2, 4, 8, 16, 32 }, watch.LAG)
      local w = quiet { poll = 1e6 }
      with("LAG", { 20, 40, 80, 160, 320 })
      local before = looks()
      sim:post("notify", { drive = drive })
      helper.eventually(function() return looks() == before + 1 end)
      for i = 1, #watch.LAG do
        helper.eventually(function() return w.watch:stats().phase == "checking" end)
        local left = w.watch:stats().next_round_at - loop.time()
        assert.is_true(left <= watch.LAG[i] and left > watch.LAG[i] - 10, left)
        helper.advance(left + 0.001)
        helper.eventually(function() return looks() == before + 1 + i end)
      end
      helper.eventually(function() return w.watch:stats().phase == "idle" end)
      assert.is_false(w.watch:stats().pending)
      w:close()
    end)

    it("does nothing at all when nothing happens", function()
      local w = quiet()
      local stats = w.watch:stats()
      local turns = 0
      -- What the last round left to be told.
      helper.eventually(function() return loop.step(0) == 0 end)
      helper.eventually(function()
        turns = turns + 1
        assert.equal(0, loop.step(0))
        return turns == 50
      end)
      assert.is_true(loop.timeout() > 60, "the next timer is far away")
      assert.same(stats.rounds, w.watch:stats().rounds)
      w:close()
    end)

    it("with a memory that stays flat, round after round", function()
      local w = client:watch(resource, { state = helper.scratch "state", poll = 10 })
      helper.eventually(function() return w:stats().state == "joined" end)
      local early
      for i = 1, 120 do
        local before = w:stats().rounds
        create { notify = 0, id = "the same" }
        helper.advance(10.001)
        helper.eventually(function() return w:stats().rounds > before end)
        if i == 40 then
          collectgarbage()
          collectgarbage()
          early = collectgarbage "count"
        end
      end
      collectgarbage()
      collectgarbage()
      assert.is_true(collectgarbage "count" - early < 64)
      w:close()
      loop.run()
    end)
  end)

  describe("keeps its place", function()
    local path

    before_each(function() path = helper.scratch "drive.state" end)

    it("across restarts: each change once, and none is lost", function()
      local names = {}
      for i = 1, 5 do
        local w = start { state = path, from = i == 1 and "now" or nil }
        w:until_quiet()
        create { name = "while it runs " .. i }
        w:until_changes(i == 1 and 1 or 2)
        w:until_quiet()
        for _, name in ipairs(w:changes()) do names[#names + 1] = name end
        w:close()
        create { name = "while it does not " .. i }
      end
      local expected = {}
      for i = 1, 5 do
        if i > 1 then expected[#expected + 1] = "while it does not " .. i - 1 end
        expected[#expected + 1] = "while it runs " .. i
      end
      assert.same(expected, names)
    end)

    it("which counts more than `from`", function()
      create { name = "old" }
      local w = quiet { state = path }
      w:close()
      create { name = "new" }
      for _, from in ipairs { "beginning", "now" } do
        w = start { state = path, from = from }
        w:until_quiet()
        w:close()
        assert.same(from == "beginning" and { "new" } or {}, w:changes())
      end
    end)

    it("in the program's own hands, if it likes", function()
      local kept
      local state = {
        load = function() return kept end,
        save = function(text)
          loop.sleep(0.001)
          kept = text
          return true
        end,
      }
      local w = quiet { state = state }
      w:close()
      create { name = "new" }
      w = start { state = state }
      w:until_changes(1)
      w:close()
      assert.matches("^graphsocket watch, version 1\n", kept)
    end)

    it("in a file that is written when the place has changed, only then", function()
      local w = quiet { state = path }
      local before = lfs.attributes(path, "ino")
      for _ = 1, 3 do
        helper.advance(301)
        w:until_rounds(w.watch:stats().rounds + 1, true)
      end
      assert.equal(before, lfs.attributes(path, "ino"))
      create()
      w:until_changes(1)
      w:until_quiet()
      assert.are_not.equal(before, lfs.attributes(path, "ino"))
      w:close()
    end)

    it("and returns nil and an error of kind \"state\" if it cannot", function()
      local first = start { state = path }
      first:until_quiet()
      local function refused(what, code)
        local none, err = client:watch(what or resource, { state = path })
        assert.is_nil(none)
        assert.equal("state", err.kind)
        assert.equal(code, err.code)
        assert.matches(path, err.message, 1, true)
      end
      refused(nil, "locked")
      first:close()
      refused("/me/drive/root", "foreign")
      helper.write(path, "damaged")
      refused(nil, "damaged")
      helper.write(path, "graphsocket watch, version 7\n")
      refused(nil, "newer")
      os.remove(path)
      lfs.mkdir(path)
      refused(nil, "unreadable")
      loop.run()
    end)

    it("which another resource of the same name is told from by the Graph host", function()
      quiet({ state = path }):close()
      local other = simulator.start()
      local none, err = other:client():watch(resource, { state = path })
      assert.is_nil(none)
      assert.equal("foreign", err.code)
      other:stop()
    end)

    it("only in memory if it has no state", function()
      local w = quiet()
      create()
      w:until_changes(1)
      w:close()
      w = start()
      w:until_quiet()
      assert.equal(0, w:count "change")
      w:close()
    end)
  end)

  describe("has handlers", function()
    it("that run one at a time, in order, and may wait", function()
      local running, most, order = 0, 0, {}
      local function slow(name)
        return function()
          running = running + 1
          most = math.max(most, running)
          loop.sleep(0.003)
          order[#order + 1] = name
          running = running - 1
        end
      end
      local w = quiet(nil, {
        change = slow "change", commit = slow "commit", sync = slow "sync",
      })
      order = {}
      create { count = 3, notify = 0 }
      create()
      w:until_changes(4)
      w:until_quiet()
      assert.equal(1, most)
      assert.matches("^change change change change commit sync",
        table.concat(order, " "))
      assert.matches("^change change change change commit sync", w:story())
      w:close()
    end)

    it("of which commit comes before the place is durable, sync after it", function()
      local path = helper.scratch "drive.state"
      local before
      local seen = {}
      local w = quiet({ state = path }, {
        change = function() seen[#seen + 1] = helper.read(path) == before end,
        commit = function() seen[#seen + 1] = helper.read(path) == before end,
        sync = function() seen[#seen + 1] = helper.read(path) == before end,
      })
      before, seen = helper.read(path), {}
      create()
      w:until_changes(1)
      helper.eventually(function() return #seen >= 3 end)
      assert.same({ true, true, false }, { seen[1], seen[2], seen[3] })
      w:close()
    end)

    it("of which commit is for rounds with changes, sync for each", function()
      local w = quiet()
      helper.advance(301)
      w:until_rounds(w.watch:stats().rounds + 1, true)
      assert.equal("sync", w:story())
      assert.same({ round = w.watch:stats().rounds, items = 0, created = 0, updated = 0,
        deleted = 0, pages = 1 }, w:all "sync"[1])
      w:close()
    end)

    it("of which one that raises stops the round, which is delivered again", function()
      local reported = {}
      loop.on_error = function(err) reported[#reported + 1] = tostring(err) end
      local path = helper.scratch "drive.state"
      back_off(function() return 100 end)
      local fails = 2
      local seen = {}
      local w = quiet({ state = path }, { change = function(item)
        seen[#seen + 1] = item.name
        if item.name == "b" and fails > 0 then
          fails = fails - 1
          error("no room for " .. item.name, 0)
        end
      end })
      local before = helper.read(path)
      for _, name in ipairs { "a", "b", "c" } do create { name = name, notify = 0 } end
      sim:post("notify", { drive = drive })
      helper.eventually(function() return #reported == 1 end)
      helper.eventually(function() return w.watch:stats().phase == "retrying" end)
      assert.equal(before, helper.read(path))
      assert.equal("no room for b", reported[1])
      local err = w:all "error"[1]
      assert.equal("handlerRaised", err.code)
      assert.equal("no room for b", err.cause)
      assert.matches('a handler of "change" raised an error: no room for b', err.message, 1, true)
      assert.equal(1, w.watch:stats().failures)
      w:until_changes(5)
      w:until_quiet()
      assert.same({ "a", "b", "a", "b", "a", "b", "c" }, seen)
      assert.equal(2, #reported)
      assert.equal(0, w.watch:stats().failures)
      assert.are_not.equal(before, helper.read(path))
      w:close()
    end)

    it("that may fail for long: the waits grow, and notifications do not shorten them",
      function()
      loop.on_error = function() end
      local w = quiet(nil, { change = function() error "never" end })
      local asked = {}
      back_off(function(n)
        asked[#asked + 1] = n
        return 50 + n
      end)
      create()
      for i = 1, 10 do
        helper.eventually(function() return w.watch:stats().failures == i end)
        helper.eventually(function() return w.watch:stats().phase == "retrying" end)
        local count = w:count "notification"
        sim:post("notify", { drive = drive })
        helper.eventually(function() return w:count "notification" > count end)
        local left = w.watch:stats().next_round_at - loop.time()
        assert.is_true(left > 10 and left <= 50 + i, left)
        assert.equal("retrying", w.watch:stats().phase)
        w:skip()
      end
      assert.same({ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }, asked)
      w:close()
    end)

    it("of which commit and resync may raise too", function()
      local reported = 0
      loop.on_error = function() reported = reported + 1 end
      local failing = { commit = true, resync = true }
      local function once(name)
        return function()
          if failing[name] then
            failing[name] = nil
            error "not now"
          end
        end
      end
      local w = quiet(nil, { commit = once "commit", resync = once "resync" })
      create { name = "a" }
      w:until_changes(2)
      w:until_quiet()
      assert.same({ "a", "a" }, w:changes())
      w:forget()
      sim:post("delta/resync", { drive = drive })
      create { name = "b" }
      helper.eventually(function()
        w:skip()
        return w:count "resync" == 1
      end)
      w:until_quiet()
      assert.same({ "root", "a", "b" }, w:changes())
      assert.equal(2, reported)
      w:close()
    end)

    it("of which a sync that raises is called again, until it returns", function()
      loop.on_error = function() end
      local calls = {}
      local w = start(nil, { sync = function(summary)
        calls[#calls + 1] = summary.round
        if #calls < 4 then error "not now" end
      end })
      helper.eventually(function()
        helper.advance(1)
        return #calls >= 5
      end)
      assert.same({ 1, 1, 1, 1, 2 }, { calls[1], calls[2], calls[3], calls[4], calls[5] })
      assert.equal(3, w:count "error")
      w:close()
    end)

    it("for once that are kept until they have returned", function()
      loop.on_error = function() end
      local w = quiet()
      local calls = 0
      w.watch:once("change", function()
        calls = calls + 1
        if calls == 1 then error "not now" end
      end)
      create { count = 2 }
      w:until_changes(2)
      w:until_quiet()
      assert.equal(2, calls)
      w:close()
    end)

    it("that may close it: what they saw is delivered to the next", function()
      local path = helper.scratch "drive.state"
      local w
      local seen = 0
      w = quiet({ state = path }, { change = function()
        seen = seen + 1
        w.watch:close()
      end })
      create { name = "a", notify = 0 }
      create { name = "b" }
      helper.eventually(function() return w.watch.state == "closed" end)
      loop.run()
      assert.equal(1, seen)
      assert.equal("", w:story())
      w = start { state = path }
      w:until_changes(2)
      assert.same({ "a", "b" }, w:changes())
      w:close()
    end)

    it("for what its subscription tells", function()
      local w = start()
      w:until_quiet()
      sim:post("notify", { drive = drive })
      helper.eventually(function() return w:count "notification" == 1 end)
      assert.equal("table", type(w:all "notification"[1].raw))
      assert.equal(1, w:count "connect")
      w:close()
      assert.same({ "fetching", "connecting", "joined", "closed" }, w:all "state")
      assert.equal(1, w:count "disconnect")
    end)
  end)

  it("coalesces notifications before it looks, if it is told to", function()
    local w = quiet { quiet = 100, poll = 1e6 }
    local before = looks()
    helper.advance(50)
    create { name = "a" }
    helper.advance(50)
    assert.equal(before, looks())
    helper.eventually(function()
      helper.advance(10)
      return w:count "change" == 1
    end)
    w:close()
  end)

  it("says how it is, without secrets", function()
    local path = helper.scratch "drive.state"
    local w = quiet { state = path }
    create { count = 2 }
    w:until_changes(2)
    helper.eventually(function() return w:count "notification" == 2 end)
    w:until_quiet()
    local stats = w.watch:stats()
    assert.equal("joined", stats.state)
    assert.equal("idle", stats.phase)
    assert.equal(2, stats.items)
    assert.is_false(stats.pending)
    assert.equal(0, stats.resyncs)
    assert.equal(0, stats.failures)
    assert.is_true(math.abs(stats.last_sync_at - loop.time()) < 400)
    assert.is_true(stats.next_round_at > loop.time())
    assert.equal(2, stats.notifications)
    assert.equal(stats.rounds, w.watch:stats().rounds)
    assert.equal("graphsocket.watch: " .. w.watch.resource .. " (joined)", tostring(w.watch))
    assert.is_true(w.watch.connected)
    local secret = helper.read(path):match "token=([%w_-]+)"
    for name, value in pairs(stats) do
      assert.not_matches(secret, name .. tostring(value), 1, true)
    end
    w:close()
    assert.equal("graphsocket.watch: " .. w.watch.resource .. " (closed)", tostring(w.watch))
  end)

  describe("is closed", function()
    -- Brings a watch into a phase; returns it.
    local phases = {
      ["before anything"] = function() return start() end,
      ["idle"] = function() return quiet() end,
      ["asking for the first page"] = function()
        sim:fault { on = "delta", hang = true }
        local w = start()
        helper.eventually(function() return looks() == 1 end)
        return w
      end,
      ["asking for a later page"] = function()
        create { count = 3 }
        sim:post("settings", { page_size = 1 })
        sim:fault { on = "delta", hang = true, skip = 1 }
        local w = start { from = "beginning" }
        helper.eventually(function() return looks() == 2 end)
        return w
      end,
      ["waiting for a later page"] = function()
        create { count = 3 }
        sim:post("settings", { page_size = 1 })
        sim:fault { on = "delta", status = 500, skip = 1 }
        local w = start { from = "beginning" }
        helper.eventually(function() return w:count "error" >= 1 end)
        return w
      end,
      ["retrying"] = function()
        sim:fault { on = "delta", status = 500, times = "always" }
        local w = start()
        helper.eventually(function() return w.watch:stats().phase == "retrying" end)
        return w
      end,
      ["checking"] = function()
        local w = quiet()
        sim:post("notify", { drive = drive })
        helper.eventually(function() return w.watch:stats().phase == "checking" end)
        return w
      end,
      ["calling a handler that waits"] = function()
        local entered = false
        local w = quiet(nil, { change = function()
          entered = true
          loop.sleep(0.02)
        end })
        create()
        helper.eventually(function() return entered end)
        return w
      end,
      ["calling a sync handler again"] = function()
        loop.on_error = function() end
        local w = start(nil, { sync = function() error "no" end })
        helper.eventually(function() return w:count "error" >= 1 end)
        return w
      end,
      ["failed"] = function()
        sim:fault { on = "delta", status = 403 }
        local w = start()
        helper.eventually(function() return w.watch.state == "failed" end)
        return w
      end,
    }
    for name, bring in pairs(phases) do
      it("at once while " .. name .. ", and is free for the next", function()
        local w = bring()
        w:forget()
        w:close() -- which runs the loop until nothing is left to wait for
        assert.equal("closed", w.watch.state)
        assert.equal("", w:story())
        w.watch:close()
        local stats = w.watch:stats()
        assert.equal("closed", stats.phase)
        assert.is_false(stats.pending)
        assert.is_nil(stats.next_round_at)
        create()
        helper.advance(1000)
        assert.equal("", w:story())
      end)
    end

    it("and its state is free at once, even if a handler still runs", function()
      local path = helper.scratch "drive.state"
      local entered, releases = 0, { loop.future(), loop.future() }
      local function hold()
        entered = entered + 1
        releases[entered]:await()
      end
      local w = quiet({ state = path }, { change = hold })
      local before = helper.read(path)
      create { name = "a" }
      helper.eventually(function() return entered == 1 end)
      w.watch:close()
      -- It saves nothing either while its handler runs.
      local second = start({ state = path }, { change = hold })
      helper.eventually(function() return entered == 2 end)
      releases[1]:resolve()
      helper.advance(0)
      assert.equal(before, helper.read(path))
      releases[2]:resolve()
      second:until_changes(1)
      second:close()
    end)

    it("by being dropped, once the loop does not run", function()
      local path = helper.scratch "drive.state"
      local ref = setmetatable({}, { __mode = "v" })
      -- In a task: the stack of this function must not remember it either.
      loop.spawn(function() ref[1] = client:watch(resource, { state = path }) end)
      helper.eventually(function()
        local stats = ref[1] and ref[1]:stats() or {}
        return stats.phase == "idle" and stats.state == "joined"
      end)
      helper.eventually(function()
        graphsocket.stop()
        collectgarbage()
        collectgarbage()
        return ref[1] == nil
      end, "the watch is collected")
      local w = assert(client:watch(resource, { state = path }))
      w:close()
      loop.run()
    end)
  end)

  it("keeps run() going until it is closed", function()
    local count = 0
    loop.run(function()
      local w = client:watch(resource)
      w:on("change", function()
        count = count + 1
        w:close()
      end)
      helper.eventually(function() return w:stats().phase == "idle"
        and w:stats().state == "joined" and not w:stats().pending end)
      create()
    end)
    assert.equal(1, count)
  end)

  it("raises on mistakes of the program, in one line that says what to do", function()
    for _, case in ipairs {
      { { form = "now" }, 'unknown option "form": did you mean "from"' },
      { { from = "today" }, 'option "from" must be one of "now", "beginning"' },
      { { poll = 0 }, 'option "poll" must be at least' },
      { { state = "" }, 'option "state" must not be empty' },
      { { state = 5 }, 'option "state" must be a string or a table' },
      { { state = {} }, "load = function, save = function" },
      { { reconnection = false }, "a subscription connects by itself" },
    } do
      local ok, err = pcall(client.watch, client, resource, case[1])
      assert.is_false(ok)
      assert.matches("client:watch: ", err, 1, true)
      assert.matches(case[2], err, 1, true)
      assert.not_matches("\n", err)
    end
    assert.error_matches(function() client.watch(resource) end, "with a colon")
    assert.error_matches(function() client:watch "/me/mail" end, "client:watch: unknown resource")
  end)
end)
