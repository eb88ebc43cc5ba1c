local core = require "graphsocket.core"
local fake_http = require "spec.fake_http"
local graphsocket = require "graphsocket"
local helper = require "spec.helper"
local json = require "graphsocket.json"
local endpoints = require "graphsocket.endpoint"
local simulator = require "spec.simulator"

local URL = "https://westeurope1-0.pushnp.svc.ms/notifications"
  .. "?token=s3cr3t&applicationId=a1"

describe("an endpoint", function()
  local body

  before_each(function()
    body = {
      id = "s1", notificationUrl = URL,
      expirationDateTime = "2030-05-01T10:20:30.1234567Z",
      clientState = "system-managed:8082D436",
    }
    fake_http.start(function() return { body = json.encode(body) } end)
  end)
  after_each(fake_http.stop)

  local function get(opts)
    local client = graphsocket.new(opts or { token = "t" })
    local _, endpoint, err = fake_http.in_virtual_time(function()
      return client:endpoint { drive = "d" }
    end)
    return endpoint, err
  end

  it("has the fields of the answer, and all of it", function()
    local endpoint = assert(get())
    assert.equal("s1", endpoint.id)
    assert.equal(URL, endpoint.notification_url)
    assert.equal(1903861230, math.floor(endpoint.expires_at))
    assert.equal("/drives/d/root", endpoint.resource)
    assert.same(body, endpoint.raw)
  end)

  it("shows neither query nor path when printed", function()
    local text = tostring(assert(get()))
    assert.equal("graphsocket.endpoint (/drives/d/root on "
      .. "westeurope1-0.pushnp.svc.ms, expires 2030-05-01T10:20:30Z)", text)
  end)

  it("is usable without an expiry, or with one that is none", function()
    for _, value in ipairs { "soon", "", 5, json.null, json.array(), "none" } do
      body.expirationDateTime = value ~= "none" and value or nil
      local endpoint = assert(get())
      assert.is_nil(endpoint.expires_at)
      assert.matches("expires unknown", tostring(endpoint), 1, true)
    end
  end)

  it("is usable without an id", function()
    body.id = nil
    assert.is_nil(assert(get()).id)
  end)

  it("takes the documented example, and ws URLs as well", function()
    for _, url in ipairs {
      "https://f3hb0mpua.svc.ms/zbaehwg/callback?snthgk=1ff3-2345672zz8",
      "wss://x.svc.ms/n?token=t", "https://x.svc.ms:8443/n?token=t",
      "http://127.0.0.1:9/n?token=t", "https://[::1]/n",
    } do
      body.notificationUrl = url
      assert.equal(url, assert(get()).notification_url)
    end
  end)

  it("is not made of a URL whose path is no namespace, which would raise when it is opened",
    function()
      for _, path in ipairs { "/a,b", "/" .. ("a"):rep(1024) } do
        body.notificationUrl = "https://x.svc.ms" .. path .. "?token=s3cr3t"
        local endpoint, err = get()
        assert.is_nil(endpoint)
        assert.equal("protocol", err.kind)
        assert.matches("the path of the notificationUrl is no namespace", err.message, 1, true)
        assert.is_nil(tostring(err):find("s3cr3t", 1, true))
      end
    end)

  it("is not made without a notificationUrl, and the error says why that may be",
    function()
      body.notificationUrl = nil
      local endpoint, err = get()
      assert.is_nil(endpoint)
      assert.equal("protocol", err.kind)
      assert.matches("drives and document libraries", err.message, 1, true)
      assert.matches("/drives/d/root: ", err.message, 1, true)
    end)

  it("is not made of what is no URL", function()
    for _, url in ipairs {
      "", "x.svc.ms/n", "https://", "ftp://x.svc.ms/s3cr3t",
      "https://x y/", 5, json.null, json.array { URL },
    } do
      body.notificationUrl = url
      local endpoint, err = get()
      assert.is_nil(endpoint)
      assert.matches("is not a URL", err.message, 1, true)
      assert.is_nil(tostring(err):find("s3cr3t", 1, true))
    end
  end)

  it("is not made of a URL that leads where no secret should go", function()
    for url, why in pairs {
      ["http://x.svc.ms/n?token=s3cr3t"] = "is http:// and not https://",
      ["ws://x.svc.ms/n?token=s3cr3t"] = "is ws:// and not https://",
      ["https://u:s3cr3t@x.svc.ms/n"] = "holds a user name",
      ["https://10.1.2.3/n?token=s3cr3t"] = "names an address",
      ["https://[fe80::1]/n?token=s3cr3t"] = "names an address",
    } do
      body.notificationUrl = url
      local endpoint, err = get()
      assert.is_nil(endpoint)
      assert.equal("protocol", err.kind)
      assert.matches(why, err.message, 1, true)
      assert.is_nil(tostring(err):find("s3cr3t", 1, true))
    end
  end)

  it("takes a plain one or an address where insecure allows it", function()
    for _, url in ipairs { "http://x.svc.ms/n", "https://10.1.2.3/n" } do
      body.notificationUrl = url
      assert(get { token = "t", insecure = true })
    end
  end)

  it("keeps to the hosts that are named, if any are", function()
    local function fault(url, hosts)
      return endpoints.host_fault(core.url_parse(url), false, hosts)
    end
    assert.is_nil(fault(URL, { "svc.ms" }))
    assert.is_nil(fault(URL, { "a.test", ".SVC.MS" }))
    assert.is_nil(fault("https://svc.ms/", { "svc.ms" }))
    assert.is_nil(fault("https://localhost:1/", { "svc.ms" }))
    for _, url in ipairs {
      "https://x.svc.ms.evil.test/", "https://xsvc.ms/", "https://evil.test/",
    } do
      assert.matches("notification_hosts does not name",
        fault(url, { "svc.ms" }), 1, true)
    end
  end)

  it("refuses options of a socket that are wrong, at the caller's line",
    function()
      local endpoint = assert(get())
      local function refused(opts)
        local ok, message = pcall(function()
          local socket = endpoint:open(opts)
          return socket
        end)
        assert.is_false(ok)
        assert.matches("endpoint_spec%.lua:%d+: endpoint:open: ", message)
        assert.is_nil(message:find("s3cr3t", 1, true))
        return message
      end
      assert.matches('did you mean "reconnection"?',
        refused { reconection = false }, 1, true)
      refused { timeout = "5" }
      refused { transports = { "polling" } }
      refused "x"
      assert.has_error(function() endpoint.open({}) end)
    end)
end)

