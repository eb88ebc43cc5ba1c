-- Every option of a socket that reaches the network, against the reference
-- servers. Those that do not (auth, reconnection …) are in the other specs here
-- and in spec/socketio.

local helper = require "spec.helper"
local json = require "graphsocket.json"
local reference = require "spec.interop.reference"
local socketio = require "graphsocket.socketio"

local await, upcoming = reference.await, reference.upcoming

describe("the option", function()
  local servers

  setup(function() servers = reference.start() end)
  teardown(function() servers:stop() end)
  after_each(function() servers:close_sockets() end)

  -- Connects to `server` with `opts`; what the server saw of it.
  local function handshake(server, opts, path)
    local socket = servers:connect(server, path, opts)
    await(socket, "connect")
    return socket:timeout(helper.TEST_TIMEOUT):emit_with_ack "handshake", socket
  end

  -- Fails to connect; the error.
  local function failure(server, opts)
    return (await(servers:connect(server, nil, opts), "connect_error"))
  end

  local function certificate(name)
    return servers.certificates .. "/" .. name
  end

  it("path leads to another path", function()
    local server =
      servers:launch { version = 4, options = { path = "/custom" } }
    local seen = handshake(server, { path = "/custom" }, "/chat?a=b")
    assert.equal("/custom/?a=b&EIO=4&transport=websocket", seen.raw_url)
    assert.equal("/chat", seen.namespace)
  end)

  it("engine = 3 asks for revision 3, and says so", function()
    local seen = handshake(servers.v2, { engine = 3 })
    assert.matches("EIO=3", seen.raw_url, 1, true)
    local old = servers:launch { version = 4, options = { allowEIO3 = true } }
    local _, socket = handshake(old, { engine = 3 })
    assert.equal(3, socket:stats().engine.version)
  end)

  it("ca_file is what a server's certificate is checked with", function()
    local seen = handshake(servers.v4_tls, { ca_file = certificate "ca.pem" })
    assert.is_true(seen.secure)
    assert.equal("localhost", seen.tls.name)
    local err = failure(servers.v4_tls, { ca_file = certificate "other-ca.pem" })
    assert.equal("tls", err.kind)
    assert.equal("tls", err.phase)
  end)

  it("ca_path is the same as a folder", function()
    handshake(servers.v4_tls,
      { ca_path = certificate "ca-path", ca_file = certificate "other-ca.pem" })
  end)

  it("verify = false takes any certificate", function()
    handshake(servers.v4_tls,
      { verify = false, ca_file = certificate "other-ca.pem" })
  end)

  for name, words in pairs {
    expired = "has expired: the server needs another",
    future = "not yet valid: the server needs another",
    ["wrong-host"] = "the certificate is not for ",
    ["self-signed"] = "self-signed certificate: if you trust its ca",
    ["other-ca-server"] = "if you trust its ca, give that as ca_file",
  } do
    it("verify refuses a certificate that is " .. name, function()
      local server = servers:launch {
        version = 4, tls = true, certificate = name,
      }
      local err = failure(server, {})
      assert.equal("tls", err.kind)
      assert.matches(words, err.message:lower(), 1, true)
    end)
  end

  it("server_name is the name that is asked for and checked", function()
    local server = servers:launch {
      version = 4, tls = true, certificate = "wrong-host",
    }
    local seen = handshake(server, { server_name = "elsewhere.test" })
    assert.equal("elsewhere.test", seen.tls.name)
  end)

  it("cert and key identify the client", function()
    local server =
      servers:launch { version = 4, tls = true, client_ca = true }
    local seen = handshake(server, {
      cert = certificate "client.pem", key = certificate "client.key",
    })
    assert.is_string(seen.tls.client)
    local err = failure(server, { reconnection = false })
    assert.is_string(err.message)
  end)

  it("protocols offers subprotocols", function()
    local seen = handshake(servers.v4, { protocols = { "one", "two" } })
    assert.matches("one", seen.headers["sec-websocket-protocol"])
    assert.matches("two", seen.headers["sec-websocket-protocol"])
  end)

  it("compression offers permessage-deflate, and is off by default",
    function()
      local server =
        servers:launch { version = 4, options = { perMessageDeflate = true } }
      assert.equal(0, #handshake(server).extensions)
      local seen, socket = handshake(server, { compression = true })
      assert.matches("permessage-deflate", json.encode(seen.extensions), 1, true)
      local text = ("compress me "):rep(5000)
      assert.equal(text, (socket:emit_with_ack("echo", text)))
      assert.equal(text,
        (socket:compress(false):emit_with_ack("echo", text)))
    end)

  it("reviver sees every value that the server sends, from the inside out",
    function()
      local seen = {}
      local socket = servers:connect(servers.v4, nil, {
        reviver = function(key, value)
          if key == "gone" then return nil end
          if type(value) == "number" and type(key) == "string" then
            seen[#seen + 1] = key
            return value * 2
          end
          return value
        end;
      })
      await(socket, "connect")
      local reply = socket:emit_with_ack("echo", { a = { b = 1 }, gone = true })
      assert.same({ a = { b = 2 } }, reply)
      assert.same({ "b" }, seen)
    end)

  it("max_payload bounds a message, and a packet with its attachments",
    function()
      local socket = servers:connect(servers.v4, nil,
        { max_payload = 10000, reconnection_delay = 0.01 })
      await(socket, "connect")
      assert.equal(9000, #socket:emit_with_ack("bytes", 9000, true))
      local gone = upcoming(socket, "disconnect")
      socket:emit("bytes", 11000, true)
      local _, details = gone()
      assert.matches("max_payload", details.description)
      await(socket, "connect")
      gone = upcoming(socket, "disconnect")
      local part = socketio.binary(("x"):rep(6000))
      socket:emit("echo", part, part)
      local reason
      reason, details = gone()
      assert.equal("parse error", reason)
      assert.matches("max_payload", details.description)
    end)

  for _, version in ipairs { 4, 2 } do
    it("force_base64 carries bytes as text, both ways, revision " .. version,
      function()
        local server = servers:launch { version = version }
        local socket = servers:connect(server, "/?a=1",
          { force_base64 = true, engine = version == 2 and 3 or 4 })
        local bytes = {}
        for i = 0, 255 do bytes[i + 1] = string.char(i) end
        local all = table.concat(bytes)
        local one, two, three = socket:timeout(helper.TEST_TIMEOUT)
          :emit_with_ack("echo", socketio.binary(all), "text",
            { socketio.binary "" })
        assert.equal(all, tostring(one))
        assert.equal("text", two)
        assert.equal("", tostring(three[1]))
        assert.same({ received = 0, allowed = false },
          servers:binary_frames(server))
      end)
  end

  it("bytes are binary messages without force_base64", function()
    local server = servers:launch { version = 4 }
    local socket = servers:connect(server)
    socket:timeout(helper.TEST_TIMEOUT)
      :emit_with_ack("echo", socketio.binary "bytes")
    assert.same({ received = 1, allowed = true },
      servers:binary_frames(server))
  end)

  it("max_queue bounds what waits for its handlers, and loses nothing",
    function()
      local socket = servers:connect(servers.v4, nil, { max_queue = 20000 })
      local count, paused = 0, false
      socket:on("item", function(i)
        count = count + 1
        assert(i == count)
        if count == 1 then
          helper.eventually(function()
            return socket:stats().engine.paused
          end)
          paused = true
        end
      end)
      await(socket, "connect")
      socket:emit("count", 500, ("x"):rep(1000))
      await(socket, "done")
      assert.is_true(paused)
      assert.equal(500, count)
    end)

  it("max_queue holds up no packet whose attachments alone are more", function()
    local socket = servers:connect(servers.v4, nil, { max_queue = 20000 })
    local part = socketio.binary(("x"):rep(9000))
    local reply = { socket:timeout(helper.TEST_TIMEOUT)
      :emit_with_ack("echo", part, part, part, part, part) }
    assert.equal(5, #reply)
    assert.equal(9000, #reply[5])
    assert.equal(0, socket:stats().engine.queued_bytes)
  end)

  it("local_address is where the connection comes from", function()
    local seen = handshake(servers.v4, { local_address = "127.0.0.3" })
    assert.matches("127.0.0.3", json.encode(seen.remote), 1, true)
  end)

  it("local_address says what is wrong with it", function()
    local err = failure(servers.v4, { local_address = "192.0.2.1" })
    assert.equal("network", err.kind)
    assert.matches("local_address 192.0.2.1 cannot be used: address not available",
      err.message, 1, true)
  end)

  describe("proxy", function()
    it("leads through an HTTP proxy, plain and TLS", function()
      local proxy = servers:peers("proxies/launch", json.array {})
      for _, name in ipairs { "v4", "v4_tls", "v2_tls" } do
        handshake(servers[name], { proxy = proxy.url })
      end
      local report = servers:peers("proxies/report", { id = proxy.id })
      assert.equal(3, #report.requests)
      assert.equal("CONNECT", report.requests[1].method)
    end)

    it("has a user name and a password", function()
      local proxy =
        servers:peers("proxies/launch", { user = "us er", password = "p@ss" })
      handshake(servers.v4, { proxy = proxy.url })
      local err = failure(servers.v4,
        { proxy = ("http://127.0.0.1:%d"):format(proxy.port) })
      assert.equal("proxy", err.phase)
      assert.matches("status 407: it wants a user name and a password",
        err.message, 1, true)
      err = failure(servers.v4_tls,
        { proxy = ("http://us%%20er:p%%40sx@127.0.0.1:%d"):format(proxy.port) })
      assert.matches("status 407", err.message, 1, true)
      assert.is_nil(tostring(err):find("p@s", 1, true))
    end)

    it("of the environment is used, but for the hosts of no_proxy", function()
      local proxy = servers:peers("proxies/launch", json.array {})
      local getenv, environment = os.getenv, { http_proxy = proxy.url }
      os.getenv = function(name) return environment[name] end -- luacheck: ignore
      finally(function() os.getenv = getenv end) -- luacheck: ignore
      local function requests()
        return #servers:peers("proxies/report", { id = proxy.id }).requests
      end
      handshake(servers.v4)
      assert.equal(1, requests())
      environment.no_proxy = "example.com,localhost,127.0.0.1"
      handshake(servers.v4)
      assert.equal(1, requests())
    end)

    it("that is not there is told from a server that is not", function()
      local err = failure(servers.v4, { proxy = "http://127.0.0.1:9" })
      assert.matches("^the proxy cannot be reached: .* connection refused",
        err.message)
    end)

    it("that refuses is an error of its own phase", function()
      local proxy = servers:peers("proxies/launch", { refuse = { status = 403 } })
      local err = failure(servers.v4, { proxy = proxy.url })
      assert.equal("proxy", err.phase)
      assert.matches("status 403$", err.message)
      -- A websocket server is no proxy.
      err = failure(servers.v4,
        { proxy = ("http://127.0.0.1:%d"):format(servers.v2.port) })
      assert.equal("proxy", err.phase)
    end)
  end)

  describe("timeout", function()
    it("ends a handshake that is not answered, naming the phase", function()
      local peer = servers:peers("peers/launch",
        { script = { { upgrade = true } } })
      local err = failure({ url = "http://127.0.0.1:" .. ("%d"):format(peer.port) },
        { timeout = 1 })
      assert.equal("timeout", err.kind)
      assert.equal("open packet", err.phase)
    end)

    it("ends an upgrade that is not answered, naming the phase", function()
      local peer = servers:peers("peers/launch", { script = { { head = true } } })
      local err = failure({ url = "http://127.0.0.1:" .. ("%d"):format(peer.port) },
        { timeout = 1 })
      assert.equal("timeout", err.kind)
      assert.equal("upgrade", err.phase)
    end)
  end)

  it("transports may name the websocket", function()
    handshake(servers.v4, { transports = { "websocket" } })
  end)
end)

describe("the URL", function()
  local servers

  setup(function() servers = reference.start() end)
  teardown(function() servers:stop() end)
  after_each(function() servers:close_sockets() end)

  it("may have an IPv6 address, or a name that means either", function()
    local server = servers:launch { version = 4, family = 6 }
    local socket =
      servers:connect { url = ("ws://[::1]:%d"):format(server.port) }
    local seen = socket:emit_with_ack "handshake"
    assert.equal(("[::1]:%d"):format(server.port), seen.headers.host)
    server = servers:launch { version = 4, family = 4 }
    await(servers:connect { url = ("http://localhost:%d"):format(server.port) },
      "connect")
  end)

  it("may be ws, wss, or have no scheme", function()
    await(servers:connect {
      url = ("ws://localhost:%d"):format(servers.v4.port) }, "connect")
    await(servers:connect {
      url = ("wss://localhost:%d"):format(servers.v4_tls.port) }, "connect")
    await(servers:connect {
      url = ("localhost:%d"):format(servers.v4_tls.port) }, "connect")
  end)
end)
