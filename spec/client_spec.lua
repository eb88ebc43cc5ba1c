local graphsocket = require "graphsocket"
local helper = require "spec.helper"
local loop = require "graphsocket.loop"
local scope = require "graphsocket.scope"
local simulator = require "spec.simulator"

describe("graphsocket.new", function()
  local function refused(opts)
    local ok, message = pcall(function()
      local client = graphsocket.new(opts)
      return client
    end)
    assert.is_false(ok, "the options were taken")
    assert.matches("client_spec%.lua:%d+: graphsocket%.new: ", message)
    assert.is_nil(message:find("\n", 1, true))
    return message
  end

  it("needs a token and says which kinds there are", function()
    for _, opts in ipairs { false, {} } do
      assert.matches('option "token" is missing: give a string, a function',
        refused(opts or nil), 1, true)
    end
  end)

  it("refuses a token that cannot be sent, and says what to do", function()
    for token, why in pairs {
      [""] = "must not be empty", ["a\n"] = "trim it", ["a\r\nB: c"] = "trim it",
      ["Bearer abc"] = 'without "Bearer "', ["a b"] = "spaces",
      [5] = "must be a string or a function or a table",
    } do
      local message = refused { token = token }
      assert.matches(why, message, 1, true)
      assert.is_nil(message:find("abc", 1, true))
    end
    assert.matches("another table", refused { token = {} }, 1, true)
  end)

  it("names the nearest option for one that is unknown", function()
    assert.matches('unknown option "tokn": did you mean "token"?',
      refused { tokn = "t" }, 1, true)
    assert.matches('did you mean "base_url"?',
      refused { token = "t", baseUrl = "x" }, 1, true)
    assert.matches('did you mean "retries"?',
      refused { token = "t", retry = 1 }, 1, true)
  end)

  it("refuses values of the wrong kind", function()
    for name, case in pairs {
      timeout = { "5", "a number of seconds" },
      retries = { 1.5, "whole number" },
      max_requests = { 0, "at least 1" },
      cloud = { "mars", '"global", "usgov", "usgov-dod", "china"' },
      verify = { "no", "true or false" },
      base_url = { "graph.microsoft.com", "must be a URL" },
      user_agent = { "a\nb", "control characters" },
      headers = { { Authorization = "x" }, 'option "token"' },
      ca_file = { "", "empty" },
    } do
      local message = refused { token = "t", [name] = case[1] }
      assert.matches(('option "%s"'):format(name), message, 1, true)
      assert.matches(case[2], message, 1, true)
    end
  end)

  it("speaks plain http to loopback only, unless told otherwise", function()
    local message = refused { token = "t", base_url = "http://graph.test/v1.0" }
    assert.matches("plain text to graph.test", message, 1, true)
    assert.matches("insecure = true", message, 1, true)
    assert(graphsocket.new {
      token = "t", base_url = "http://graph.test/v1.0", insecure = true,
    })
    for _, host in ipairs { "localhost", "127.0.0.1", "[::1]", "127.8.0.1" } do
      assert(graphsocket.new { token = "t", base_url = "http://" .. host })
    end
    for _, host in ipairs { "127.0.0.1.nip.io", "localhost.test", "10.0.0.1" } do
      refused { token = "t", base_url = "http://" .. host }
    end
  end)

  it("refuses a base URL with more than a path", function()
    for _, text in ipairs {
      "https://user:secret@h/v1.0", "https://h/v1.0?a=b", "https://h/v1.0#f",
      "ftp://h/", "https://", "wss://h/",
    } do
      assert.is_nil(refused { token = "t", base_url = text }
        :find("secret", 1, true))
    end
  end)

  it("knows the national clouds", function()
    for cloud, host in pairs {
      global = "graph.microsoft.com", usgov = "graph.microsoft.us",
      ["usgov-dod"] = "dod-graph.microsoft.us",
      china = "microsoftgraph.chinacloudapi.cn",
    } do
      local client = graphsocket.new { token = "t", cloud = cloud }
      assert.equal(("graphsocket.client (https://%s/v1.0)"):format(host),
        tostring(client))
    end
  end)

  it("says how to call a method that was called with a dot", function()
    local client = graphsocket.new { token = "t" }
    assert.has_error(function() client.endpoint("/me/drive/root") end)
    local _, message = pcall(client.endpoint, "/me/drive/root")
    assert.matches("client:endpoint(…) with a colon", message, 1, true)
  end)
end)

