local peer = require "spec.socketio.peer"
local socketio = require "graphsocket.socketio"

describe("socketio", function()
  local peers, port, BASE = nil, 0, nil

  before_each(function()
    peers = peer.install()
    -- Another origin for each test, since the cache outlives them.
    port = port + 1
    BASE = "http://localhost:" .. port
  end)
  after_each(function() peers:remove() end)

  describe("connect", function()
    it("starts at once and returns a socket", function()
      local socket = socketio.connect(BASE .. "/ns?a=b")
      assert.equal("/ns", socket.namespace)
      assert.is_true(socket.active)
      assert.is_false(socket.connected)
      assert.is_false(socket.recovered)
      assert.equal("/socket.io/?a=b&EIO=4&transport=websocket",
        peers:last().options.path)
    end)

    it("does not with auto_connect = false", function()
      local socket = socketio.connect(BASE, { auto_connect = false })
      assert.equal(0, peers:count())
      assert.is_false(socket.active)
      assert.is_nil(socket.io.engine)
    end)

    -- test/connection.ts.
    it("shares a connection between namespaces", function()
      local one = socketio.connect(BASE .. "/foo")
      local two = socketio.connect(BASE .. "/bar")
      assert.equal(one.io, two.io)
      assert.equal(1, peers:count())
    end)

    it("makes two connections for one namespace", function()
      local one = socketio.connect(BASE .. "/")
      local two = socketio.connect(BASE .. "/")
      local three = socketio.connect(BASE .. "/?woot")
      assert.not_equal(one.io, two.io)
      assert.not_equal(one.io, three.io)
    end)

    it("makes two connections for different paths, hosts and ports",
      function()
        local one = socketio.connect(BASE .. "/a")
        local two = socketio.connect(BASE .. "/b", { path = "/other" })
        local three = socketio.connect("http://127.0.0.1:" .. port .. "/c")
        local four = socketio.connect("http://localhost:60000/d")
        assert.not_equal(one.io, two.io)
        assert.not_equal(one.io, three.io)
        assert.not_equal(one.io, four.io)
        local same = socketio.connect(BASE .. "/e", { path = "/other/" })
        assert.equal(two.io, same.io)
      end)

    it("makes a connection of its own if it is told to", function()
      local one = socketio.connect(BASE .. "/a")
      local two = socketio.connect(BASE .. "/b", { force_new = true })
      local three = socketio.connect(BASE .. "/c", { multiplex = false })
      assert.not_equal(one.io, two.io)
      assert.not_equal(one.io, three.io)
      assert.not_equal(two.io, three.io)
      assert.equal(one.io, socketio.connect(BASE .. "/d").io)
    end)

    it("forgets managers that nobody uses", function()
      local weak = setmetatable({}, { __mode = "k" })
      local function use()
        local socket = socketio.connect(BASE, { auto_connect = false })
        weak[socket.io] = true
      end
      use()
      collectgarbage()
      collectgarbage()
      assert.is_nil(next(weak))
    end)

    it("raises for what is no URL, at its caller, without showing it",
      function()
        for _, address in ipairs { "", "/ns?secret", "ftp://secret",
          "https://user:secret@host/", "https://", "http://ho st/secret",
          "https://host/a,secret" } do
          local ok, err = pcall(function() socketio.connect(address) end)
          assert.is_false(ok)
          assert.matches("^[^:]*init_spec.lua:%d+: socketio.connect: ", err)
          assert.is_nil(err:find "secret")
        end
        assert.is_false((pcall(socketio.connect)))
        assert.is_false((pcall(socketio.connect, { force_new = true })))
      end)

    it("raises for an unknown option, naming the nearest", function()
      local ok, err = pcall(function()
        socketio.connect(BASE, { forceNew = true })
      end)
      assert.is_false(ok)
      assert.matches('unknown option "forceNew": did you mean "force_new"?',
        err, 1, true)
      assert.matches("init_spec.lua", err, 1, true)
      assert.is_false((pcall(socketio.connect, BASE,
        { transports = { "polling" } })))
      assert.is_false((pcall(socketio.connect, BASE, { timeout = "20" })))
    end)

    it("raises for plain text to another host, unless that is wanted",
      function()
        for _, scheme in ipairs { "http", "ws" } do
          local ok, err = pcall(function()
            socketio.connect(scheme .. "://example.com/")
          end)
          assert.is_false(ok)
          assert.matches("insecure = true", err, 1, true)
        end
        socketio.connect("http://example.com/", { insecure = true })
        socketio.connect("ws://127.0.0.1:5/")
        socketio.connect("ws://[::1]:5/")
        assert.equal(3, peers:count())
      end)

    it("hands the socket its own options", function()
      local socket = socketio.connect(BASE .. "/ns", {
        auth = { a = 1 }, ack_timeout = 1, retries = 2, force_new = true,
      })
      assert.same({ a = 1 }, socket.auth)
      socket:emit "x"
      assert.equal(1, socket:stats().retries)
    end)
  end)

  describe("manager", function()
    it("opens a connection without a socket", function()
      local manager = socketio.manager(BASE)
      assert.equal(1, peers:count())
      assert.equal("/ns", manager:socket("/ns").namespace)
    end)

    it("raises as connect does", function()
      local ok, err = pcall(function() socketio.manager("nonsense://x") end)
      assert.is_false(ok)
      assert.matches("^[^:]*init_spec.lua:%d+: socketio.manager: ", err)
    end)
  end)

  it("has the values that Lua has not", function()
    assert.is_not_nil(socketio.null)
    assert.equal("x", tostring(socketio.binary "x"))
    assert.is_true(socketio.is_binary(socketio.binary "x"))
    local socket = socketio.connect(BASE)
    local server = peers:last():join()
    server:take()
    socket:emit("x", socketio.array {}, {}, socketio.null)
    assert.same({ '2["x",[],{},null]' }, server.sent)
    assert.equal(5, socketio.protocol)
  end)
end)
