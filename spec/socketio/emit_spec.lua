local helper = require "spec.helper"
local loop = require "graphsocket.loop"
local peer = require "spec.socketio.peer"
local socketio = require "graphsocket.socketio"

local advance = helper.advance

describe("emit", function()
  local peers

  before_each(function() peers = peer.install() end)
  after_each(function() peers:remove() end)

  it("sends an event with its arguments", function()
    local socket, server = peers:joined(nil, "/ns")
    assert.equal(socket, socket:emit("hello", "world", 1, nil, { a = true }))
    socket:emit "alone"
    socket:emit(7, "a number as the name")
    assert.same({ '2/ns,["hello","world",1,null,{"a":true}]',
      '2/ns,["alone"]', '2/ns,[7,"a number as the name"]' }, server.sent)
  end)

  it("sends binary values behind the packet", function()
    local socket, server = peers:joined()
    socket:emit("file", socketio.binary "\0\1", { socketio.binary "" })
    assert.equal(3, #server.sent)
    assert.matches('^52%-%["file",{', server.sent[1])
    assert.same({ binary = "\0\1" }, server.sent[2])
    assert.same({ binary = "" }, server.sent[3])
  end)

  it("sends arguments as they were at the call", function()
    local socket = peers:connect { auto_connect = false }
    local value = { n = 1 }
    socket:emit("x", value)
    value.n = 2
    socket:connect()
    assert.equal('2["x",{"n":1}]', peers:last():join().sent[2])
  end)

  it("is a message, as send", function()
    local socket, server = peers:joined()
    assert.equal(socket, socket:send("a", "b"))
    socket:send()
    assert.same({ '2["message","a","b"]', '2["message"]' }, server.sent)
  end)

  it("waits for the connection, in order", function()
    local socket = peers:connect { auto_connect = false }
    local replies = {}
    socket:emit("echo", "first", function(v) replies[#replies + 1] = v end)
    socket:on("connect", function()
      socket:emit("echo", "second", function(v) replies[#replies + 1] = v end)
    end)
    socket:connect()
    local server = peers:last():join()
    assert.same({ "0", '20["echo","first"]', '21["echo","second"]' },
      server.sent)
    server:say('30["first"]'):say '31["second"]'
    assert.same({ "first", "second" }, replies)
    assert.equal(0, socket:stats().send_buffer)
  end)

  it("waits for the next connection if this one has ended unnoticed",
    function()
      local socket, server = peers:joined()
      server.closed = true   -- the news is on its way
      socket:emit "late"
      assert.equal(1, socket:stats().send_buffer)
      server.sink:on_close { reason = "ping timeout", kind = "timeout",
        message = "the heartbeat stopped" }
      advance(2)
      assert.same({ "0", '2["late"]' }, peers:last():join().sent)
    end)

  it("keeps what a connection that ends while it is flushed did not take",
    function()
      local socket = peers:connect { auto_connect = false }
      for i = 1, 3 do socket:emit("x", i) end
      socket:connect()
      local server = peers:last():open()
      local send, count = server.send, 0
      server.send = function(self, ...)
        count = count + 1
        if count == 2 then self.closed = true end
        return send(self, ...)
      end
      server.sink:on_message('0{"sid":"x"}', false)
      assert.equal(2, socket:stats().send_buffer)
      server:drop "ping timeout"
      advance(2)
      assert.same({ "0", '2["x",2]', '2["x",3]' }, peers:last():join().sent)
    end)

  it("gives an error when too much waits to be sent", function()
    local socket, server = peers:joined()
    server.full = true
    local ok, err = socket:emit("x", function() end)
    assert.is_nil(ok)
    assert.equal("state", err.kind)
    assert.equal("FULL", err.code)
    assert.equal(0, socket:stats().acknowledgements)
    ok, err = socket:emit_with_ack "x"
    assert.is_nil(ok)
    assert.equal("FULL", err.code)
  end)

  it("gives up a connection that took only a part of a packet", function()
    local socket, server = peers:joined()
    local send = server.send
    server.send = function(self, data, binary, compress)
      if binary then return nil, "FULL" end
      return send(self, data, binary, compress)
    end
    local ok, err = socket:emit("x", socketio.binary "b")
    assert.is_nil(ok)
    assert.equal("FULL", err.code)
    assert.is_true(server.closed_by_client)
    peer.settle()
    advance(2)
    assert.equal(2, peers:count())
  end)

  it("answers a buffered acknowledgement when the event was refused",
    function()
      local socket = peers:connect { auto_connect = false }
      local got
      socket:timeout(50):emit("x", function(err) got = err end)
      socket:connect()
      local server = peers:last():open()
      server.full = true
      server:say '0{"sid":"x"}'
      assert.equal("FULL", got.code)
    end)

  describe("raises at the call", function()
    local socket

    before_each(function() socket = peers:connect { auto_connect = false } end)

    local function message(fn)
      local ok, err = pcall(fn)
      assert.is_false(ok)
      assert.matches("^[^:]*emit_spec.lua:%d+: ", err)
      return err
    end

    it("for a reserved name", function()
      for _, name in ipairs { "connect", "connect_error", "disconnect",
        "disconnecting", "newListener", "removeListener" } do
        assert.matches(('"%s" is a reserved event name'):format(name),
          message(function() socket:emit(name, "x") end), 1, true)
      end
    end)

    it("for a name that is none", function()
      for _, name in ipairs { true, {}, 1.5, print } do
        assert.matches("bad argument #1 to 'emit': give the name of the event",
          message(function() socket:emit(name) end), 1, true)
      end
      message(function() socket:emit() end)
      message(function() socket:emit(nil, function() end) end)
    end)

    it("for an argument that cannot be sent, and names it", function()
      local cyclic = {}
      cyclic[1] = cyclic
      local CASES = {
        ["it is a function"] = print,
        ["contains itself"] = cyclic,
        ["keys are of both kinds"] = { 1, a = 2 },
        ["NaN"] = 0 / 0,
        ["an infinite number"] = math.huge,
        ["not UTF-8"] = "\255",
      }
      for expected, value in pairs(CASES) do
        local err = message(function() socket:emit("x", 1, value, 2) end)
        assert.matches("bad argument #3 to 'emit': cannot write value", err, 1,
          true)
        assert.matches(expected, err, 1, true)
        err = message(function() socket:emit("x", { a = { value } }) end)
        assert.matches("bad argument #2 to 'emit': cannot write value.a[1]",
          err, 1, true)
      end
      assert.equal(0, socket:stats().send_buffer)
    end)

    it("also through its other ways", function()
      assert.matches("bad argument #1 to 'send'",
        message(function() socket:send(print, 1) end), 1, true)
      assert.matches("bad argument #2 to 'emit_with_ack'",
        message(function() socket:emit_with_ack("x", print) end), 1, true)
      assert.matches("bad argument #2 to 'emit'",
        message(function() socket:volatile():emit("x", print, 1) end), 1, true)
      assert.matches("bad argument #1 to 'timeout': give a number of seconds",
        message(function() socket:timeout "5" end), 1, true)
      message(function() socket:timeout(-1) end)
      message(function() socket:timeout(0 / 0) end)
      message(function() socket:volatile():timeout() end)
      assert.matches("bad argument #1 to 'compress': give true or false",
        message(function() socket:compress(1) end), 1, true)
    end)
  end)

  describe("with an acknowledgement", function()
    it("calls back with the values, in a task that may wait", function()
      local socket, server = peers:joined()
      local got
      socket:emit("ask", "v", function(...)
        loop.sleep(0)
        got = { n = select("#", ...), ... }
      end)
      assert.same({ '20["ask","v"]' }, server.sent)
      server:say '30["a",null,{}]'
      assert.same({ n = 3, "a", socketio.null, {} }, got)
    end)

    it("takes it once, and ignores those that nobody awaits", function()
      local socket, server = peers:joined()
      socket:emit("ask", helper.expect(nil, 1))
      server:say('30["a"]'):say('30["b"]'):say "377[]"
      assert.is_true(socket.connected)
      assert.equal(0, socket:stats().acknowledgements)
    end)

    it("numbers them, and never twice", function()
      local socket, server = peers:joined()
      socket:emit("x", function() end)
      socket:emit "no id"
      socket:emit("x", function() end)
      server:drop()
      advance(2)
      server = peers:last():join()
      socket:emit("x", function() end)
      assert.same({ "0", '22["x"]' }, server.sent)
    end)

    it("takes binary values", function()
      local socket, server = peers:joined()
      local got
      socket:emit("ask", function(v) got = v end)
      server:say '61-0[{"_placeholder":true,"num":0}]'
      server:say_binary "bytes"
      assert.equal("bytes", tostring(got))
    end)

    it("forgets it at a disconnection, as nothing can come any more",
      function()
        local socket, server = peers:joined()
        socket:emit("ask", helper.expect(nil, 0))
        server:drop()
        assert.equal(0, socket:stats().acknowledgements)
      end)

    it("keeps it if the event was not sent yet", function()
      local socket = peers:joined()
      socket:disconnect()
      local got
      socket:emit("echo", "a", function(v) got = v end)
      socket:connect()
      local server = peers:last():join()
      server:say '30["a"]'
      assert.equal("a", got)
    end)

    it("reports an error of the callback", function()
      local on_error, reported = loop.on_error, nil
      loop.on_error = function(err) reported = err end
      local socket, server = peers:joined()
      socket:emit("ask", function() error("oops", 0) end)
      server:say "30[]"
      loop.on_error = on_error
      assert.equal("oops", reported)
    end)
  end)

  describe("with a time-out", function()
    it("calls back with nil and the values in time", function()
      local socket, server = peers:joined()
      local got
      socket:timeout(5):emit("ask", function(...) got = { ... } end)
      server:say '30["a",1]'
      assert.is_nil(got[1])
      assert.equal("a", got[2])
      advance(6)
      assert.equal("a", got[2])
    end)

    it("calls back with an error when it is over", function()
      local socket, server = peers:joined()
      local got, count = nil, 0
      socket:timeout(5):emit("ask", function(...)
        got, count = { n = select("#", ...), ... }, count + 1
      end)
      advance(4.9)
      assert.is_nil(got)
      advance(0.2)
      assert.equal(1, got.n)
      assert.equal("timeout", got[1].kind)
      assert.matches("within 5 s", got[1].message)
      server:say '30["late"]'
      assert.equal(1, count)
    end)

    it("may be 0: at once, but not inside emit", function()
      local socket = peers:joined()
      local got
      socket:timeout(0):emit("ask", function(err) got = err end)
      assert.is_nil(got)
      peer.settle()
      assert.equal("timeout", got.kind)
    end)

    it("takes an event that was not sent back", function()
      local socket = peers:connect { auto_connect = false }
      local got
      socket:emit "before"
      socket:timeout(5):emit("event", function(err) got = err end)
      socket:emit "after"
      advance(6)
      assert.equal("timeout", got.kind)
      socket:connect()
      assert.same({ "0", '2["before"]', '2["after"]' }, peers:last():join().sent)
    end)

    it("calls back with an error at a disconnection, in order", function()
      local socket, server = peers:joined()
      local got = {}
      for i = 1, 12 do
        socket:timeout(50):emit("ask", function(err)
          got[#got + 1] = err.kind .. i
        end)
      end
      server:drop()
      assert.equal(12, #got)
      for i = 1, 12 do assert.equal("closed" .. i, got[i]) end
    end)

    it("is that of ack_timeout by default", function()
      local socket = peers:joined { ack_timeout = 3 }
      local short, long
      socket:emit("ask", function(err) short = err end)
      socket:timeout(10):emit("ask", function(err) long = err end)
      advance(3.1)
      assert.equal("timeout", short.kind)
      assert.is_nil(long)
      advance(7)
      assert.equal("timeout", long.kind)
    end)
  end)

  describe("and waiting for the acknowledgement", function()
    it("returns its values", function()
      local socket, server = peers:joined()
      local got
      loop.spawn(function()
        got = { socket:emit_with_ack("echo", 123) }
      end)
      peer.settle()
      assert.same({ '20["echo",123]' }, server.sent)
      assert.is_nil(got)
      server:say '30["a","b"]'
      assert.same({ "a", "b" }, got)
    end)

    it("returns nothing for an acknowledgement without values", function()
      local socket, server = peers:joined()
      local count
      loop.spawn(function()
        count = select("#", socket:emit_with_ack "x")
      end)
      peer.settle()
      server:say "30[]"
      assert.equal(0, count)
    end)

    it("tells null from an error", function()
      local socket, server = peers:joined()
      local got
      loop.spawn(function() got = socket:emit_with_ack "x" end)
      peer.settle()
      server:say "30[null]"
      assert.equal(socketio.null, got)
    end)

    it("returns nil and an error after a time-out or a disconnection",
      function()
        local socket, server = peers:joined()
        local first, second
        loop.spawn(function()
          first = { socket:timeout(5):emit_with_ack "x" }
        end)
        loop.spawn(function() second = { socket:emit_with_ack "x" } end)
        peer.settle()
        advance(6)
        assert.is_nil(first[1])
        assert.equal("timeout", first[2].kind)
        assert.is_nil(second)
        server:drop()
        assert.is_nil(second[1])
        assert.equal("closed", second[2].kind)
        assert.is_true(second[2].retryable)
      end)

    it("works inside a handler, without stopping others", function()
      local socket, server = peers:joined()
      local log = {}
      socket:on("begin", function()
        log[#log + 1] = socket:emit_with_ack "x"
      end)
      server:burst { '2["begin"]', '30["reply"]' }
      server:say '30["reply"]'
      assert.same({ "reply" }, log)
    end)
  end)

  describe("through a view", function()
    it("is dropped as volatile when it cannot be sent now", function()
      local socket = peers:connect { auto_connect = false }
      assert.equal(socket, socket:volatile():emit("x", helper.expect(nil, 0)))
      socket:emit "kept"
      socket:connect()
      local server = peers:last()
      socket:volatile():emit "x"
      server:open()
      socket:volatile():emit "x"
      server:say '0{"sid":"x"}'
      assert.same({ "0", '2["kept"]' }, server.sent)
      server:take()
      server.busy = true
      socket:volatile():emit "x"
      assert.same({}, server.sent)
      server.busy = false
      socket:volatile():emit "x"
      assert.same({ '2["x"]' }, server.sent)
    end)

    it("is told when a volatile event's time-out is over", function()
      local socket = peers:connect { auto_connect = false }
      local got
      socket:volatile():timeout(1):emit("x", function(err) got = err end)
      advance(2)
      assert.equal("timeout", got.kind)
    end)

    it("is compressed or not", function()
      local socket, server = peers:joined()
      socket:emit "default"
      socket:compress(false):emit("no", socketio.binary "b")
      socket:compress(true):emit "yes"
      assert.same({ true, false, false, true },
        { server.compressed[1], server.compressed[2], server.compressed[3],
          server.compressed[4] })
    end)

    it("keeps the modifiers of the views before it, and changes none",
      function()
        local socket, server = peers:joined()
        local view = socket:compress(false)
        local slower = view:timeout(50):timeout(5)
        local got
        slower:emit("x", function(err) got = err end)
        assert.is_false(server.compressed[1])
        advance(6)
        assert.equal("timeout", got.kind)
        view:emit("x", helper.expect(nil, 0))
        advance(60)
        view:volatile():send "m"
        assert.equal('2["message","m"]', server.sent[3])
        assert.is_false(server.compressed[3])
        socket:emit "x"
        assert.is_true(server.compressed[4])
      end)
  end)

  describe("tells the handlers of outgoing events", function()
    it("of what is sent, with its name, in order", function()
      local socket = peers:joined()
      local seen = {}
      socket:on_any_outgoing(function(...)
        seen[#seen + 1] = { n = select("#", ...), ... }
      end)
      local bytes = socketio.binary "b"
      socket:emit("my-event", "123", nil, bytes)
      socket:timeout(5):emit("ask", 1, function() end)
      peer.settle()
      assert.same({ n = 4, "my-event", "123", nil, bytes }, seen[1])
      assert.same({ n = 2, "ask", 1 }, seen[2])
    end)

    it("of what was buffered when it is sent, and of acknowledgements never",
      function()
        local socket = peers:connect { auto_connect = false }
        local seen = {}
        socket:on_any_outgoing(function(name) seen[#seen + 1] = name end)
        socket:on("ask", function(ack) ack(1) end)
        socket:emit "one"
        socket:volatile():emit "dropped"
        peer.settle()
        assert.same({}, seen)
        socket:connect()
        peers:last():join():say '20["ask"]'
        assert.same({ "one" }, seen)
      end)

    it("in the order in which they were put", function()
      local socket = peers:joined()
      local seen = {}
      socket:on_any_outgoing(function() seen[#seen + 1] = "last" end)
      socket:prepend_any_outgoing(function() seen[#seen + 1] = "first" end)
      socket:emit "x"
      peer.settle()
      assert.same({ "first", "last" }, seen)
      socket:off_any_outgoing()
      socket:emit "x"
      peer.settle()
      assert.equal(2, #seen)
    end)
  end)
end)