describe("a client and the simulated Graph", function()
  local sim

  setup(function() sim = simulator.start() end)
  teardown(function() sim:stop() end)
  before_each(function() sim:reset() end)

  local function failing(rule, opts)
    rule.on = rule.on or "subscription"
    sim:fault(rule)
    local endpoint, err = sim:client(opts or { retries = 0 })
      :endpoint "/me/drive/root"
    assert.is_nil(endpoint, "no error came")
    assert.is_nil(tostring(err):find("\n", 1, true))
    return err
  end

  it("gets an endpoint for every form of a resource", function()
    local ids = sim.ids
    local forms = {
      "/me/drive/root", { me = true },
      "/drives/" .. ids.drive .. "/root", { drive = ids.library_drive },
      { drive = ids.drive, list = true }, "/lists/" .. ids.library_list,
      { list = ids.library_list }, { group = ids.group },
      { site = ids.site, list = ids.library_list },
      ("/sites/%s/lists/%s"):format(ids.site, ids.library_list),
      ("sites/%s/lists/%s/drive/root/subscriptions/socketIo")
        :format(ids.site, ids.library_list),
    }
    local client = sim:client()
    for _, form in ipairs(forms) do
      local endpoint = assert(client:endpoint(form))
      assert.matches("^https://localhost:%d+/notifications%?token=",
        endpoint.notification_url)
      assert.is_true(endpoint.expires_at > os.time() + 1000)
      assert.equal("string", type(endpoint.id))
      assert.equal(endpoint.id, endpoint.raw.id)
    end
    assert.equal(#forms, #sim:requests "subscription")
  end)

  it("sends what Microsoft's page asks for, on one connection", function()
    local client = sim:client()
    for _ = 1, 3 do assert(client:endpoint "/me/drive/root") end
    local requests = sim:requests()
    local ids = {}
    for _, request in ipairs(requests) do
      assert.equal("GET", request.method)
      assert.is_true(request.authorization.right)
      assert.equal("application/json", request.headers["content-type"])
      assert.matches("^graphsocket/", request.headers["user-agent"])
      local id = request.headers["client-request-id"]
      assert.matches("^%x+%-%x%x%x%x%-4%x%x%x%-[89ab]%x%x%x%-%x+$", id)
      assert.equal(36, #id)
      assert.is_nil(ids[id])
      ids[id] = true
      assert.equal(requests[1].connection, request.connection)
      assert.equal("2.0", request.http)
    end
    assert.equal(3, #requests)
  end)

  it("tells every refusal with Graph's words and ids", function()
    for status, kind in pairs {
      [400] = "graph", [403] = "graph", [404] = "graph",
      [429] = "graph", [500] = "graph", [503] = "graph",
    } do
      local err = failing { status = status }
      assert.equal(kind, err.kind)
      assert.equal(status, err.status)
      assert.equal("string", type(err.code))
      assert.equal(36, #err.request_id)
      assert.matches("GET /me/drive/root/subscriptions/socketIo: ",
        err.message, 1, true)
      assert.matches("request-id " .. err.request_id, tostring(err), 1, true)
      assert.equal(status >= 429, err.retryable)
    end
  end)

  it("explains a 403 for a token without a user", function()
    sim:post("tokens/add", { token = "app-only", app = true })
    local endpoint, err =
      sim:client { token = "app-only", retries = 0 }:endpoint "/me/drive/root"
    assert.is_nil(endpoint)
    assert.equal(403, err.status)
    assert.matches("delegated permission Files.Read", err.message, 1, true)
    assert.is_false(err.retryable)
  end)

  it("refuses an unknown, an expired and a revoked token", function()
    sim:post("tokens/add", { token = "brief", seconds = 0 })
    sim:post("tokens/add", { token = "taken-back" })
    sim:post("tokens/revoke", { token = "taken-back" })
    for _, token in ipairs { "brief", "taken-back", "nonsense" } do
      local endpoint, err = sim:client { token = token }:endpoint { me = true }
      assert.is_nil(endpoint)
      assert.equal("auth", err.kind)
      assert.equal(401, err.status)
    end
    assert.equal(3, #sim:requests "subscription")
  end)

  it("passes a claims challenge on and goes on with the new token", function()
    sim:post("tokens/add", { token = "first" })
    sim:post("tokens/revoke", { token = "first" })
    local claims
    local client = sim:client {
      token = function(force, given)
        claims = given
        return force and sim.token or "first"
      end,
    }
    assert(client:endpoint "/me/drive/root")
    assert.matches('"access_token"', claims, 1, true)
  end)

  it("reads Retry-After whatever its letter case and form", function()
    assert.equal(7, failing({ status = 429, retry_after = 7 }).retry_after)
    assert.equal(9, failing({
      status = 503, retry_after = 9, lower_case = true,
    }).retry_after)
    local delay = failing({ status = 429, retry_after_date = 30 }).retry_after
    assert.is_true(delay >= 28 and delay <= 31, delay)
  end)

  it("takes a compressed answer and one that comes in drops", function()
    sim:fault { on = "subscription", gzip = true }
    assert(sim:client():endpoint "/me/drive/root")
    sim:fault { on = "subscription", drip = { bytes = 50, every = 1 } }
    assert(sim:client():endpoint "/me/drive/root")
  end)

  it("explains an answer that is none of Graph's", function()
    for body, why in pairs {
      ["<html>sign in</html>"] = "not JSON", [""] = "not JSON",
      ["[1]"] = "not an object", ["5"] = "not an object",
      ["null"] = "not an object", ['{"id":'] = "not JSON",
    } do
      local err = failing { body = body, status = 200 }
      assert.equal("protocol", err.kind)
      assert.matches(why, err.message, 1, true)
      assert.matches("login page", err.message, 1, true)
      assert.is_nil(err.message:find("sign in", 1, true))
    end
  end)

  it("names the phase in which time ran out", function()
    local err = failing({ hang = true },
      { retries = 0, first_byte_timeout = 0.1 })
    assert.equal("timeout", err.kind)
    assert.equal("first byte", err.phase)
    err = failing({ stall_body = 60000 }, { retries = 0, idle_timeout = 0.1 })
    assert.equal("timeout", err.kind)
    assert.equal("body", err.phase)
  end)

  it("takes an answer that is slow but never silent", function()
    sim:fault { on = "subscription", drip = { bytes = 10, every = 5 } }
    assert(sim:client { timeout = 0.3 }:endpoint "/me/drive/root")
  end)

  it("says why a server cannot be reached", function()
    local refused = sim:client { base_url = "https://localhost:1", retries = 0 }
    local _, err = refused:endpoint "/me/drive/root"
    assert.equal("network", err.kind)
    assert.matches("refused", err.message, 1, true)
    local unknown = sim:client {
      base_url = "https://no-such-host.invalid", retries = 0,
    }
    _, err = unknown:endpoint "/me/drive/root"
    assert.equal("network", err.kind)
    assert.equal("dns", err.phase)
    assert.matches("no-such-host.invalid", err.message, 1, true)
  end)

  it("says what is wrong with a certificate", function()
    local function show(name)
      sim:post("hosts/certificate", { host = "graph", name = name })
      -- Connections that are open would be used again.
      sim:post("hosts/stop", { host = "graph" })
      sim:post("hosts/start", { host = "graph" })
    end
    finally(function() show "server" end)
    for name, why in pairs {
      expired = "of localhost was refused: certificate has expired: the server "
        .. "needs another",
      ["wrong-host"] = "not for localhost (hostname mismatch): use a name that",
      ["other-ca-server"] = "unable to get local issuer certificate: if you "
        .. "trust its CA, give that as ca_file",
      ["self-signed"] = "self-signed certificate: if you trust its CA",
    } do
      show(name)
      local _, err = sim:client { retries = 0 }:endpoint "/me/drive/root"
      assert.equal("tls", err.kind, name)
      assert.matches("GET /me/drive/root/subscriptions/socketIo: the TLS "
        .. "handshake failed: the certificate", err.message, 1, true)
      assert.matches(why, err.message, 1, true)
    end
    local _, err = sim:client { retries = 0, verify = false }
      :endpoint "/me/drive/root"
    assert.is_nil(err)
  end)

  it("says which file for TLS cannot be used", function()
    local _, err = sim:client { retries = 0, ca_file = "/nowhere.pem" }
      :endpoint "/me/drive/root"
    assert.equal("tls", err.kind)
    assert.matches("a file for TLS cannot be used: .*/nowhere%.pem", err.message)
  end)

  it("says that a port does not speak TLS", function()
    local _, err = sim:client {
      retries = 0, base_url = sim.control:gsub("^http:", "https:"),
    }:endpoint "/me/drive/root"
    assert.equal("tls", err.kind)
    assert.matches("does this port speak TLS?", err.message, 1, true)
  end)

  it("does not trust the simulator's CA by itself", function()
    local _, err = graphsocket.new {
      base_url = sim.graph, token = sim.token, retries = 0,
    }:endpoint "/me/drive/root"
    assert.equal("tls", err.kind)
  end)

  it("hands none of its connections on to a program that the script runs",
    function()
      local function inherited()
        local _, out = helper.run {
          "sh", "-c", "for fd in /proc/self/fd/*; do readlink $fd; done",
        }
        local sockets = {}
        for name in out:gmatch "socket:%[%d+%]" do sockets[name] = true end
        return sockets
      end
      local before = inherited()
      assert(sim:client():endpoint "/me/drive/root")
      assert.same(before, inherited())
    end)

  it("ends a request that it gives up on the server, too", function()
    sim:fault { on = "subscription", hang = true }
    local given_up = scope.new()
    loop.spawn(function()
      sim:client():_request {
        path = "/me/drive/root/subscriptions/socketIo", scope = given_up,
      }
    end)
    sim:post("wait", { ["for"] = { pending = { min = 1 } } })
    given_up:cancel()
    helper.advance(0)
    -- By a program of its own, since a request of ours would move them all.
    local code, out = helper.run {
      "node", "-e", "fetch(process.argv[1], { method: 'POST', body: "
        .. "JSON.stringify({ for: { pending: 0 } }) })"
        .. ".then((answer) => answer.text()).then(console.log)",
      sim.control .. "/wait",
    }
    assert.equal(0, code)
    assert.is_nil(out:find("not seen", 1, true), out)
  end)

  it("works from several tasks at once", function()
    local client, got = sim:client(), 0
    for _ = 1, 20 do
      loop.spawn(function()
        assert(client:endpoint "/me/drive/root")
        got = got + 1
      end)
    end
    graphsocket.run()
    assert.equal(20, got)
  end)
end)

-- With a server of its own: Node's may go on waiting for a client that has left
-- in the middle of an answer.
describe("a body of more than 16 MiB", function()
  local sim

  setup(function() sim = simulator.start() end)
  teardown(function() sim:stop() end)

  for what, fault in pairs {
    ["that is announced"] = { fill = 17 * 1024 * 1024 },
    ["that has no end"] = { endless = true },
  } do
    it(what .. " is refused, and its connection closed", function()
      assert(sim:client():endpoint "/me/drive/root")
      fault.on = "subscription"
      sim:fault(fault)
      local before = helper.sockets()
      local _, err = sim:client():endpoint "/me/drive/root"
      assert.equal("protocol", err.kind)
      assert.equal("TOO_BIG", err.code)
      helper.eventually(function() return helper.sockets() < before end, "it is closed")
    end)
  end
end)
