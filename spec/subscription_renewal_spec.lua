-- Renewals: a joined line at every moment, whatever the next one meets.

local helper = require "spec.helper"
local json = require "graphsocket.json"
local loop = require "graphsocket.loop"
local simulator = require "spec.simulator"
local subscriber = require "spec.subscriber"
local subscription = require "graphsocket.subscription"

describe("a renewal", function()
  local sim, client

  -- Every endpoint is on another host than the one before.
  setup(function() sim = simulator.start("--socket-hosts", "2") end)
  teardown(function() sim:stop() end)
  before_each(function()
    sim:reset()
    sim:post("settings", { ping_interval = 20 })
    client = sim:client()
  end)
  after_each(function() subscriber.clean_up(sim) end)

  -- Subscribes; from then on the simulator notes the fewest and the most
  -- sockets that were joined at any moment.
  local function joined(opts)
    local s = subscriber.joined(client, opts)
    sim:post "report/clear"
    s:forget()
    return s
  end

  local function assert_no_gap(s)
    local report = sim:report()
    assert.equal(1, report.lowest, "sockets joined at the worst moment")
    assert.is_true(report.highest <= 2, "sockets joined at once")
    assert.equal(0, s:count "sync")
    assert.equal(0, s:count "disconnect")
    assert.equal(0, s:count "connect")
  end

  local function only_one_left()
    sim:post("wait", { ["for"] = { sockets = 1, connections = 1 } })
  end

  -- Seconds until the planned renewal.
  local function left(s) return s.sub:stats().next_at - loop.time() end

  it("joins the new line before it closes the old one, on any host", function()
    local s = joined()
    local hosts = {}
    for _ = 1, 3 do
      s:renew()
      only_one_left()
      local sockets = sim:report().sockets
      hosts[#hosts + 1] = sockets[#sockets].host
    end
    assert_no_gap(s)
    assert.same({ "socket2", "socket", "socket2" }, hosts)
    assert.equal(("renewing joined "):rep(3):sub(1, -2), s:states())
    assert.equal(3, s:count "renew")
    local stats = s.sub:stats()
    assert.same({ 4, 0, 3 },
      { stats.connects, stats.reconnects, stats.renewals })
    local last = s:all "renew"[3]
    assert.equal(stats.endpoint_id, last.id)
    sim:post "items/create"
    helper.eventually(function() return s:count "notification" == 1 end)
    s:close()
  end)

  it("loses nothing that comes while two lines are joined", function()
    local s = joined()
    local old = s.sub:stats().endpoint_id
    s:skip()
    helper.eventually(function() return s.sub:stats().renewals == 1 end)
    sim:post("notify", { subscription = old, data = "by the old line" })
    sim:post("notify", { subscription = s.sub:stats().endpoint_id,
      data = "by the new line" })
    helper.eventually(function() return s:count "notification" == 2 end)
    helper.advance(subscription.LINGER)
    only_one_left()
    assert_no_gap(s)
    s:close()
  end)

  for how, words in pairs {
    hole = "is dead, as it turns out", rst = "breaks before it has shown that it lives",
  } do
    it("from a line that " .. words .. " tells of a gap", function()
      sim:post("settings", { ping_interval = 200, ping_timeout = 1000 })
      local s = joined()
      local old = s.sub:stats().endpoint_id
      if how == "hole" then
        sim:post("sockets/disconnect", { subscription = old, how = how })
        sim:post("notify", { subscription = old, data = "lost" })
      end
      s:skip()
      helper.eventually(function() return s.sub:stats().renewals == 1 end)
      if how ~= "hole" then
        sim:post("sockets/disconnect", { subscription = old, how = how })
      end
      helper.advance(subscription.LINGER)
      helper.eventually(function() return s:count "sync" == 1 end)
      assert.equal("reconnect", s:syncs())
      assert.equal(0, s:count "disconnect")
      assert.equal(0, s:count "notification")
      s:renew()
      assert.equal(1, s:count "sync")
      s:close()
    end)
  end

  it("from a line that the server has disconnected is without a gap", function()
    local s = joined()
    local old, linger = s.sub:stats().endpoint_id, subscription.LINGER
    subscription.LINGER = 1e5
    finally(function() subscription.LINGER = linger end)
    s:skip()
    helper.eventually(function() return s.sub:stats().renewals == 1 end)
    sim:post("sockets/disconnect", { subscription = old, how = "server" })
    helper.eventually(function() return not s.sub._old_line end)
    assert_no_gap(s)
    s:close()
  end)

  it("comes before the expiry by the lead, or a quarter of it earlier", function()
    for _, lead in ipairs { 30, 120, 300 } do
      local s = joined { lead = lead }
      -- The second beyond is the resolution of the Date header.
      assert.is_true(left(s) <= 1200 - lead + 1)
      assert.is_true(left(s) > 1200 - 1.25 * lead - 20, left(s))
      s:close()
    end
  end)

  it("is not misled by a clock that is wrong by a day", function()
    for _, hours in ipairs { -24, 24 } do
      sim:post("settings", { clock = hours * 3600 })
      local s = joined()
      assert.is_true(left(s) <= 1200 - 120 + 1)
      assert.is_true(left(s) > 1200 - 170)
      s:renew()
      only_one_left()
      assert_no_gap(s)
      s:close()
    end
  end)

  it("comes after half an hour where no expiry is stated", function()
    sim:fault { on = "subscription", merge = { expirationDateTime = json.null } }
    local s = joined()
    assert.is_true(left(s) <= 1800 and left(s) > 1500)
    assert.is_nil(s.sub:stats().expires_at)
    s:renew()
    assert_no_gap(s)
    s:close()
  end)

  it("comes in time for a life that is shorter than the lead", function()
    sim:post("settings", { lifetime = 100 })
    local s = joined()
    assert.is_true(left(s) <= 51 and left(s) > 30)
    s:renew()
    assert_no_gap(s)
    s:close()
  end)

  it("happens 500 times in a row and leaves nothing behind", function()
    local s = joined()
    local memory, fds
    local function count_fds()
      local n = 0
      for _ in pairs(helper.resources().fds) do n = n + 1 end
      return n
    end
    for i = 1, 500 do
      s:renew()
      -- What the events hold is the spec's.
      s:forget()
      if i == 100 then
        only_one_left()
        collectgarbage()
        collectgarbage()
        memory, fds = collectgarbage "count", count_fds()
      end
    end
    only_one_left()
    assert_no_gap(s)
    assert.equal(500, s.sub:stats().renewals)
    assert.equal(500, #sim:requests "subscription")
    collectgarbage()
    collectgarbage()
    assert.is_true(collectgarbage "count" < memory * 1.1)
    assert.equal(fds, count_fds())
    s:close()
    sim:post("wait", { ["for"] = { connections = 0 } })
  end)

  describe("that fails", function()
    it("leaves the old line alone and is tried again", function()
      for _, rule in ipairs {
        { on = "subscription", status = 500, times = 3 },
        { on = "subscription", body = "<html>", times = 3 },
        { on = "handshake", status = 401, times = 3 },
        { on = "handshake", status = 503, times = 3 },
        { on = "namespace", times = 3, message = "no" },
      } do
        local s = joined()
        sim:fault(rule)
        for _ = 1, 3 do
          s:skip()
          helper.eventually(function() return s.sub.state == "joined" end)
        end
        assert.equal(0, s.sub:stats().renewals)
        assert.equal(3, s.sub:stats().attempts)
        sim:post("notify", { data = "still here" })
        helper.eventually(function() return s:count "notification" == 1 end)
        s:renew()
        only_one_left()
        assert.equal(3, s:count "error" + s:count "connect_error")
        assert_no_gap(s)
        s:close()
      end
    end)

    it("is tried again until the expiry and beyond", function()
      local s = joined()
      sim:fault { on = "subscription", status = 503, times = "always" }
      for _ = 1, 6 do
        s:skip()
        helper.eventually(function() return s.sub.state == "joined" end)
      end
      assert_no_gap(s)
      sim:post "subscriptions/expire"
      helper.eventually(function() return s:count "disconnect" == 1 end)
      s:until_attempts(9)
      sim:post "faults/clear"
      s:until_joined()
      assert.equal("reconnect", s:syncs())
      assert.equal(1, s.sub:stats().reconnects)
      s:close()
    end)

    it("uses the endpoint again that it got", function()
      local s = joined()
      sim:fault { on = "handshake", status = 503, times = 2 }
      for _ = 1, 2 do
        s:skip()
        helper.eventually(function() return s.sub.state == "joined" end)
      end
      s:renew()
      assert.equal(1, #sim:requests "subscription")
      assert_no_gap(s)
      s:close()
    end)

    it("because its line is lost again goes back to the old one", function()
      local s = joined()
      local old = s.sub:stats().endpoint_id
      s:skip()
      helper.eventually(function() return s.sub:stats().renewals == 1 end)
      sim:post("sockets/disconnect", {
        subscription = s.sub:stats().endpoint_id, how = "fin",
      })
      helper.eventually(function() return s.sub:stats().endpoint_id == old end)
      sim:post("notify", { subscription = old, data = "still here" })
      helper.eventually(function() return s:count "notification" == 1 end)
      s:renew()
      only_one_left()
      assert_no_gap(s)
      s:close()
    end)
  end)

  for state, what in pairs { fetching = "token", connecting = "auth" } do
    it("that is still " .. state .. " goes on when the old line is lost", function()
      local gates = {}
      local function pass(name, ...)
        if gates[name] then gates[name]:await() end
        return ...
      end
      client = sim:client { token = function() return pass("token", sim.token) end }
      local s = joined { auth = function() return pass("auth", {}) end }
      gates[what] = loop.future()
      s:skip()
      s:until_state "renewing"
      if what == "auth" then sim:post("wait", { ["for"] = { opened = 1 } }) end
      sim:post("sockets/disconnect", { how = "fin", count = 1 })
      s:until_state(state)
      helper.eventually(function() return s:count "disconnect" == 1 end)
      gates[what]:resolve()
      s:until_joined()
      helper.eventually(function() return s:count "sync" == 1 end)
      assert.equal("reconnect", s:syncs())
      assert.equal(0, s:count "renew")
      only_one_left()
      s:close()
    end)
  end

  it("goes on when the new line is lost and the old one is back", function()
    local linger, gate = subscription.LINGER, nil
    subscription.LINGER = 1e5
    finally(function() subscription.LINGER = linger end)
    client = sim:client { token = function()
      if gate then gate:await() end
      return sim.token
    end }
    local s = joined()
    local old = s.sub:stats().endpoint_id
    s:skip()
    helper.eventually(function() return s.sub:stats().renewals == 1 end)
    gate = loop.future()
    s:skip()
    s:until_state "renewing"
    sim:post("sockets/disconnect", {
      subscription = s.sub:stats().endpoint_id, how = "fin",
    })
    helper.eventually(function() return s.sub:stats().endpoint_id == old end)
    assert.equal("renewing", s.sub.state)
    assert.is_nil(s.sub:stats().next_at)
    gate:resolve()
    helper.eventually(function() return s.sub:stats().renewals == 2 end)
    assert_no_gap(s)
    s:close()
  end)

  it("closes a line that lingers before a third connects", function()
    local linger = subscription.LINGER
    subscription.LINGER = 1e5
    finally(function() subscription.LINGER = linger end)
    local s = joined()
    for i = 1, 5 do
      s:skip()
      helper.eventually(function() return s.sub:stats().renewals == i end)
    end
    sim:post("wait", { ["for"] = { sockets = 2, connections = 2 } })
    local report = sim:report()
    assert.equal(1, report.lowest)
    assert.is_true(report.highest <= 2)
    -- Nothing shows that all that the others had to tell has come.
    assert.equal("reconnect reconnect reconnect reconnect", s:syncs())
    helper.advance(1e5)
    s:close()
  end)

  it("is one GET each, for many subscriptions at their own moments", function()
    local list, moments = {}, {}
    for i = 1, 20 do list[i] = subscriber.start(client) end
    for _, s in ipairs(list) do s:until_joined() end
    for _, s in ipairs(list) do moments[s.sub:stats().next_at] = true end
    local count = 0
    for _ in pairs(moments) do count = count + 1 end
    assert.equal(20, count)
    sim:post "report/clear"
    helper.advance(1200 - 120 + 2)
    helper.eventually(function()
      for _, s in ipairs(list) do
        if s.sub:stats().renewals ~= 1 then return false end
      end
      return true
    end)
    assert.equal(20, #sim:requests "subscription")
    local report = sim:report()
    assert.equal(20, report.lowest)
    assert.is_true(report.highest <= 40)
    for _, s in ipairs(list) do s.sub:close() end
    for _, s in ipairs(list) do s:close() end
  end)

  it("shows no secret", function()
    local text = subscriber.told()
    assert.is_nil(text:find(sim.token, 1, true))
    assert.is_nil(text:find("token=[^…]"))
    assert.is_nil(text:find("applicationId", 1, true))
  end)
end)
