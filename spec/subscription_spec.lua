local graphsocket = require "graphsocket"
local helper = require "spec.helper"
local loop = require "graphsocket.loop"
local outbox = require "graphsocket.outbox"
local simulator = require "spec.simulator"
local subscriber = require "spec.subscriber"
local subscription = require "graphsocket.subscription"

describe("graphsocket.subscription", function()
  local sim, client

  setup(function() sim = simulator.start() end)
  teardown(function() sim:stop() end)
  before_each(function()
    sim:reset()
    client = sim:client()
  end)
  after_each(function() subscriber.clean_up(sim) end)

  local function joined(opts, resource)
    return subscriber.joined(client, opts, resource)
  end

  it("fetches, connects, joins and tells of every notification", function()
    local s = joined()
    assert.equal("fetching connecting joined", s:states())
    sim:post("items/create", { count = 3 })
    helper.eventually(function() return s:count "notification" == 3 end)
    local names = {}
    for i, event in ipairs(s.events) do names[i] = event[1] end
    assert.same({ "state", "state", "state", "connect", "sync", "notification",
      "notification", "notification" }, names)
    assert.equal("connect", s:syncs())
    local found = s:all "notification"[1]
    assert.equal(sim:state().subscriptions[1].id, found.subscription_id)
    assert.equal(found.raw.resource, found.resource)
    assert.equal(found.raw.siteUrl, found.site_url)
    assert.matches("^system%-managed:", found.client_state)
    assert.equal("number", type(found.expires_at))
    assert.equal(1, #sim:requests "subscription")
    s:close()
    assert.equal("fetching connecting joined closed", s:states())
  end)

  for _, resource in ipairs {
    "drives/%s/root", "/drives/%s/list", "/drives/%s/root/subscriptions/socketIo",
  } do
    it("takes " .. resource, function()
      local drive = sim:post "drives/create".drives[1].drive
      local s = joined(nil, resource:format(drive))
      sim:post("items/create", { drive = drive })
      helper.eventually(function() return s:count "notification" == 1 end)
      s:close()
    end)
  end

  it("makes one notification of every shape that the service uses", function()
    local s = joined()
    for _, shape in ipairs { "A", "B" } do
      for _, as in ipairs { "text", "object" } do
        sim:post("notify", { shape = shape, as = as })
      end
    end
    sim:post("notify", { data = "no JSON" })
    sim:post("notify", { entries = 2 })
    helper.eventually(function() return s:count "notification" == 7 end)
    local list = s:all "notification"
    for i = 1, 4 do
      assert.equal(list[1].subscription_id, list[i].subscription_id)
      assert.equal(list[1].expires_at, list[i].expires_at)
    end
    assert.equal("string", type(list[3].user_id))
    assert.same({ raw = "no JSON" }, list[5])
    assert.equal(7, s.sub:stats().notifications)
    s:close()
  end)

  it("runs its handlers one at a time, in order", function()
    local s = joined()
    local running, order = false, {}
    s.sub:on("notification", function(found)
      assert.is_false(running)
      running = true
      loop.sleep(0.001)
      order[#order + 1] = found.raw
      running = false
      if #order == 3 then error "an error is no harm" end
    end)
    local reported = {}
    graphsocket.on_error = function(err) reported[#reported + 1] = err end
    for i = 1, 20 do sim:post("notify", { data = "n" .. i }) end
    helper.eventually(function() return #order == 20 end)
    graphsocket.on_error = nil
    for i = 1, 20 do assert.equal("n" .. i, order[i]) end
    assert.matches("an error is no harm", reported[1])
    assert.is_true(s.sub.connected)
    s:close()
  end)

  it("loses nothing and keeps little when a handler is far behind", function()
    local s = subscriber.start(client)
    local gate, begun, seen = loop.future(), 0, 0
    s.sub:on("notification", function()
      begun = begun + 1
      gate:await()
      seen = seen + 1
    end)
    s:until_joined()
    sim:post("notify", { data = "x" })
    helper.eventually(function() return begun == 1 end, "the handler waits")
    local count = outbox.MAX_PENDING * 3
    sim:post("notify", { data = "x", count = count })
    -- Beside that of the handler, and one that finds no room.
    local most = outbox.MAX_PENDING + 2
    helper.eventually(function() return s.sub:stats().notifications >= most end)
    helper.advance(0)
    assert.equal(most, s.sub:stats().notifications)
    gate:resolve()
    helper.eventually(function() return seen == count + 1 end)
    s:close()
  end)

  describe("coalescing", function()
    it("is off unless it is asked for", function()
      local s = joined()
      sim:post("notify", { count = 6 })
      helper.eventually(function() return s:count "notification" == 6 end)
      for _, event in ipairs(s.events) do
        if event[1] == "notification" then assert.equal(1, event[3]) end
      end
      s:close()
    end)

    it("hands out the last of a burst when it has been quiet", function()
      local s = joined { quiet = 500 }
      sim:post("notify", { data = "first", count = 5 })
      sim:post("notify", { data = "last" })
      helper.eventually(function() return s.sub:stats().notifications == 6 end)
      assert.equal(0, s:count "notification")
      helper.advance(501)
      assert.equal(1, s:count "notification")
      assert.same({ "notification", { raw = "last" }, 6 }, s.events[#s.events])
      s:close()
    end)

    it("hands out the last before a final error, and none after close", function()
      local s = joined { quiet = 1e6 }
      sim:post("notify", { data = "last" })
      helper.eventually(function() return s.sub:stats().notifications == 1 end)
      sim:fault { on = "subscription", status = 403 }
      s:skip()
      s:until_state "failed"
      helper.advance(0)
      assert.same({ raw = "last" }, s:all "notification"[1])
      s:close()

      s = joined { quiet = 1e6 }
      sim:post "notify"
      helper.eventually(function() return s.sub:stats().notifications == 1 end)
      s:close()
      helper.advance(2e6)
      assert.equal(0, s:count "notification")
    end)
  end)

  describe("stats", function()
    it("tell why nothing arrives", function()
      sim:fault { on = "subscription", status = 503, times = 2 }
      local s = subscriber.start(client)
      s:until_attempts(2)
      local stats = s.sub:stats()
      assert.equal("waiting", stats.state)
      assert.equal(503, stats.last_error.status)
      assert.is_true(stats.next_at > loop.time())
      assert.is_true(stats.since <= loop.time())
      assert.is_nil(stats.endpoint_id)
      s:until_joined()
      sim:post "items/create"
      helper.eventually(function() return s:count "notification" == 1 end)
      stats = s.sub:stats()
      local known = sim:state().subscriptions
      known = known[#known]
      assert.same({
        state = "joined", resource = "/me/drive/root", endpoint_id = known.id,
        endpoint_host = "localhost", connects = 1, reconnects = 0,
        renewals = 0, notifications = 1,
      }, {
        state = stats.state, resource = stats.resource,
        endpoint_id = stats.endpoint_id, endpoint_host = stats.endpoint_host,
        connects = stats.connects, reconnects = stats.reconnects,
        renewals = stats.renewals, notifications = stats.notifications,
      })
      assert.is_true(math.abs(stats.expires_at - known.expires_at) < 0.01)
      assert.is_true(stats.last_notification_at <= loop.time())
      s:close()
    end)

    it("know when the server last showed life", function()
      sim:post("settings", { ping_interval = 50 })
      local s = joined()
      helper.eventually(function() return s.sub:stats().last_ping_at end)
      s:close()
    end)

    it("know it of a lost line, a closed one and one that waits, too", function()
      sim:post("settings", { ping_interval = 50 })
      local s = joined()
      helper.eventually(function() return s.sub:stats().last_ping_at end)
      local seen = s.sub:stats().last_ping_at
      sim:post("settings", { ping_interval = 60000 })
      sim:post("sockets/disconnect", { how = "fin" })
      helper.eventually(function() return s:count "disconnect" == 1 end)
      local lost = s.sub:stats().last_ping_at
      assert.is_true(lost >= seen)
      s:until_joined(2)
      assert.equal(lost, s.sub:stats().last_ping_at)
      s:close()
      assert.equal(lost, s.sub:stats().last_ping_at)
    end)
  end)

  it("that is idle is not woken by the server's heartbeats", function()
    sim:post("settings", { ping_interval = 20 })
    local s = joined()
    helper.asleep(5, function() return s.sub:stats().last_ping_at end)
    s:close()
  end)

  it("keeps run() from returning until it is closed", function()
    local s
    local pending = sim:fault { on = "subscription", status = 500, times = 2 }
    assert(pending)
    loop.run(function()
      s = subscriber.start(client, {
        reconnection_delay = 0.001, reconnection_delay_max = 0.01,
      })
      s.sub:on("sync", function() s.sub:close() end)
    end)
    assert.equal("fetching waiting fetching waiting fetching connecting joined "
      .. "closed", s:states())
  end)

  it("is collected, and its socket closed, when the program drops it", function()
    local ref = setmetatable({ client:subscribe "/me/drive/root" }, { __mode = "v" })
    helper.eventually(function() return ref[1].connected end)
    helper.advance(0)
    loop.stop()
    helper.eventually(function()
      collectgarbage()
      return ref[1] == nil
    end, "the subscription is collected")
    helper.advance(1200) -- its timer, of which nothing is left to happen
    sim:post("wait", { ["for"] = { sockets = 0, connections = 0 } })
  end)

  it("passes the socket options on", function()
    local s = joined { extra_headers = { ["X-Test"] = "yes" }, engine = 4,
      max_payload = 1e6, lead = 60, timeout = 10, query = { extra = "1" } }
    local seen = sim:report().sockets[1]
    assert.equal("yes", seen.headers["x-test"])
    assert.same({ "token", "applicationId", "extra", "EIO", "transport" },
      seen.query_names)
    s:close()
  end)

  it("opens its sockets with the client's own TLS options", function()
    client = sim:client { ca_file = false or nil, verify = false }
    local s = joined()
    s:close()
  end)

  describe("bad input", function()
    local function refused(...)
      local args = { n = select("#", ...), ... }
      local ok, message = pcall(function()
        local sub = client:subscribe((table.unpack or unpack)(args, 1, args.n))
        return sub
      end)
      assert.is_false(ok, "it was taken")
      assert.matches("^spec/subscription_spec%.lua:%d+: client:subscribe: ",
        message)
      assert.is_nil(message:find("\n", 1, true))
      return message
    end

    it("raises and says what to do", function()
      assert.matches('use "/me/drive/root"', refused("/nowhere"), 1, true)
      assert.matches("must be a path or a table, got nil", refused(), 1, true)
      for _, case in ipairs {
        { { quite = 1 }, 'did you mean "quiet"?' },
        { { maxWait = 1 }, 'did you mean "max_wait"?' },
        { { lead = "2m" }, "a number of seconds" },
        { { lead = -1 }, "at least 0" },
        { { lead = 0 / 0 }, "not NaN" },
        { { quiet = true }, "a number of seconds" },
        { { reconnection = false }, "client:endpoint(…):open(…)" },
        { { auto_connect = false }, "must be true" },
        { { reconnection_attempts = 5 }, "must be inf" },
        { { transports = { "polling" } }, '{ "websocket" }' },
        { { notification_hosts = "svc.ms" }, "must be a table" },
        { { notification_hosts = {} }, '{ "svc.ms" }' },
        { { notification_hosts = { "*.svc.ms" } }, '"*"' },
        { { notification_hosts = { "https://svc.ms" } }, "without scheme" },
        { { 5 }, "options are named" },
        { "quiet", "options must be a table" },
      } do
        assert.matches(case[2], refused("/me/drive/root", case[1]), 1, true)
      end
      assert.equal(0, #sim:requests())
    end)

    it("wants a colon", function()
      local ok, message = pcall(function() client.subscribe("/me/drive/root") end)
      assert.is_false(ok)
      assert.matches("client:subscribe(…) with a colon", message, 1, true)
    end)
  end)

  describe("close", function()
    local hanging = loop.future()

    -- How to get into each state; |rule| is in force until then.
    local STATES = {
      { "fetching", rule = { on = "subscription", hang = true } },
      { "fetching", name = "with a token that does not come",
        token = function() hanging:await() end,
        release = function() hanging:resolve() end },
      { "fetching", name = "behind a Retry-After",
        before = function()
          sim:fault { on = "drive", status = 429, retry_after = 1000 }
          loop.spawn(function()
            client:_request { path = "/me/drive", retries = 0 }
          end)
          helper.eventually(function()
            return client._throttle:remaining() > 0
          end)
        end },
      { "connecting", rule = { on = "handshake", hang = true } },
      { "connecting", name = "to a namespace", counter = "opened",
        rule = { on = "namespace", hang = true } },
      { "waiting", rule = { on = "subscription", status = 500 } },
      { "joined" },
      { "renewing", rule = { on = "subscription", hang = true, skip = 1 },
        after = function(s)
          s:until_joined()
          s:skip()
        end },
      { "renewing", name = "with a new line", counter = "refused",
        rule = { on = "handshake", hang = true, skip = 1 },
        after = function(s)
          s:until_joined()
          s:skip()
        end },
      { "joined", name = "with a line that lingers",
        after = function(s)
          s:until_joined()
          s:skip()
          helper.eventually(function() return s.sub:stats().renewals == 1 end)
          assert.is_not_nil(s.sub._old_line)
        end },
      { "failed", rule = { on = "subscription", status = 404 } },
      { "closed", after = function(s) s.sub:close() end },
    }

    for _, case in ipairs(STATES) do
      it(("is final and quick in state %s %s"):format(case[1], case.name or ""),
        function()
          client = sim:client { token = case.token }
          if case.before then case.before() end
          if case.rule then sim:fault(case.rule) end
          local s = subscriber.start(client)
          if case.after then case.after(s) end
          s:until_state(case[1])
          if case.counter then
            sim:post("wait", { ["for"] = { [case.counter] = { min = 1 } } })
          end
          helper.advance(0)
          local was_connected = s.sub.connected
          s:forget()

          s.sub:close()
          if case.release then case.release() end
          helper.advance(0)
          if not case.before then
            assert.is_nil(loop.timeout(), "a timer is left")
          end
          s:close() -- waits until nothing keeps the loop
          assert.equal("closed", s.sub.state)
          assert.is_false(s.sub.connected)
          assert.equal(case[1] == "closed" and "" or "closed", s:states())
          assert.equal(was_connected and 1 or 0, s:count "disconnect")
          sim:post("faults/clear")
          sim:post("wait", {
            ["for"] = { sockets = 0, connections = 0, pending = 0 },
          })

          local requests = sim:report().counters.requests
          s:forget()
          s.sub:close()
          helper.advance(1e5)
          assert.same({}, s.events)
          assert.equal(requests, sim:report().counters.requests)
        end)
    end

    for _, event in ipairs {
      "state", "connect", "sync", "notification", "disconnect", "error",
    } do
      it("works in a handler of " .. event, function()
        if event == "error" then
          sim:fault { on = "subscription", status = 500, times = 3 }
        end
        local s = subscriber.start(client)
        local closed_in
        s.sub:on(event, function()
          closed_in = closed_in or s.sub.state
          s.sub:close()
        end)
        helper.eventually(function()
          if s.sub.state == "joined" and event == "notification" then
            sim:post "notify"
          elseif s.sub.state == "joined" and event == "disconnect" then
            sim:post("sockets/disconnect", { how = "fin" })
          end
          return closed_in
        end)
        s:close()
        assert.equal("closed", s.sub.state)
        sim:post("wait", { ["for"] = { sockets = 0, connections = 0 } })
      end)
    end

    it("calls no handler for what came before it", function()
      local s = joined()
      local gate = loop.future()
      s.sub:once("notification", function() gate:await() end)
      sim:post("notify", { count = 10 })
      helper.eventually(function() return s.sub:stats().notifications == 10 end)
      s:forget()
      s.sub:close()
      gate:resolve()
      s:close()
      assert.equal(0, s:count "notification")
      assert.equal("closed", s:states())
    end)
  end)

  it("shows no secret in events, errors and stats", function()
    local text = subscriber.told()
    assert.is_nil(text:find(sim.token, 1, true))
    assert.is_nil(text:find("token=[^…]"))
    assert.is_nil(text:find "[?]token")
    assert.matches("graphsocket.subscription: /me/drive/root (closed)", text, 1, true)
    assert.is_number(subscription.LASTED)
  end)
end)
