-- What goes wrong, and that a subscription comes back from it.

local graphsocket = require "graphsocket"
local helper = require "spec.helper"
local json = require "graphsocket.json"
local lease = require "graphsocket.lease"
local loop = require "graphsocket.loop"
local simulator = require "spec.simulator"
local subscriber = require "spec.subscriber"
local subscription = require "graphsocket.subscription"
local suspend = require "graphsocket.suspend"

describe("a subscription", function()
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

  local function gets() return #sim:requests "subscription" end

  -- Joined long enough that a loss is not the next of a row.
  local function settle() helper.advance(subscription.LASTED + 1) end

  -- Waits until the gap is closed: it was told of, and is over.
  local function until_back(s)
    helper.eventually(function() return s:count "disconnect" > 0 end,
      "the loss is noticed")
    s:until_joined()
    helper.eventually(function() return s:count "sync" > 0 end)
  end

  describe("whose socket is lost", function()
    for how, expected in pairs {
      server = { "io server disconnect", 1 },
      server_close = { "io server disconnect", 1 },
      close = { "transport close", 0 },
      packet = { "transport close", 0 },
      fin = { "transport", 0 },
      rst = { "transport", 0 },
    } do
      it(("(%s) joins again, and says that there was a gap"):format(how), function()
        local s = joined()
        settle()
        local before = gets()
        s:forget()
        sim:post("sockets/disconnect", { how = how })
        until_back(s)
        assert.matches("^" .. expected[1], s:all "disconnect"[1])
        assert.matches("^waiting .*connecting joined$", s:states())
        assert.equal("reconnect", s:syncs())
        assert.equal(before + expected[2], gets(),
          "another endpoint is asked for when the old one may be refused only")
        assert.equal(1, s.sub:stats().reconnects)
        sim:post "items/create"
        helper.eventually(function() return s:count "notification" == 1 end)
        s:close()
      end)
    end

    it("(no answer to pings) joins again", function()
      sim:post("settings", { ping_interval = 100, ping_timeout = 1000 })
      local s = joined()
      sim:post("settings", { ping_interval = 25000, ping_timeout = 20000 })
      s:forget()
      sim:post("sockets/disconnect", { how = "hole" })
      until_back(s)
      assert.equal("ping timeout", s:all "disconnect"[1])
      assert.equal("reconnect", s:syncs())
      s:close()
    end)

    it("waits longer and longer until a connection has lasted", function()
      local s = joined { randomization_factor = 0 }
      local waits = {}
      s.sub:on("state", function(name, detail)
        if name == "waiting" then waits[#waits + 1] = detail.delay end
      end)
      for _ = 1, 8 do
        s:forget()
        sim:post("sockets/disconnect", { how = "fin" })
        until_back(s)
      end
      assert.same({ 1, 2, 4, 8, 16, 32, 60, 60 }, waits)
      settle()
      s:forget()
      sim:post("sockets/disconnect", { how = "fin" })
      until_back(s)
      assert.equal(1, waits[9])
      s:close()
    end)

    it("spreads its waits, and keeps them below reconnection_delay_max", function()
      sim:fault { on = "subscription", status = 500, times = 30 }
      local s = subscriber.start(client, {
        reconnection_delay = 2, reconnection_delay_max = 8,
      })
      local waits, different = {}, {}
      s.sub:on("state", function(name, detail)
        if name == "waiting" then waits[#waits + 1] = detail.delay end
      end)
      s:until_attempts(20)
      helper.advance(0)
      for i, wait in ipairs(waits) do
        local most = math.min(8, 2 ^ i)
        assert.is_true(wait <= most and wait >= most / 2)
        different[wait] = true
      end
      local count = 0
      for _ in pairs(different) do count = count + 1 end
      assert.equal(#waits, count)
      s:close()
    end)
  end)

  describe("whose endpoint is refused", function()
    for name, rule in pairs {
      ["the handshake: 400"] = { on = "handshake", status = 400 },
      ["the handshake: 401"] = { on = "handshake", status = 401 },
      ["the handshake: 403"] = { on = "handshake", status = 403 },
      ["the handshake: 404"] = { on = "handshake", status = 404 },
      ["the namespace"] = { on = "namespace", message = "Invalid token" },
    } do
      it(("(%s) asks for another"):format(name), function()
        sim:fault(rule)
        local s = joined()
        assert.equal(2, gets())
        assert.equal("fetching connecting waiting fetching connecting joined",
          s:states())
        local err = s:all "connect_error"[1]
        if rule.status then
          assert.equal(rule.status, err.status)
        else
          assert.matches("Invalid token", err.message, 1, true)
        end
        assert.equal("connect", s:syncs())
        s:close()
      end)
    end

    it("asks for another when it is expired", function()
      local s = joined()
      settle()
      s:forget()
      sim:post "subscriptions/expire"
      until_back(s)
      assert.equal("reconnect", s:syncs())
      assert.equal(2, gets())
      s:close()
    end)
  end)

  describe("whose socket host fails", function()
    for name, rule in pairs {
      ["500"] = { on = "handshake", status = 500 },
      ["503"] = { on = "handshake", status = 503 },
      ["429"] = { on = "handshake", status = 429 },
      ["a broken handshake"] = { on = "handshake", cut = 0 },
      ["a reset"] = { on = "handshake", cut = 0, rst = true },
      ["no answer"] = { on = "handshake", hang = true },
    } do
      it(("(%s) tries the same endpoint again"):format(name), function()
        sim:fault(rule)
        local s = joined { timeout = rule.hang and 1 or 20 }
        assert.equal(1, gets())
        assert.equal(1, s:count "connect_error")
        assert.equal("fetching connecting waiting connecting joined", s:states())
        s:close()
      end)
    end

    it("(busy, and says for how long) waits so long", function()
      sim:fault {
        on = "handshake", status = 503, headers = { ["Retry-After"] = "7" },
      }
      local s = subscriber.start(client)
      helper.eventually(function() return s:count "connect_error" == 1 end)
      assert.equal(7, s:all "connect_error"[1].retry_after)
      local detail = helper.eventually(function() return s:detail "waiting" end)
      assert.equal(7, detail.delay)
      s:until_joined()
      assert.equal(1, gets())
      s:close()
    end)

    it("(no answer for the namespace) tries again", function()
      sim:fault { on = "namespace", hang = true }
      local s = subscriber.start(client)
      sim:post("wait", { ["for"] = { opened = 1 } })
      helper.eventually(function()
        helper.advance(21)
        return s.sub.state ~= "connecting"
      end)
      s:until_joined()
      assert.equal("timeout", s:all "connect_error"[1].kind)
      assert.matches("namespace", tostring(s:all "connect_error"[1]), 1, true)
      assert.equal(1, gets())
      s:close()
    end)

    it("is back after each of 50 restarts, with an endpoint used again", function()
      -- The time that passes here is 50 times some 30 s. A renewal among it would
      -- leave a line that is cut as well, which is told of by itself.
      sim:post("settings", { lifetime = 86400 })
      local s = joined()
      for i = 1, 50 do
        settle()
        s:forget()
        sim:post("hosts/stop", { host = "socket", rst = i % 2 == 0 })
        helper.eventually(function() return s:count "disconnect" == 1 end)
        s:until_attempts(1 + i % 3)
        sim:post("hosts/start", { host = "socket" })
        until_back(s)
        assert.equal("reconnect", s:syncs())
      end
      assert.equal(50, s.sub:stats().reconnects)
      assert.is_true(gets() <= 4, gets())
      s:close()
      sim:post("wait", { ["for"] = { connections = 0 } })
    end)

    it("asks Graph for another host when one is gone", function()
      local s = joined()
      settle()
      local before = gets()
      sim:post("hosts/stop", { host = "socket" })
      helper.eventually(function() return not s.sub.connected end)
      s:until_attempts(lease.MAX_FAILURES)
      assert.equal(before, gets())
      s:skip()
      helper.eventually(function() return gets() == before + 1 end)
      sim:post("hosts/start", { host = "socket" })
      s:until_joined()
      s:close()
    end)

    it("is back after a black hole", function()
      sim:post("settings", { ping_interval = 100, ping_timeout = 1000 })
      local s = joined { timeout = 1 }
      settle()
      s:forget()
      sim:post("hosts/fault", { host = "socket", hole = "both" })
      helper.eventually(function() return s:count "disconnect" == 1 end)
      s:until_attempts(2)
      assert.equal("timeout", s:all "connect_error"[1].kind)
      sim:post("hosts/heal", { host = "socket" })
      sim:post("settings", { ping_interval = 25000, ping_timeout = 20000 })
      until_back(s)
      assert.equal("reconnect", s:syncs())
      s:close()
    end)

    it("(another certificate) tries until it is the right one", function()
      local s = joined()
      sim:post("hosts/certificate", { host = "socket", name = "expired" })
      sim:post("sockets/disconnect", { how = "fin" })
      helper.eventually(function() return not s.sub.connected end)
      s:until_attempts(2)
      assert.equal("tls", s.sub:stats().last_error.kind)
      sim:post("hosts/certificate", { host = "socket", name = "server" })
      s:until_joined()
      s:close()
    end)
  end)

  describe("whom Graph does not answer", function()
    for name, case in pairs {
      ["500"] = { { status = 500 }, status = 500 },
      ["502"] = { { status = 502 }, status = 502 },
      ["503"] = { { status = 503 }, status = 503 },
      ["504"] = { { status = 504 }, status = 504 },
      ["429"] = { { status = 429 }, status = 429 },
      ["429 with lower-case headers"] =
        { { status = 429, retry_after = 7, lower_case = true }, wait = 7 },
      ["503 with a date"] =
        { { status = 503, retry_after_date = 300 }, wait = 300, until_date = true },
      ["no JSON"] = { { body = "<html>" }, kind = "protocol" },
      ["an empty answer"] = { { body = "" }, kind = "protocol" },
      ["a broken answer"] = { { cut = 10 }, kind = "network" },
      ["a reset"] = { { cut = -1, rst = true }, kind = "network" },
      ["no headers"] = { { hang = true }, kind = "timeout" },
      ["no notificationUrl"] =
        { { merge = { notificationUrl = json.null } }, kind = "protocol" },
      ["a redirect elsewhere"] = { { status = 302, body = "",
        headers = { Location = "https://login.test/" } }, status = 302 },
    } do
      it(("(%s) asks again, after a wait"):format(name), function()
        client = sim:client { first_byte_timeout = case[1].hang and 1 or 30 }
        case[1].on = "subscription"
        sim:fault(case[1])
        local s = subscriber.start(client)
        helper.eventually(function() return s:count "error" == 1 end)
        local err = s:all "error"[1]
        if case.status then assert.equal(case.status, err.status) end
        if case.kind then assert.equal(case.kind, err.kind) end
        if case.wait then
          local delay = helper.eventually(function() return s:detail "waiting" end).delay
          -- A date is so much nearer as the answer took, and a second inexact.
          local nearest = case.until_date and case.wait - helper.TEST_TIMEOUT or case.wait
          assert.is_true(delay >= nearest and delay <= case.wait + 1, delay)
        end
        assert.equal(1, gets())
        s:until_joined()
        assert.equal(2, gets())
        assert.equal("fetching waiting fetching connecting joined", s:states())
        s:close()
      end)
    end

    it("does not mind an answer that takes its time", function()
      sim:fault { on = "subscription", stall = 100, stall_body = 100 }
      local s = joined()
      assert.equal(0, s:count "error")
      s:close()
    end)

    it("tries for as long as Graph is down", function()
      sim:post("hosts/stop", { host = "graph" })
      local s = subscriber.start(client)
      s:until_attempts(12)
      assert.equal("network", s.sub:stats().last_error.kind)
      sim:post("hosts/start", { host = "graph" })
      s:until_joined()
      assert.equal(0, s:count "connect_error")
      s:close()
    end)

    it("asks the token source again when it failed", function()
      local n = 0
      client = sim:client { token = function()
        n = n + 1
        if n == 1 then return nil, "the vault is sealed" end
        if n == 2 then error "oops" end
        if n == 3 then return "line\nbreak" end
        return sim.token
      end }
      local s = joined()
      assert.equal(3, s:count "error")
      assert.matches("the vault is sealed", s:all "error"[1].message, 1, true)
      s:close()
    end)

    it("refreshes a token that is refused, and goes on", function()
      local forced = {}
      client = sim:client { token = function(force)
        forced[#forced + 1] = force
        return force and sim.token or "expired"
      end }
      local s = joined()
      assert.same({ false, true }, forced)
      assert.equal(0, s:count "error")
      s:close()
    end)

    it("survives what a bug raises, and reports it", function()
      local reported = {}
      graphsocket.on_error = function(err) reported[#reported + 1] = err end
      local endpoint = client._endpoint
      client._endpoint = function() error "a bug" end
      local s = subscriber.start(client)
      s:until_attempts(1)
      client._endpoint = nil
      assert.equal(endpoint, client._endpoint)
      s:until_joined()
      graphsocket.on_error = nil
      assert.matches("a bug", reported[1])
      s:close()
    end)
  end)

  describe("that gets a final answer", function()
    for status, kind in pairs {
      [400] = "graph", [401] = "auth", [403] = "graph", [404] = "graph",
    } do
      it(("(%d) says so once, and is over"):format(status), function()
        sim:fault { on = "subscription", status = status, times = "always" }
        local s = subscriber.start(client)
        s:until_state "failed"
        loop.run() -- nothing is left to wait for
        assert.equal("fetching failed", s:states())
        local errors = s:all "error"
        assert.equal(1, #errors)
        assert.equal(kind, errors[1].kind)
        assert.equal(status, errors[1].status)
        assert.is_string(errors[1].request_id)
        assert.equal(errors[1], s.sub:stats().last_error)
        local order = {}
        for i, event in ipairs(s.events) do order[i] = event[1] end
        assert.same({ "state", "error", "state" }, order)
        helper.advance(1e5)
        assert.equal(1, gets())
      end)
    end

    it("asks the token source once more before a 401 is final", function()
      local count = 0
      client = sim:client { token = function()
        count = count + 1
        return "bad" .. count
      end }
      local s = subscriber.start(client)
      s:until_state "failed"
      assert.equal(2, count)
      assert.equal(2, gets())
      s:close()
    end)

    it("closes the line that it had", function()
      local s = joined()
      sim:fault { on = "subscription", status = 403 }
      s:forget()
      s:skip()
      s:until_state "failed"
      loop.run()
      assert.equal("renewing failed", s:states())
      assert.equal(1, s:count "disconnect")
      sim:post("wait", { ["for"] = { sockets = 0, connections = 0 } })
    end)

    it("tells on_error if nobody listens", function()
      local reported = {}
      graphsocket.on_error = function(err) reported[#reported + 1] = err end
      sim:fault { on = "subscription", status = 404 }
      local sub = client:subscribe "/me/drive/root"
      helper.eventually(function() return sub.state == "failed" end)
      loop.run()
      graphsocket.on_error = nil
      assert.equal(1, #reported)
      assert.equal(404, reported[1].status)
    end)
  end)

  describe("that is notSupported", function()
    local RULE = { on = "subscription", path = "/me/", status = 400,
      code = "notSupported", times = "always" }

    it("falls back to the drive by its id", function()
      sim:fault(RULE)
      local s = joined()
      local drive = sim.ids.drive or sim:state().subscriptions[1].drive
      sim:post("items/create", { drive = drive })
      helper.eventually(function() return s:count "notification" == 1 end)
      assert.equal(0, s:count "error")
      assert.equal("/me/drive/root", s.sub.resource)
      s:close()
    end)

    it("tries again while the drive cannot be found either", function()
      sim:fault(RULE)
      sim:fault { on = "drive", status = 503, times = 3 }
      local s = subscriber.start(client)
      s:until_attempts(3)
      assert.equal("notSupported", s:all "error"[1].code)
      s:until_joined()
      s:close()
    end)

    it("tries again on a drive of its own id", function()
      local drive = sim:post "drives/create".drives[1].drive
      sim:fault { on = "subscription", status = 400, code = "notSupported",
        times = 2 }
      local s = joined(nil, { drive = drive })
      assert.equal(2, s:count "error")
      s:close()
    end)
  end)

  describe("whose notificationUrl leads astray", function()
    for url, why in pairs {
      ["http://evil.test/notifications?token=s3cret"] = "is http://",
      ["https://user:s3cret@evil.test/?token=s3cret"] = "user name",
      ["https://192.0.2.1/notifications?token=s3cret"] = "address",
      ["https://[2001:db8::1]/n?token=s3cret"] = "address",
      ["https://evil.test/notifications?token=s3cret"] = "notification_hosts",
      ["https://svc.ms.evil.test/n?token=s3cret"] = "notification_hosts",
      ["ftp://evil.svc.ms/?token=s3cret"] = "not a URL",
      ["s3cret"] = "not a URL",
    } do
      it("does not go to " .. url:gsub("[?].*", ""), function()
        sim:fault { on = "subscription", merge = { notificationUrl = url } }
        local s = subscriber.start(client, { notification_hosts = { "svc.ms" } })
        s:until_attempts(1)
        helper.advance(0)
        local err = s:all "error"[1]
        assert.equal("protocol", err.kind)
        assert.matches(why, err.message, 1, true)
        assert.is_nil(tostring(err):find("s3cret", 1, true))
        assert.equal(0, #sim:report().sockets)
        s:until_joined()
        s:close()
      end)
    end

    it("fails like any attempt when it names no namespace", function()
      sim:fault { on = "subscription",
        merge = { notificationUrl = sim.socket .. "/a,b?token=s3cret" } }
      local s = joined()
      assert.equal(1, s:count "error")
      assert.is_nil(tostring(s:all "error"[1]):find("s3cret", 1, true))
      assert.equal(2, gets())
      s:close()
    end)
  end)

  describe("on a machine that was suspended", function()
    it("says at once that something may have been missed", function()
      local s = joined()
      s:forget()
      loop.skew(600)
      suspend.notice()
      helper.advance(0)
      assert.equal("resume", s:syncs())
      assert.is_true(s.sub.connected)
      s:close()
    end)

    it("does not wait any more to try again", function()
      sim:fault { on = "subscription", status = 500 }
      local s = subscriber.start(client, { reconnection_delay = 5000,
        reconnection_delay_max = 5000 })
      s:until_state "waiting"
      suspend.notice()
      s:until_state "joined"
      helper.advance(0)
      assert.equal("connect", s:syncs())
      s:close()
    end)

    it("joins again when the connection is lost with it, and is renewed", function()
      local s = joined()
      local before = gets()
      s:forget()
      sim:post("sockets/disconnect", { how = "rst" })
      loop.skew(86400)
      suspend.notice()
      until_back(s)
      assert.matches("reconnect$", s:syncs())
      assert.is_true(gets() > before)
      s:close()
    end)

    it("is not disturbed by it when it is over", function()
      local s = joined()
      s:close()
      s:forget()
      suspend.notice()
      helper.advance(0)
      assert.same({}, s.events)
    end)
  end)

  describe("among many of one client", function()
    local function many(count, opts)
      local drives = sim:post("drives/create", { count = count }).drives
      local list = {}
      for i, drive in ipairs(drives) do
        list[i] = subscriber.start(client, opts, { drive = drive.drive })
      end
      return list
    end

    local function close_all(list)
      for _, s in ipairs(list) do s.sub:close() end
      for _, s in ipairs(list) do s:close() end
    end

    it("shares the token and the places for requests", function()
      local tokens = 0
      client = sim:client { max_requests = 2, token = function()
        tokens = tokens + 1
        return sim.token, 3600
      end }
      sim:fault { on = "subscription", stall = 20, times = 30 }
      local list = many(30)
      for _, s in ipairs(list) do s:until_joined() end
      assert.equal(1, tokens)
      local under_way = {}
      for _, request in ipairs(sim:requests "subscription") do
        under_way[#under_way + 1] = { request.began, 1 }
        under_way[#under_way + 1] = { request.ended, -1 }
      end
      table.sort(under_way, function(a, b) return a[1] < b[1] end)
      local now, most = 0, 0
      for _, change in ipairs(under_way) do
        now = now + change[2]
        most = math.max(most, now)
      end
      assert.is_true(most <= 2, most)
      close_all(list)
    end)

    it("waits for the Retry-After that one of them was given", function()
      client = sim:client { max_requests = 1 }
      sim:fault { on = "subscription", status = 429, retry_after = 1200 }
      sim:fault { on = "subscription", hang = true }
      local list = many(5)
      helper.eventually(function() return client._throttle:remaining() > 0 end)
      local function left() return client._throttle:remaining() end
      while left() > 100 do
        helper.advance(math.min(100, left() - 50))
        assert.equal(1, gets())
      end
      helper.advance(left() + 0.001)
      sim:post("wait", { ["for"] = { ["requests.subscription"] = 2 } })
      helper.advance(10000)
      assert.equal(2, gets())
      close_all(list)
    end)
  end)

  it("shows no secret in any of this", function()
    local text = subscriber.told()
    assert.matches("graphsocket.subscription", text, 1, true)
    for _, secret in ipairs { sim.token, "s3cret", "applicationId" } do
      assert.is_nil(text:find(secret, 1, true), secret)
    end
    assert.is_nil(text:find("token=[^…]"))
  end)
end)
