-- The behaviours of socket.io-client's test/connection.ts, test/retry.ts and
-- test/connection-state-recovery.ts against the reference servers; a test has
-- the sentence of its original where there is one.

local helper = require "spec.helper"
local json = require "graphsocket.json"
local loop = require "graphsocket.loop"
local reference = require "spec.interop.reference"
local socketio = require "graphsocket.socketio"

local await, upcoming = reference.await, reference.upcoming
local eventually = helper.eventually

-- Nothing listens there.
local NOWHERE = { url = "http://127.0.0.1:9" }

describe("a connection", function()
  local servers, server

  setup(function() servers = reference.start() end)
  teardown(function() servers:stop() end)
  before_each(function() server = servers.v4 end)
  after_each(function() servers:close_sockets() end)

  -- Lets every timer of the client be due, for what should not happen.
  local function linger()
    helper.advance(60)
  end

  it("should not connect when autoConnect option set to false", function()
    local socket = servers:connect(server, "", { auto_connect = false })
    assert.is_nil(socket.io.engine)
    socket:disconnect()
  end)

  it("should start a single connection with different namespaces", function()
    local first = servers:connections(server)
    local foo = socketio.connect(server.url .. "/chat")
    local bar = socketio.connect(server.url .. "/greets")
    await(foo, "connect")
    if not bar.connected then await(bar, "connect") end
    assert.equal(first + 1, servers:connections(server))
    foo.io:close()
  end)

  it("should start two connections with same path", function()
    local one = socketio.connect(server.url .. "/")
    local two = socketio.connect(server.url .. "/")
    await(one, "connect")
    if not two.connected then await(two, "connect") end
    assert.not_equal(one.id, two.id)
    one.io:close()
    two.io:close()
  end)

  it("should start two connections with same path and different querystrings",
    function()
      local first = servers:connections(server) + 1
      local one = socketio.connect(server.url .. "/?woot=1")
      local two = socketio.connect(server.url .. "/")
      await(one, "connect")
      if not two.connected then await(two, "connect") end
      assert.equal(first + 1, servers:connections(server))
      one.io:close()
      two.io:close()
    end)

  it("should not reopen an already active socket", function()
    local first = servers:connections(server) + 1
    local socket = servers:connect(server, "/", { auto_connect = false })
    socket:connect()
    socket:connect()
    await(socket, "connect")
    socket:connect()
    assert.equal(first, servers:connections(server))
    assert.same({ "0" }, servers:received(server, first)[1])
  end)

  it("should connect to a namespace after connection established", function()
    local manager = servers:manager(server)
    await(manager:socket "/", "connect")
    await(manager:socket "/chat", "connect")
  end)

  it("should open a new namespace after connection gets closed", function()
    local manager = servers:manager(server)
    local socket = manager:socket "/"
    await(socket, "connect")
    socket:disconnect()
    await(manager:socket "/chat", "connect")
  end)

  it("should reconnect by default", function()
    local socket = servers:connect(server, "", { reconnection_delay = 0.01 })
    await(socket, "connect")
    socket.io.engine:close()
    assert.equal(1, (await(socket.io, "reconnect")))
  end)

  it("should reconnect manually", function()
    local socket = servers:connect(server)
    await(socket, "connect")
    socket:disconnect()
    socket:connect()
    await(socket, "connect")
  end)

  it("should reconnect automatically after reconnecting manually", function()
    local socket = servers:connect(server, "", { reconnection_delay = 0.01 })
    await(socket, "connect")
    socket:disconnect()
    socket:connect()
    await(socket, "connect")
    socket.io.engine:close()
    await(socket.io, "reconnect")
  end)

  it("should attempt reconnects after a failed reconnect", function()
    local manager = servers:manager(NOWHERE,
      { reconnection_attempts = 2, reconnection_delay = 0.01 })
    local socket = manager:socket "/timeout"
    local attempts = 0
    manager:on("reconnect_attempt", function() attempts = attempts + 1 end)
    await(manager, "reconnect_failed")
    assert.equal(2, attempts)
    socket:connect()
    await(manager, "reconnect_failed")
    assert.equal(4, attempts)
  end)

  it("should not reconnect when force closed", function()
    local socket = servers:connect(NOWHERE, "", { reconnection_delay = 0.01 })
    await(socket.io, "error")
    socket.io:on("reconnect_attempt", helper.expect(nil, 0))
    socket:disconnect()
    linger()
  end)

  it("should stop reconnecting when force closed", function()
    local socket = servers:connect(NOWHERE, "", { reconnection_delay = 0.01 })
    await(socket.io, "reconnect_attempt")
    socket.io:on("reconnect_attempt", helper.expect(nil, 0))
    socket:disconnect()
    linger()
  end)

  it("should reconnect after stopping reconnection", function()
    local socket = servers:connect(NOWHERE, "", { reconnection_delay = 0.01 })
    await(socket.io, "reconnect_attempt")
    socket:disconnect()
    socket:connect()
    await(socket.io, "reconnect_attempt")
  end)

  it("should stop reconnecting on a socket and keep to reconnect on another",
    function()
      local manager = servers:manager(server, { reconnection_delay = 0.01 })
      local one, two = manager:socket "/", manager:socket "/chat"
      await(one, "connect")
      if not two.connected then await(two, "connect") end
      manager:once("reconnect_attempt", function()
        one:on("connect", helper.expect(nil, 0))
        one:disconnect()
      end)
      manager.engine:close()
      await(two, "connect")
      linger()
    end)

  it("should try to reconnect twice and fail when requested two attempts with "
    .. "immediate timeout and reconnect enabled", function()
      local slow = servers:launch { version = 4 }
      servers:post("servers/fault", { id = slow.id, connect = 60000 })
      local manager = servers:manager(slow, { timeout = 0.05,
        reconnection_attempts = 2, reconnection_delay = 0.01 })
      manager:socket "/timeout"
      local seen = {}
      manager:on("reconnect_attempt", function(n) seen[#seen + 1] = n end)
      await(manager, "reconnect_failed")
      assert.same({ 1, 2 }, seen)
    end)

  it("should try to reconnect twice and fail when requested two attempts with "
    .. "incorrect address and reconnect enabled", function()
      local manager = servers:manager({ url = "http://127.0.0.1:9" },
        { reconnection_attempts = 2, reconnection_delay = 0.01 })
      manager:socket "/asd"
      local seen = {}
      manager:on("reconnect_attempt", function(n) seen[#seen + 1] = n end)
      manager:on("reconnect_error", function(err) seen[#seen + 1] = err.phase end)
      await(manager, "reconnect_failed")
      linger()
      assert.same({ 1, "tcp", 2, "tcp" }, seen)
    end)

  it("should not try to reconnect and should form a connection when connecting "
    .. "to correct port with default timeout", function()
      local manager = servers:manager(server, { reconnection_delay = 0.01 })
      manager:on("reconnect_attempt", helper.expect(nil, 0))
      await(manager:socket "/chat", "connect")
      linger()
    end)

  it("should connect while disconnecting another socket", function()
    local manager = servers:manager(server)
    local one = manager:socket "/"
    await(one, "connect")
    local two = manager:socket "/chat"
    one:disconnect()
    await(two, "connect")
  end)

  it("should emit a connect_error event when reaching a Socket.IO server in "
    .. "v2.x with engine = 4", function()
      local socket = servers:connect(servers.v2, "", { engine = 4 })
      local err = await(socket, "connect_error")
      assert.is_string(err.message)
      assert.is_false(socket.connected)
    end)

  it("should reach a server in v2.x with engine = 3", function()
    local socket = servers:connect(servers.v2, "", { engine = 3 })
    await(socket, "connect")
  end)

  it("should not close the connection when disconnecting a single socket",
    function()
      local manager = servers:manager(server)
      local one, two = manager:socket "/", manager:socket "/chat"
      await(one, "connect")
      if not two.connected then await(two, "connect") end
      one:disconnect()
      assert.equal("v", (two:emit_with_ack("echo", "v")))
      two:disconnect()
      assert.equal("forced close", (await(manager, "close")))
    end)

  it("should stop trying to reconnect", function()
    local manager = servers:manager(NOWHERE, { reconnection_delay = 0.01 })
    await(manager, "reconnect_error")
    manager:reconnection(false)
    manager:on("reconnect_attempt", helper.expect(nil, 0))
    linger()
  end)

  it("should not try to reconnect with incorrect port when reconnection "
    .. "disabled", function()
      local manager = servers:manager(NOWHERE,
        { reconnection = false, reconnection_delay = 0.01 })
      manager:on("reconnect_attempt", helper.expect(nil, 0))
      await(manager, "error")
      linger()
    end)

  it("should still try to reconnect twice after opening another socket "
    .. "asynchronously", function()
      local manager = servers:manager(NOWHERE,
        { reconnection_attempts = 2, reconnection_delay = 0.02 })
      local attempts = 0
      manager:on("reconnect_attempt", function() attempts = attempts + 1 end)
      manager:socket "/room1"
      loop.spawn(function()
        loop.sleep(0.01)
        manager:socket "/room2"
      end)
      await(manager, "reconnect_failed")
      assert.equal(2, attempts)
    end)

  it("should reopen a cached socket", function()
    local manager = servers:manager(server)
    local socket = manager:socket "/"
    await(socket, "connect")
    socket:disconnect()
    assert.equal(socket, manager:socket "/")
    assert.is_true(socket.active)
    await(socket, "connect")
  end)

  it("should not reopen a cached but active socket", function()
    local first = servers:connections(server) + 1
    local manager = servers:manager(server)
    local socket = manager:socket "/"
    assert.equal(socket, manager:socket "/")
    await(socket, "connect")
    socket:emit_with_ack "echo"
    assert.equal("0", servers:received(server, first)[1][1])
    assert.matches("^2", servers:received(server, first)[1][2])
  end)

  it("should close the engine upon decoding exception", function()
    local socket = servers:connect(server, "", { reconnection_delay = 0.05 })
    await(socket, "connect")
    local engine = socket.io.engine
    socket:emit("raw", "bad")
    await(socket.io, "reconnect")
    assert.not_equal(engine, socket.io.engine)
    assert.is_false(engine:writable())
  end)

  it("should join every namespace again after a reconnection", function()
    local manager = servers:manager(server, { reconnection_delay = 0.01 })
    local sockets = {}
    for i, name in ipairs { "/", "/chat", "/greets", "/dynamic-1" } do
      sockets[i] = manager:socket(name)
    end
    local function all()
      for _, socket in ipairs(sockets) do
        if not socket.connected then return false end
      end
      return true
    end
    eventually(all)
    manager.engine:close()
    await(manager, "reconnect")
    eventually(all)
  end)

  it("should tell of the server's heartbeat", function()
    local quick = servers:launch {
      version = 4, options = { pingInterval = 50, pingTimeout = 2000 },
    }
    local socket = servers:connect(quick)
    await(socket, "connect")
    await(socket.io, "ping")
    assert.is_number(socket:stats().engine.last_ping_at)
  end)

  it("wakes the program for a heartbeat only while somebody listens to it", function()
    local quick = servers:launch {
      version = 4, options = { pingInterval = 20, pingTimeout = 5000 },
    }
    local socket = servers:connect(quick)
    local manager = socket.io
    await(socket, "connect")
    local function last_ping_at() return socket:stats().engine.last_ping_at end
    local told = 0
    local function count() told = told + 1 end
    local function until_told(times)
      helper.eventually(function() return told >= times end, "pings are told")
    end
    helper.asleep(3, last_ping_at)
    manager:once("ping", count)
    until_told(1)
    helper.asleep(3, last_ping_at)
    assert.equal(1, told)
    manager:on("ping", count):once("ping", count)
    until_told(4)
    manager:off("ping", count)
    helper.asleep(3, last_ping_at)
    manager:on("ping", count)
    manager.engine:close() -- the next connection is one to listen to, too
    local before = told
    await(manager, "reconnect")
    until_told(before + 2)
    manager:off()
    helper.asleep(3, last_ping_at)
  end)

  it("should notice that the server has fallen silent", function()
    for _, version in ipairs { 4, 2 } do
      local quick = servers:launch {
        version = version, options = { pingInterval = 100, pingTimeout = 1000 },
      }
      local socket = servers:connect(quick)
      await(socket, "connect")
      local gone = upcoming(socket, "disconnect")
      servers:post("servers/fault", { id = quick.id, hole = "both" })
      assert.equal("ping timeout", (gone()))
      local back = upcoming(socket, "connect")
      servers:post("servers/heal", { id = quick.id })
      back()
      socket:disconnect()
    end
  end)

  it("should come back when its server does", function()
    local other = servers:launch { version = 4 }
    local socket = servers:connect(other, "", { reconnection_delay = 0.01,
      reconnection_delay_max = 0.05 })
    await(socket, "connect")
    local gone = upcoming(socket, "disconnect")
    local refused = upcoming(socket, "connect_error")
    servers:post("servers/stop", { id = other.id, rst = true })
    gone()
    refused()
    local back = upcoming(socket, "connect")
    servers:post("servers/start", { id = other.id })
    back()
  end)

  describe("state recovery", function()
    local recovering

    setup(function()
      recovering = servers:launch {
        version = 4, options = { connectionStateRecovery = json.array {} },
      }
    end)

    it("should have an accessible socket id equal to the server-side socket id "
      .. "(default namespace)", function()
        local socket =
          servers:connect(recovering, "", { reconnection_delay = 0.01 })
        await(socket, "connect")
        assert.is_false(socket.recovered)
        socket:emit "hi"
        await(socket, "hi")
        local id = socket.id
        socket:emit "cut"
        await(socket, "disconnect")
        await(socket, "connect")
        assert.equal(id, socket.id)
        assert.is_true(socket.recovered)
      end)

    it("should receive what was sent meanwhile, once", function()
      local socket =
        servers:connect(recovering, "", { reconnection_delay = 0.2 })
      local seen = {}
      socket:on("news", function(n) seen[#seen + 1] = n end)
      await(socket, "connect")
      local function news(n)
        servers:post("servers/emit",
          { id = recovering.id, event = "news", args = { n } })
      end
      news "one"
      eventually(function() return #seen == 1 end)
      socket:emit "cut"
      await(socket, "disconnect")
      news "two"
      news "three"
      await(socket, "connect")
      assert.is_true(socket.recovered)
      eventually(function() return #seen == 3 end)
      news "four"
      eventually(function() return #seen == 4 end)
      assert.same({ "one", "two", "three", "four" }, seen)
    end)
  end)

  describe("retry", function()
    it("should preserve the order of the packets", function()
      local first = servers:connections(server) + 1
      local socket = servers:connect(server, "",
        { retries = 1, ack_timeout = helper.TEST_TIMEOUT })
      local left = {}
      for i = 1, 3 do
        socket:emit("echo", i, function(err, value)
          assert(err == nil and value == i)
          left[i] = socket:stats().retries
        end)
      end
      eventually(function() return left[3] end)
      assert.same({ 2, 1, 0 }, left)
      assert.same({ "0", '20["echo",1]', '21["echo",2]', '22["echo",3]' },
        servers:received(server, first)[1])
    end)

    it("should fail when the server does not acknowledge the packet",
      function()
        local first = servers:connections(server) + 1
        local socket =
          servers:connect(server, "", { retries = 3, ack_timeout = 0.02 })
        local got
        socket:emit("never", function(err) got = err end)
        eventually(function() return got end)
        assert.equal("timeout", got.kind)
        eventually(function()
          return #servers:received(server, first)[1] == 5
        end)
        assert.same({ "0", '20["never"]', '21["never"]', '22["never"]',
          '23["never"]' }, servers:received(server, first)[1])
      end)

    it("should succeed when the server acknowledges a later try", function()
      local socket =
        servers:connect(server, "", { retries = 100, ack_timeout = 0.05 })
      local tries = socket:emit_with_ack("flaky", 3, "key")
      assert.is_true(tries >= 3)
    end)

    it("should not drain the queue while the socket is disconnected",
      function()
        local socket = servers:connect(server, "", { auto_connect = false,
          retries = 3, ack_timeout = helper.TEST_TIMEOUT })
        local got
        socket:emit("echo", 1, function(err) got = err == nil end)
        linger()
        assert.is_nil(got)
        socket:connect()
        eventually(function() return got end)
      end)

    it("should not emit a packet twice in the 'connect' handler", function()
      local first = servers:connections(server) + 1
      local socket = servers:connect(server, "", { retries = 3 })
      socket:on("connect", function() socket:emit("echo", nil) end)
      eventually(function()
        return socket.connected and socket:stats().retries == 0
      end)
      linger()
      assert.same({ "0", '20["echo",null]' },
        servers:received(server, first)[1])
    end)
  end)
end)
