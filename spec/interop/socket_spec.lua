-- The behaviours of socket.io-client's test/socket.ts against the reference
-- servers; a test has the sentence of its original where there is one.

local errors = require "graphsocket.errors"
local helper = require "spec.helper"
local loop = require "graphsocket.loop"
local reference = require "spec.interop.reference"
local socketio = require "graphsocket.socketio"

local await, eventually = reference.await, helper.eventually

describe("a socket", function()
  local servers

  setup(function() servers = reference.start() end)
  teardown(function() servers:stop() end)
  after_each(function() servers:close_sockets() end)

  for _, name in ipairs { "v4", "v2", "v4_tls", "v2_tls" } do
    describe("of a server " .. name, function()
      local server

      setup(function() server = servers[name] end)

      it("should connect", function()
        local socket = servers:connect(server)
        await(socket, "connect")
        socket:emit "hi"
        await(socket, "hi")
      end)

      it("should have an accessible socket id equal to the server-side "
        .. "socket id (default namespace)", function()
          local socket = servers:connect(server)
          local id = socket:timeout(5):emit_with_ack "id"
          assert.is_string(id)
          assert.equal(id, socket.id)
        end)

      it("should have an accessible socket id equal to the server-side "
        .. "socket id (custom namespace)", function()
          local socket = servers:connect(server, "/chat")
          local id = socket:timeout(5):emit_with_ack "id"
          assert.is_string(id)
          assert.equal(id, socket.id)
        end)

      it("clears socket.id upon disconnection", function()
        local socket = servers:connect(server)
        await(socket, "connect")
        socket:disconnect()
        assert.is_nil(socket.id)
        assert.equal("io client disconnect", (await(socket, "disconnect")))
      end)

      it("should change socket.id upon reconnection", function()
        local socket = servers:connect(server, "", { reconnection_delay = 0.01 })
        await(socket, "connect")
        local id = socket.id
        socket.io.engine:close()
        await(socket.io, "reconnect_attempt")
        assert.is_nil(socket.id)
        await(socket, "connect")
        assert.not_equal(id, socket.id)
      end)

      it("should properly disconnect then reconnect", function()
        local socket = servers:connect(server)
        await(socket, "connect")
        local count = 0
        socket:on("disconnect", function() count = count + 1 end)
        socket:disconnect():connect()
        await(socket, "connect")
        assert.equal(1, count)
      end)

      it("should emit an event and wait for the acknowledgement", function()
        local socket = servers:connect(server)
        assert.equal("v", (socket:emit_with_ack("echo", "v")))
      end)

      it("should emit events in order", function()
        local socket = servers:connect(server, "", { auto_connect = false })
        local replies = {}
        socket:on("connect", function()
          socket:emit("echo", "second", function(v) replies[#replies + 1] = v end)
        end)
        socket:emit("echo", "first", function(v) replies[#replies + 1] = v end)
        socket:connect()
        eventually(function() return #replies == 2 end)
        assert.same({ "first", "second" }, replies)
      end)

      it("should receive a burst in order", function()
        local socket = servers:connect(server)
        local seen = {}
        socket:on("item", function(i) seen[#seen + 1] = i end)
        socket:emit("count", 2000, "some text")
        await(socket, "done")
        assert.equal(2000, #seen)
        for i, n in ipairs(seen) do assert.is_true(i == n) end
      end)

      it("should acknowledge the server's events", function()
        local socket = servers:connect(server)
        socket:on("question", function(a, b, ack) ack(b, a) end)
        socket:emit("ask", 1, "two")
        local first, second = await(socket, "answered")
        assert.equal("two", first)
        assert.is_true(second == 1)
      end)

      it("should keep every JSON value", function()
        local socket = servers:connect(server)
        local values = { true, false, socketio.null, 0, -1.5, "",
          "漢字 😀 \0 \127 \"\\/", { a = { 1, { b = socketio.null } } } }
        for _, value in ipairs(values) do
          local reply = socket:timeout(5):emit_with_ack("echo", value)
          assert.same(value, reply)
        end
        local reply = { socket:emit_with_ack("echo", 1, nil, 3) }
        assert.equal(socketio.null, reply[2])
        assert.is_true(reply[3] == 3)
      end)

      it("should emit dates and base64 data as the text that they are",
        function()
          local socket = servers:connect(server)
          local date, base64 = "2026-01-02T03:04:05.678Z", "AAECA/+="
          local one, two = socket:timeout(5):emit_with_ack("echo", date,
            { date = date, file = base64 })
          assert.equal(date, one)
          assert.same({ date = date, file = base64 }, two)
        end)

      it("should tell an empty array from an empty object", function()
        local socket = servers:connect(server)
        await(socket, "connect")
        socket:emit("echo", socketio.array {}, {}, function() end)
        socket:emit_with_ack "echo"
        local lists = servers:received(server, 1)
        local last = lists[#lists]
        assert.matches('["echo",[],{}]', table.concat(last), 1, true)
      end)

      it("should send and receive binary values wherever they are", function()
        local socket = servers:connect(server)
        local bytes = {}
        for i = 0, 255 do bytes[i + 1] = string.char(i) end
        local all = table.concat(bytes)
        local one, two = socket:timeout(5):emit_with_ack("echo",
          socketio.binary(all), { deep = { socketio.binary "", "text" } })
        assert.equal(all, tostring(one))
        assert.equal(0, #two.deep[1])
        assert.equal("text", two.deep[2])
      end)

      it("should receive a large binary value", function()
        local socket = servers:connect(server)
        local reply = socket:timeout(10):emit_with_ack("bytes", 3000000)
        assert.equal(3000000, #reply)
      end)

      it("should send events with binary values in the correct order",
        function()
          local socket = servers:connect(server)
          await(socket, "connect")
          local order = {}
          socket:emit("echo", socketio.binary "1", function()
            order[#order + 1] = 1
          end)
          socket:emit("echo", "2", function() order[#order + 1] = 2 end)
          eventually(function() return #order == 2 end)
          assert.same({ 1, 2 }, order)
        end)

      describe("query option", function()
        it("should accept a query string, byte for byte", function()
          local socket = servers:connect(server, "/?c=d%2Fe&f=%c3%a9")
          local seen = socket:timeout(5):emit_with_ack "handshake"
          assert.matches("?c=d%2Fe&f=%c3%a9&EIO=", seen.raw_url, 1, true)
          assert.equal("d/e", seen.query.c)
        end)

        it("should accept an object and properly encode the parameters",
          function()
            local socket =
              servers:connect(server, "/?a=b", { query = { ["&a"] = "&=?a" } })
            local seen = socket:timeout(5):emit_with_ack "handshake"
            assert.equal("&=?a", seen.query["&a"])
            assert.equal("b", seen.query.a)
          end)
      end)

      it("should send extra headers", function()
        local socket = servers:connect(server, "",
          { extra_headers = { ["X-Custom"] = "value", Cookie = "a=1" } })
        local seen = socket:timeout(5):emit_with_ack "handshake"
        assert.equal("value", seen.headers["x-custom"])
        assert.equal("a=1", seen.headers.cookie)
        assert.matches((":%d"):format(server.port), seen.headers.host, 1, true)
      end)

      it("should tell a disconnection by the server, and not reconnect",
        function()
          local socket = servers:connect(server, "", { reconnection_delay = 0 })
          await(socket, "connect")
          socket:emit("leave_me", false)
          assert.equal("io server disconnect", (await(socket, "disconnect")))
          assert.is_false(socket.active)
          local count = servers:connections(server)
          helper.advance(60)
          assert.equal(count, servers:connections(server))
          socket:connect()
          await(socket, "connect")
        end)

      it("should reconnect when the transport ends", function()
        local socket = servers:connect(server, "", { reconnection_delay = 0.01 })
        for _, event in ipairs { "close_transport", "cut" } do
          await(socket, "connect")
          socket:emit(event)
          local reason, details = await(socket, "disconnect")
          assert.matches("^transport ", reason)
          assert.is_string(details.description)
        end
        await(socket, "connect")
      end)

      describe("raw packets", function()
        for text, expected in pairs {
          ["9"] = "unknown packet type",
          ["5"] = "illegal attachments",
          ["51-"] = "invalid payload",
          ['2["x'] = "invalid payload",
          ['2["connect"]'] = "reserved name",
          ['29007199254740993["x"]'] = "id beyond",
          ['2/chat["x"]'] = "no comma",
        } do
          it("should close with a parse error on " .. text, function()
            local socket =
              servers:connect(server, "", { reconnection_delay = 0.01 })
            await(socket, "connect")
            socket:emit("raw", text)
            local reason, details = await(socket, "disconnect")
            assert.equal("parse error", reason)
            assert.matches(expected, details.description, 1, true)
            await(socket, "connect")
          end)
        end

        it("should close with a parse error on invalid JSON for a handler",
          function()
            local socket =
              servers:connect(server, "", { reconnection_delay = 0.01 })
            socket:on("x", function() error "not to be called" end)
            await(socket, "connect")
            socket:emit("raw", '2["x",tru]')
            assert.equal("parse error", (await(socket, "disconnect")))
            await(socket, "connect")
          end)

        it("should close with a parse error on nesting over 1,000 and on a "
          .. "namespace over 1 KiB", function()
            local socket =
              servers:connect(server, "", { reconnection_delay = 0.01 })
            socket:on("x", function() error "not to be called" end)
            await(socket, "connect")
            for text, expected in pairs {
              ['2["x",' .. ("["):rep(1001) .. ("]"):rep(1001) .. "]"] =
                "invalid payload",
              ["2/" .. ("n"):rep(1024) .. ',["x"]'] = "namespace longer",
            } do
              socket:emit("raw", text)
              local reason, details = await(socket, "disconnect")
              assert.equal("parse error", reason)
              assert.matches(expected, details.description, 1, true)
              await(socket, "connect")
            end
          end)

        it("should close with a parse error on an attachment without its "
          .. "packet, and on text where one is awaited", function()
            local socket =
              servers:connect(server, "", { reconnection_delay = 0.01 })
            await(socket, "connect")
            socket:emit("raw", socketio.binary "bytes")
            local reason, details = await(socket, "disconnect")
            assert.equal("parse error", reason)
            assert.matches("got binary data", details.description)
            await(socket, "connect")
            socket:emit("raw", '51-["x",{"_placeholder":true,"num":0}]')
            socket:emit "hi"
            reason, details = await(socket, "disconnect")
            assert.equal("parse error", reason)
            assert.matches("got plaintext data", details.description)
          end)
      end)

      describe("volatile packets", function()
        it("should discard a volatile packet when the socket is not "
          .. "connected", function()
            local socket = servers:connect(server, "", { auto_connect = false })
            socket:volatile():emit("id", helper.expect(nil, 0))
            socket:connect()
            assert.equal(socket:emit_with_ack "id", socket.id)
          end)

        it("should send a volatile packet when the socket is connected and "
          .. "the pipe is ready", function()
            local socket = servers:connect(server)
            await(socket, "connect")
            local reply
            eventually(function()
              socket:volatile():emit("echo", "v", function(v) reply = v end)
              return reply
            end)
          end)
      end)

      describe("onAny", function()
        it("should call listener, and prepend listener", function()
          local socket = servers:connect(server, "/greets")
          local seen = {}
          socket:on_any(function(event) seen[#seen + 1] = "any " .. event end)
          socket:prepend_any(function() seen[#seen + 1] = "first" end)
          await(socket, "hello")
          assert.same({ "first", "any hello" }, { seen[1], seen[2] })
        end)

        it("should remove listener", function()
          local socket = servers:connect(server, "/greets")
          local never = helper.expect(nil, 0)
          socket:on_any(never):off_any(never)
          socket:on_any(never):off_any()
          await(socket, "hello")
          assert.same({}, socket:listeners_any())
        end)
      end)

      describe("onAnyOutgoing", function()
        it("should call listener, with binary data too, and prepend listener",
          function()
            local socket = servers:connect(server)
            local seen = {}
            socket:on_any_outgoing(function(event, value)
              seen[#seen + 1] = event .. " " .. tostring(value)
            end)
            socket:prepend_any_outgoing(function() seen[#seen + 1] = "first" end)
            await(socket, "connect")
            socket:emit_with_ack("echo", socketio.binary "bytes")
            assert.same({ "first", "echo bytes" }, seen)
          end)

        it("should remove listener", function()
          local socket = servers:connect(server)
          local never = helper.expect(nil, 0)
          socket:on_any_outgoing(never):off_any_outgoing(never)
          socket:on_any_outgoing(never):off_any_outgoing()
          socket:emit_with_ack "echo"
          assert.same({}, socket:listeners_any_outgoing())
        end)
      end)

      describe("timeout", function()
        it("should timeout after the given delay when socket is not "
          .. "connected", function()
            local socket = servers:connect(server, "", { auto_connect = false })
            local got
            socket:timeout(0.01):emit("event", function(err) got = err end)
            eventually(function() return got end)
            assert.is_true(errors.is(got))
            assert.equal(0, socket:stats().send_buffer)
          end)

        it("should timeout when the server does not acknowledge the event",
          function()
            local socket = servers:connect(server)
            await(socket, "connect")
            local value, err = socket:timeout(0.01):emit_with_ack "never"
            assert.is_nil(value)
            assert.equal("timeout", err.kind)
          end)

        it("should not timeout when the server does acknowledge the event",
          function()
            local socket = servers:connect(server)
            local got
            socket:timeout(helper.TEST_TIMEOUT):emit("echo", 42,
              function(err, value) got = { err == nil, value == 42 } end)
            eventually(function() return got end)
            assert.same({ true, true }, got)
          end)

        it("should use the default timeout value", function()
          local socket = servers:connect(server, "", { ack_timeout = 0.01 })
          local got
          socket:emit("never", function(err) got = err end)
          eventually(function() return got end)
          assert.equal("timeout", got.kind)
        end)

        describe("acknowledgement upon disconnection", function()
          it("should ack with an error upon disconnection", function()
            local socket = servers:connect(server)
            await(socket, "connect")
            local one, two
            socket:emit("never", helper.expect(nil, 0))
            socket:timeout(10):emit("never", function(err) one = err end)
            loop.spawn(function() two = select(2, socket:emit_with_ack "never") end)
            eventually(function()
              return socket:stats().acknowledgements == 3
            end)
            socket:disconnect()
            eventually(function() return one and two end)
            assert.equal("closed", one.kind)
            assert.equal("closed", two.kind)
            assert.equal(0, socket:stats().acknowledgements)
          end)

          it("should not discard an unsent ack (callback)", function()
            local socket = servers:connect(server)
            await(socket, "connect")
            socket:disconnect()
            local got
            socket:emit("echo", "a", function(value) got = value end)
            socket:connect()
            eventually(function() return got end)
            assert.equal("a", got)
          end)
        end)
      end)

      it("should fire an error event on middleware failure from custom "
        .. "namespace, and not try to reconnect", function()
          local socket =
            servers:connect(server, "/refuse", { reconnection_delay = 0 })
          local err = await(socket, "connect_error")
          assert.is_true(errors.is(err))
          assert.is_false(socket.active)
          if server.version == 4 then
            assert.equal("refused", err.message)
            assert.is_true(err.data.retry_after == 5)
          else
            -- Socket.IO 2 sends the data instead of the message.
            assert.is_true(err.data.retry_after == 5)
          end
        end)

      it("should tell the words of a refusal without data", function()
        local socket = servers:connect(server, "/refuse-plain")
        assert.equal("refused", (await(socket, "connect_error")).message)
      end)

      it("should tell of a namespace that is unknown", function()
        local socket = servers:connect(server, "/unknown")
        assert.equal("Invalid namespace",
          (await(socket, "connect_error")).message)
      end)
    end)
  end

  it("should discard a volatile packet when the pipe is not ready", function()
    local patient = servers:launch {
      version = 4, options = { maxHttpBufferSize = 1e8 },
    }
    local socket = servers:connect(patient)
    await(socket, "connect")
    -- More than the kernels take of what nobody reads.
    servers:post("servers/fault", { id = patient.id, hole = "up" })
    local answered = reference.upcoming(socket, "hi")
    socket:emit("hi", ("x"):rep(30000000))
    socket:volatile():emit("id", helper.expect(nil, 0))
    servers:post("servers/heal", { id = patient.id })
    answered()
  end)

  describe("auth option", function()
    it("should accept an object", function()
      local socket = servers:connect(servers.v4, "/",
        { auth = { a = "b", c = { 1, true } } })
      local seen = socket:timeout(5):emit_with_ack "handshake"
      assert.equal("b", seen.auth.a)
      assert.is_true(seen.auth.c[2])
      assert.is_nil(seen.query.a)
    end)

    it("should accept a function, which may wait", function()
      local socket = servers:connect(servers.v4, "/auth", {
        auth = function()
          loop.sleep(0.01)
          return { token = "secret" }
        end,
      })
      await(socket, "connect")
    end)

    it("should give the server's words and data when it is refused, and "
      .. "accept better credentials", function()
        local socket =
          servers:connect(servers.v4, "/auth", { auth = { token = "wrong" } })
        local err = await(socket, "connect_error")
        assert.equal("not authorized", err.message)
        assert.equal("E_AUTH", err.data.code)
        assert.equal("wrong", err.data.auth.token)
        socket.auth.token = "secret"
        socket:connect()
        await(socket, "connect")
      end)

    it("is the query of the namespace with a server of Socket.IO 2", function()
      local socket = servers:connect(servers.v2, "/auth?token=secret")
      await(socket, "connect")
      socket = servers:connect(servers.v2, "/auth?token=wrong")
      assert.equal("E_AUTH", (await(socket, "connect_error")).data.code)
    end)
  end)

  it("fire a connect_error event when the connection cannot be established",
    function()
      local socket = servers:connect({ url = "http://127.0.0.1:9" })
      local err = await(socket, "connect_error")
      assert.equal("network", err.kind)
      assert.equal("tcp", err.phase)
      assert.is_true(socket.active)
    end)

  it("fire a connect_error event on open timeout (websocket)", function()
    local slow = servers:launch { version = 4 }
    servers:post("servers/fault", { id = slow.id, connect = 60000 })
    local socket = servers:connect(slow, "", { timeout = 0.05 })
    assert.equal("timeout", (await(socket, "connect_error")).kind)
  end)

  it("doesn't fire an error event if we force disconnect in opening state",
    function()
      local socket = servers:connect(servers.v4)
      socket:on("connect_error", helper.expect(nil, 0))
      socket.io:on("error", helper.expect(nil, 0))
      socket:disconnect()
      helper.advance(60)
    end)

  it("doesn't fire a connect_error event when the connection is already "
    .. "established", function()
      local socket = servers:connect(servers.v4)
      socket:on("connect_error", helper.expect(nil, 0))
      await(socket, "connect")
      socket.io.engine:close()
      await(socket, "disconnect")
    end)

  it("tells of a server that never answers the CONNECT packet", function()
    local socket = servers:connect(servers.v4, "/silent")
    await(socket.io, "open")
    local told = reference.upcoming(socket, "connect_error")
    helper.advance(21)
    local err = told()
    assert.equal("timeout", err.kind)
    assert.equal("namespace", err.phase)
  end)

  it("should answer in time where the server has a limit", function()
    local socket = servers:connect(servers.v4)
    socket:on("question", function(v, ack) if v == "answer" then ack(v) end end)
    socket:emit("ask_within", 5000, "answer")
    local err, reply = await(socket, "answered")
    assert.equal(socketio.null, err)
    assert.equal("answer", reply)
    socket:emit("ask_within", 10, "silent")
    assert.equal("operation has timed out", (await(socket, "answered")))
  end)

  it("is told apart, revision 4 from 3, by what the server says", function()
    for name, version in pairs { v4 = 4, v2 = 3 } do
      local socket = servers:connect(servers[name])
      await(socket, "connect")
      assert.equal(version, socket:stats().engine.version)
    end
  end)
end)