describe("endpoint:open, with the simulator,", function()
  local sim

  setup(function() sim = simulator.start() end)
  teardown(function() sim:stop() end)

  it("joins and delivers what the service says", function()
    local endpoint = assert(sim:client():endpoint "/me/drive/root")
    local socket = endpoint:open()
    local got
    socket:on("connect", helper.expect())
    socket:on("notification", function(data) got = data end)
    helper.eventually(function() return socket.connected end, "it joins")
    sim:post("items/create", { name = "a.txt" })
    helper.eventually(function() return got end, "a notification comes")
    assert.equal("string", type(got), "exactly as the server sent it")
    assert.equal(endpoint.id, json.decode(got).value[1].subscriptionId)
    socket:disconnect()
  end)

  it("sends no token of Graph to the notification host", function()
    local socket = assert(sim:client():endpoint "/me/drive/root"):open()
    helper.eventually(function() return socket.connected end, "it joins")
    for _, seen in ipairs(sim:report().sockets) do
      assert.is_nil(seen.headers.authorization)
      assert.is_true(seen.query_exact)
      assert.is_true(seen.tls.alpn == "http/1.1" or not seen.tls.alpn)
    end
    socket:disconnect()
  end)

  it("never shares a connection, whatever the options say", function()
    local client = sim:client()
    local one = assert(client:endpoint "/me/drive/root")
    local first = one:open()
    local second = one:open { force_new = false, multiplex = true }
    assert.not_equal(first.io, second.io)
    helper.eventually(function()
      return first.connected and second.connected
    end, "both join")
    first:disconnect()
    second:disconnect()
  end)

  it("trusts what the client trusts, unless the socket is told otherwise",
    function()
      local endpoint = assert(sim:client():endpoint "/me/drive/root")
      local problem
      local socket = endpoint:open {
        ca_file = sim.certificates .. "/other-ca.pem", reconnection = false,
      }
      socket:on("connect_error", function(err) problem = err end)
      helper.eventually(function() return problem end, "it is refused")
      assert.equal("tls", problem.kind)
      assert.is_nil(tostring(problem):find("token=", 1, true))
      socket:disconnect()
    end)
end)
