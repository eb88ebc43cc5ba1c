local errors = require "graphsocket.errors"
local helper = require "spec.helper"
local json = require "graphsocket.json"
local loop = require "graphsocket.loop"
local peer = require "spec.socketio.peer"
local socketio = require "graphsocket.socketio"

local advance = helper.advance

describe("a socket", function()
  local peers
  before_each(function() peers = peer.install():collect_errors() end)
  after_each(function() peers:remove() end)

  local record = peer.record

  local function new(...) return peers:connect(...) end

  local function joined(...) return peers:joined(...) end

  describe("that is refused", function()
    it("tells the server's words and data, and is not active", function()
      local socket, log = new()
      local err
      socket:on("connect_error", function(e) err = e end)
      local server = peers:last():open()
      server:say '4{"message":"Not authorized","data":{"code":7,"list":[1]}}'
      assert.same({ "connect_error Not authorized" }, log)
      assert.equal("auth", err.kind)
      assert.equal("refused", err.code)
      assert.equal("namespace", err.phase)
      assert.equal("/", err.namespace)
      assert.is_true(err.data.code == 7)
      assert.is_false(socket.active)
      assert.is_true(server.closed_by_client)
      advance(60)
      assert.equal(1, peers:count())
    end)

    it("may be connected again by hand, with other credentials", function()
      local socket, log = new { auth = { token = "old" } }
      socket:on("connect_error", function()
        socket.auth.token = "new"
        socket:connect()
      end)
      peers:last():open():say '4{"message":"expired"}'
      local server = peers:last():open()
      assert.equal(2, peers:count())
      assert.same({ '0{"token":"new"}' }, server.sent)
      server:say '0{"sid":"x"}'
      assert.same({ "connect_error expired", "connect" }, log)
    end)

    it("tells something also if the server gave no reason", function()
      for _, text in ipairs { "4", "4{}", '4{"message":1}', '4""' } do
        local socket, log = new()
        peers:last():open():say(text)
        assert.same({ "connect_error no reason given" }, log)
        assert.is_false(socket.active)
      end
    end)

    it("keeps what an older server's middleware gave instead of words", function()
      local socket = new()
      local err
      socket:on("connect_error", function(e) err = e end)
      peers:last():open():say '4{"code":"E_AUTH"}'
      assert.equal("E_AUTH", err.data.code)
    end)

    it("takes a plain string for the reason", function()
      local _, log = new()
      peers:last():open():say '4"Not authorized"'
      assert.same({ "connect_error Not authorized" }, log)
    end)

    it("leaves others of the connection alone", function()
      local first, server = joined(nil, "/first")
      local second = first.io:socket "/second"
      server:say '4/second,{"message":"no"}'
      assert.is_false(second.active)
      assert.is_true(first.connected)
      assert.is_false(server.closed)
    end)
  end)

  describe("handles events", function()
    it("with their arguments, as the server sent them", function()
      local socket, server = joined()
      local got
      socket:on("all", function(...) got = { n = select("#", ...), ... } end)
      server:say '2["all",null,true,"é",{"a":[]},[1,null],null]'
      assert.equal(6, got.n)
      assert.equal(socketio.null, got[1])
      assert.is_true(got[2])
      assert.equal("é", got[3])
      assert.same({ a = {} }, got[4])
      assert.is_true(got[5][1] == 1)
      assert.equal(socketio.null, got[5][2])
      assert.equal(socketio.null, got[6])
    end)

    it("of other namespaces not", function()
      local socket, server = joined()
      socket:on("x", helper.expect(nil, 1))
      server:say '2/other,["x"]'
      server:say '2["x"]'
      assert.equal(server.heard, server.released)
    end)

    it("one at a time, in order, also if a handler waits", function()
      local socket, server = joined()
      local log = {}
      socket:on("slow", function(n)
        log[#log + 1] = ("begin %d"):format(n)
        loop.sleep(n == 1 and 5 or 0)
        log[#log + 1] = ("end %d"):format(n)
      end)
      server:burst { '2["slow",1]', '2["slow",2]', '2["slow",3]' }
      assert.same({ "begin 1" }, log)
      advance(6)
      assert.same({ "begin 1", "end 1", "begin 2", "end 2", "begin 3",
        "end 3" }, log)
    end)

    it("while its state and acknowledgements go ahead of them", function()
      local socket, server, log = joined()
      local reply
      socket:on("slow", function()
        loop.sleep(10)
        log[#log + 1] = socket.connected and "slow, connected"
          or "slow, not connected"
      end)
      socket:emit("question", function(answer) reply = answer end)
      server:burst { '2["slow"]', '30["answer"]' }
      assert.equal("answer", reply)
      server:drop()
      assert.is_false(socket.connected)
      assert.is_nil(socket.id)
      assert.same({ "connect" }, log)
      advance(11)
      assert.same({ "connect", "slow, not connected",
        "disconnect transport close" }, log)
    end)

    it("and goes on after one has raised", function()
      local socket, server = joined()
      local seen = {}
      socket:on("x", function(n)
        seen[#seen + 1] = n
        error("handler failed", 0)
      end)
      socket:on("x", function() seen[#seen + 1] = "second" end)
      server:say '2["x","a"]'
      server:say '2["x","b"]'
      assert.same({ "a", "second", "b", "second" }, seen)
      assert.same({ "handler failed", "handler failed" }, peers.reported)
      assert.is_true(socket.connected)
    end)

    it("by their name, however it is written", function()
      local socket, server = joined()
      local seen = {}
      for _, name in ipairs { 'a"b', "é", "1", "" } do
        socket:on(name, function() seen[#seen + 1] = name end)
      end
      server:say '2["a\\"b"]'
      server:say '2["\\u00e9"]'
      server:say '2[1]'
      server:say '2[""]'
      assert.same({ 'a"b', "é", "1", "" }, seen)
    end)

    it("once, and until off", function()
      local socket, server = joined()
      local seen = {}
      local function handler() seen[#seen + 1] = "on" end
      socket:once("x", function() seen[#seen + 1] = "once" end)
      socket:on("x", handler)
      server:burst { '2["x"]', '2["x"]' }
      socket:off("x", handler)
      server:say '2["x"]'
      assert.same({ "once", "on", "on" }, seen)
    end)

    it("with those of every event first, and their name", function()
      local socket, server = joined()
      local seen = {}
      socket:on("x", function(value) seen[#seen + 1] = "x " .. value end)
      socket:on_any(function(name, value)
        seen[#seen + 1] = "any " .. name .. " " .. value
      end)
      socket:prepend_any(function() seen[#seen + 1] = "first" end)
      server:say '2["x","1"]'
      server:say '2["y","2"]'
      assert.same({ "first", "any x 1", "x 1", "first", "any y 2" }, seen)
      socket:off_any()
      server:say '2["y","3"]'
      assert.equal(5, #seen)
    end)

    it("registered while those before were handled", function()
      local socket, server = joined()
      local seen
      socket:on("one", function()
        socket:on("two", function() seen = true end)
      end)
      server:burst { '2["one"]', '2["two"]' }
      assert.is_true(seen)
    end)

    it("without decoding those that nobody wants", function()
      local socket, server = joined()
      local decode, count = json.decode, 0
      json.decode = function(...)
        count = count + 1
        return decode(...)
      end
      socket:on("wanted", function() end)
      server:say '2["unwanted",{"a":1}]'
      server:say '2["wanted",{"a":1}]'
      json.decode = decode
      assert.equal(1, count)
    end)

    it("with binary values wherever they are", function()
      local socket, server = joined()
      local got
      socket:on("file", function(value) got = value end)
      server:say '52-["file",{"a":{"_placeholder":true,"num":0},'
      assert.is_nil(got)
      assert.is_true(server.closed)
      socket, server = joined()
      socket:on("file", function(value) got = value end)
      server:say('52-["file",{"a":{"_placeholder":true,"num":0},'
        .. '"b":[{"_placeholder":true,"num":1}]}]')
      server:say_binary "\0\1"
      assert.is_nil(got)
      server:say_binary "\2"
      assert.is_true(socketio.is_binary(got.a))
      assert.equal("\0\1", tostring(got.a))
      assert.is_true(got.b[1] == socketio.binary "\2")
    end)

    it("and releases each message when its handler is called", function()
      local socket, server = joined()
      local during = {}
      server.released, server.releases = 0, 0
      socket:on("x", function()
        during[#during + 1] = server.releases
        loop.sleep(1)
      end)
      server:burst { '2["x",1]', '2["x",2]', '2["unwanted"]', "30[]" }
      assert.same({ 1 + 1 }, during)   -- the acknowledgement is released at once
      advance(2)
      advance(2)
      assert.same({ 2, 3 }, during)
      assert.equal(4, server.releases)
      local text = '52-["x",{"_placeholder":true,"num":0}]'
      server.released, server.releases = 0, 0
      server:say(text):say_binary("123"):say_binary "4567"
      assert.equal(#text + 7, server.released)
      assert.equal(3, server.releases)
      advance(2)
    end)

    it("that came before the CONNECT packet after it, in order", function()
      local socket, log = new()
      socket:on("early", function(n) log[#log + 1] = n end)
      local server = peers:last():open()
      server:say '2["early","1"]'
      server:say '2["early","2"]'
      assert.same({}, log)
      assert.equal(2, socket:stats().receive_buffer)
      server:say '0{"sid":"x"}'
      assert.same({ "1", "2", "connect" }, log)
      assert.equal(0, socket:stats().receive_buffer)
      assert.equal(server.heard, server.released)
    end)

    it("that came before the CONNECT packet up to a limit", function()
      local _, log = new { max_queue = 100 }
      local server = peers:last():open()
      for _ = 1, 10 do server:say '2["early"]' end
      assert.is_false(server.closed)
      server:say '2["early"]'
      assert.is_true(server.closed)
      assert.same({ "disconnect parse error" }, log)
    end)
  end)

  describe("acknowledges an event", function()
    it("by the handler's last argument, once", function()
      local socket, server = joined(nil, "/ns")
      socket:on("ask", function(value, ack)
        assert.equal("v", value)
        ack(1, nil, { test = true })
        ack "again"
      end)
      server:say '2/ns,12["ask","v"]'
      assert.same({ '3/ns,12[1,null,{"test":true}]' }, server.sent)
    end)

    it("with no values, and with binary ones", function()
      local socket, server = joined()
      socket:on("ask", function(ack) ack() end)
      socket:on("file", function(ack) ack(socketio.binary "x") end)
      server:say '20["ask"]'
      server:say '21["file"]'
      assert.equal("30[]", server.sent[1])
      assert.matches('^61%-1%[{', server.sent[2])
      assert.same({ binary = "x" }, server.sent[3])
    end)

    it("with a value that cannot be sent not: that raises", function()
      local socket, server = joined()
      local message
      socket:on("ask", function(ack)
        message = select(2, pcall(ack, 1, print))
        ack "fine"
      end)
      server:say '20["ask"]'
      assert.matches("bad argument #2 to the acknowledgement", message, 1, true)
      assert.same({ '30["fine"]' }, server.sent)
    end)

    it("only to the session that asked", function()
      local socket, server = joined()
      local acks = {}
      socket:on("ask", function(ack) acks[#acks + 1] = ack end)
      server:say '20["ask"]'
      server:drop()
      acks[1] "not connected"
      advance(2)
      server = peers:last():join()
      server:take()
      acks[1] "another connection"
      peer.settle()
      assert.same({}, server.sent)
      server:say '20["ask"]'
      acks[2] "this one"
      assert.same({ '30["this one"]' }, server.sent)
    end)

    it("not to another session of the same connection", function()
      local keep, server = joined(nil, "/keep")
      local socket = keep.io:socket "/"
      server:say '0{"sid":"one"}'
      local late
      socket:on("ask", function(ack) late = ack end)
      server:say '20["ask"]'
      server:say "1"
      socket:connect()
      server:say '0{"sid":"two"}'
      server:take()
      late "old"
      assert.same({}, server.sent)
    end)
  end)

  describe("whose event is malformed", function()
    it("closes with a parse error when the handler would run", function()
      local socket, server, log = joined()
      local details
      socket:on("disconnect", function(_, d) details = d end)
      socket:on("x", helper.expect(nil, 0))
      server:say '2["x",tru]'
      assert.same({ "connect", "disconnect parse error" }, log)
      assert.matches("invalid payload", details.description)
      assert.equal("protocol", details.kind)
      assert.is_true(server.closed_by_client)
      advance(2)
      peers:last():join()
      assert.equal("connect", log[3])
    end)

    it("does so at once for what routes a packet", function()
      local CASES = {
        ["9"] = "unknown packet type",
        ["5"] = "illegal attachments",
        ['2["connect"]'] = "reserved name",
        ['2/ns["x"]'] = "no comma",
        ['29007199254740993["x"]'] = "beyond 2^53",
        ["0/" .. ("n"):rep(2000)] = "longer than 1024",
        ["3[]"] = "without an id",
        ['2["x"'] = "not an array",
      }
      for text, expected in pairs(CASES) do
        local socket, server = joined()
        local reason, details
        socket:on("disconnect", function(...) reason, details = ... end)
        server:say(text)
        assert.equal("parse error", reason)
        assert.matches(expected, details.description, 1, true)
        assert.is_true(server.closed_by_client)
      end
    end)

    it("does so for attachments that are wrong", function()
      local _, server, log = joined()
      server:say_binary "x"
      assert.same({ "connect", "disconnect parse error" }, log)
      _, server, log = joined()
      server:say('51-["x"]'):say '2["x"]'
      assert.same({ "connect", "disconnect parse error" }, log)
      local socket
      socket, server, log = joined()
      socket:on("x", helper.expect(nil, 0))
      server:say('51-["x",{"_placeholder":true,"num":3}]'):say_binary "a"
      assert.same({ "connect", "disconnect parse error" }, log)
    end)

    it("does so for an acknowledgement, and answers it", function()
      local socket, server, log = joined()
      local err
      socket:timeout(5):emit("x", function(e) err = e end)
      server:say '30["x",tru]'
      assert.equal("protocol", err.kind)
      assert.same({ "connect", "disconnect parse error" }, log)
    end)

    it("does so for what answers the joining", function()
      for _, text in ipairs { '0"x"', "0[]", "0{", "4[]", "41x" } do
        local _, log = new()
        local server = peers:last():open():say(text)
        assert.is_true(server.closed_by_client)
        assert.same({ "disconnect parse error" }, log)
      end
    end)

    it("does not close a connection that is not its own", function()
      local socket, server = joined()
      socket:on("slow", function() loop.sleep(3) end)
      socket:on("x", helper.expect(nil, 0))
      server:burst { '2["slow"]', '2["x",tru]' }
      server:drop()
      advance(1.5)
      local second = peers:last():join()
      advance(5)
      assert.is_false(second.closed)
      assert.is_true(socket.connected)
    end)
  end)

  describe("recovers its state", function()
    it("by its session and the offset of the last event", function()
      local socket = new { auth = { token = "t" } }
      local server = peers:last():open()
      server:say '0{"sid":"id","pid":"secret"}'
      assert.is_false(socket.recovered)
      server:say '2["x",{"a":1},"offset-1"]'
      server:say '2["x","offset-2"]'
      server:say '25["x","no offset"]'   -- it asks for an acknowledgement
      server:say '2["x",3]'
      server:drop()
      advance(2)
      server = peers:last():open()
      local payload = json.decode(server.sent[1]:sub(2))
      assert.same({ pid = "secret", offset = "offset-2", token = "t" }, payload)
      server:say '0{"sid":"id","pid":"secret"}'
      assert.is_true(socket.recovered)
      server:drop()
      advance(2)
      peers:last():open():say '0{"sid":"other","pid":"new"}'
      assert.is_false(socket.recovered)
    end)

    it("with the offset of events that still wait for their handlers",
      function()
        local socket = new()
        local server = peers:last():open()
        server:say '0{"sid":"id","pid":"p"}'
        socket:on("x", function() loop.sleep(100) end)
        server:burst { '2["x","1"]', '2["x","2"]' }
        server:drop()
        advance(2)
        server = peers:last():open()
        assert.matches('"offset":"2"', server.sent[1], 1, true)
        advance(200)
      end)

    it("also after it was disconnected by hand, unless events were dropped",
      function()
        local socket = new()
        socket:on("x", function(n) if n == "2" then socket:disconnect() end end)
        local server = peers:last():open()
        server:say('0{"sid":"id","pid":"p"}'):burst { '2["x","1"]', '2["x","2"]' }
        socket:connect()
        server = peers:last():open()
        assert.matches('"offset":"2"', server.sent[1], 1, true)
        server:say('0{"sid":"id","pid":"p"}'):burst { '2["x","2"]', '2["x","3"]' }
        socket:connect()
        assert.same({ "0" }, peers:last():open().sent)
      end)

    it("without an offset where there was no event", function()
      new()
      peers:last():open():say('0{"sid":"id","pid":"p"}'):drop()
      advance(2)
      assert.same({ '0{"pid":"p"}' }, peers:last():open().sent)
    end)

    it("not where the server keeps no sessions", function()
      local socket, server = joined()
      server:say '2["x","string"]'
      server:drop()
      advance(2)
      server = peers:last():open()
      assert.same({ "0" }, server.sent)
      server:say '0{"sid":"other"}'
      assert.is_false(socket.recovered)
    end)
  end)

  describe("ends", function()
    it("by hand: the server is told, and it stays closed", function()
      local socket, server, log = joined(nil, "/ns")
      assert.equal(socket, socket:disconnect())
      assert.is_false(socket.connected)
      assert.is_false(socket.active)
      assert.is_nil(socket.id)
      assert.same({ "1/ns," }, server.sent)
      assert.is_true(server.closed_by_client)
      advance(60)
      assert.same({ "connect", "disconnect io client disconnect" }, log)
      assert.equal(1, peers:count())
    end)

    it("by hand: events that wait for their handlers are dropped", function()
      local socket, server, log = joined()
      socket:on("x", function(n)
        log[#log + 1] = n
        if n == "2" then socket:disconnect() end
      end)
      server:burst { '2["x","1"]', '2["x","2"]', '2["x","3"]' }
      assert.same({ "connect", "1", "2", "disconnect io client disconnect" },
        log)
      assert.equal(server.heard, server.released)
      -- Those that came before the CONNECT packet too.
      local keep
      keep, server = joined(nil, "/keep")
      socket = keep.io:socket "/"
      log = record(socket)
      socket:on("x", helper.expect(nil, 0))
      server:say '2["x"]'
      socket:disconnect():connect()
      server:say '0{"sid":"id"}'
      assert.same({ "connect" }, log)
      assert.equal(server.heard, server.released)
    end)

    it("by the other side: events that wait for their handlers are not dropped",
      function()
        for _, text in ipairs { "1", "nonsense" } do
          local socket, server, log = joined()
          socket:on("x", function(n)
            loop.sleep(0)
            log[#log + 1] = n
          end)
          server:burst { '2["x","1"]', '2["x","2"]', text }
          assert.equal("1", log[2])
          assert.equal("2", log[3])
          assert.matches("^disconnect ", log[4])
          socket:close()
        end
      end)

    it("and is connected again by hand", function()
      local socket, _, log = joined()
      socket:disconnect():connect()
      peers:last():join "new-id"
      assert.equal("new-id", socket.id)
      assert.same({ "connect", "disconnect io client disconnect", "connect" },
        log)
    end)

    it("by the server: it is not connected again by itself", function()
      local socket, server, log = joined()
      server:say "1"
      assert.same({ "connect", "disconnect io server disconnect" }, log)
      assert.is_false(socket.active)
      assert.is_true(server.closed_by_client)
      advance(60)
      assert.equal(1, peers:count())
      socket:open()
      peers:last():join()
      assert.equal("connect", log[3])
    end)

    it("with the connection, whose reason and details it tells", function()
      for _, reason in ipairs { "transport close", "transport error",
        "ping timeout", "parse error" } do
        local socket, server = joined()
        local told, details
        socket:on("disconnect", function(...) told, details = ... end)
        server:drop(reason, { close_code = 1006, errno = 104,
          message = "connection reset by peer" })
        assert.equal(reason, told)
        assert.equal("connection reset by peer", details.description)
        assert.equal(1006, details.close_code)
        assert.equal(104, details.errno)
        assert.is_true(socket.active)
        socket:close()
      end
    end)

    it("also if it was not joined yet", function()
      local _, log = new()
      peers:last():open():drop "transport close"
      assert.same({ "disconnect transport close" }, log)
    end)
  end)

  -- The table at the head of socket.lua.
  describe("in each state", function()
    local KEEP = "/keep"

    -- Each returns a socket of "/" in its state, its log, and the server; a
    -- socket of another namespace keeps the connection, if |kept|.
    local STATES = {
      closed = function()
        local keep, server = joined(nil, KEEP)
        local socket = keep.io:socket "/"
        local log = record(socket)
        socket:disconnect()
        server:take()
        return socket, log, server
      end,
      waiting = function()
        local keep, server = joined(nil, KEEP)
        local socket = keep.io:socket "/"
        local log = record(socket)
        server:say "0"
        log[1] = nil
        server:take()
        return socket, log, server
      end,
      joining = function()
        local keep, server = joined(nil, KEEP)
        local socket = keep.io:socket "/"
        server:take()
        return socket, record(socket), server
      end,
      joined = function()
        local keep, server = joined(nil, KEEP)
        local socket = keep.io:socket "/"
        server:say '0{"sid":"x"}'
        server:take()
        return socket, record(socket), server
      end,
    }

    local EVENTS = {
      ["connect()"] = function(socket) socket:connect() end,
      ["disconnect()"] = function(socket) socket:disconnect() end,
      ["manager close"] = function(_, server) server:drop "ping timeout" end,
      ["manager close by hand"] = function(socket) socket.io:close() end,
      ["manager error"] = function(socket)
        socket:_on_manager_error(errors.new { kind = "network", message = "e" })
      end,
      ["manager open"] = function(socket) socket:_on_manager_open() end,
      ["CONNECT"] = function(_, server) server:say '0{"sid":"new"}' end,
      ["CONNECT without a sid"] = function(_, server) server:say "0" end,
      ["CONNECT_ERROR"] = function(_, server) server:say '4{"message":"no"}' end,
      ["DISCONNECT"] = function(_, server) server:say "1" end,
      ["EVENT"] = function(_, server) server:say '2["event"]' end,
      ["ACK"] = function(_, server) server:say "399[]" end,
      ["no answer"] = function() advance(25) end,
    }

    -- state -> event -> the next state, then what is told.
    local TABLE = {
      closed = {
        ["connect()"] = { "joining" },
        ["disconnect()"] = { "closed" },
        ["manager close"] = { "closed" },
        ["manager close by hand"] = { "closed" },
        ["manager error"] = { "closed" },
        ["manager open"] = { "closed" },
        ["CONNECT"] = { "closed" },
        ["CONNECT without a sid"] = { "closed" },
        ["CONNECT_ERROR"] = { "closed" },
        ["DISCONNECT"] = { "closed" },
        ["EVENT"] = { "closed" },
        ["ACK"] = { "closed" },
        ["no answer"] = { "closed" },
      },
      waiting = {
        ["connect()"] = { "joining" },
        ["disconnect()"] = { "closed" },
        ["manager close"] = { "waiting" },
        ["manager close by hand"] = { "waiting" },
        ["manager error"] = { "waiting", "connect_error e" },
        ["manager open"] = { "joining" },
        ["CONNECT"] = { "joined", "connect" },
        ["CONNECT without a sid"] = { "waiting", "connect_error" },
        ["CONNECT_ERROR"] = { "closed", "connect_error no" },
        ["DISCONNECT"] = { "closed", "disconnect io server disconnect" },
        ["EVENT"] = { "waiting" },
        ["ACK"] = { "waiting" },
        ["no answer"] = { "waiting" },
      },
      joining = {
        ["connect()"] = { "joining" },
        ["disconnect()"] = { "closed" },
        ["manager close"] = { "waiting", "disconnect ping timeout" },
        ["manager close by hand"] = { "waiting", "disconnect forced close" },
        ["manager error"] = { "joining", "connect_error e" },
        ["manager open"] = { "joining" },
        ["CONNECT"] = { "joined", "connect" },
        ["CONNECT without a sid"] = { "waiting", "connect_error" },
        ["CONNECT_ERROR"] = { "closed", "connect_error no" },
        ["DISCONNECT"] = { "closed", "disconnect io server disconnect" },
        ["EVENT"] = { "joining" },
        ["ACK"] = { "joining" },
        ["no answer"] = { "joining", "connect_error" },
      },
      joined = {
        ["connect()"] = { "joined" },
        ["disconnect()"] = { "closed", "disconnect io client disconnect" },
        ["manager close"] = { "waiting", "disconnect ping timeout" },
        ["manager close by hand"] = { "waiting", "disconnect forced close" },
        ["manager error"] = { "joined" },
        ["manager open"] = { "joined" },
        ["CONNECT"] = { "joined" },
        ["CONNECT without a sid"] = { "joined" },
        ["CONNECT_ERROR"] = { "closed", "disconnect io server disconnect",
          "connect_error no" },
        ["DISCONNECT"] = { "closed", "disconnect io server disconnect" },
        ["EVENT"] = { "joined", "event" },
        ["ACK"] = { "joined" },
        ["no answer"] = { "joined" },
      },
    }

    for state, prepare in pairs(STATES) do
      for event, act in pairs(EVENTS) do
        it(("%s: %s"):format(state, event), function()
          local socket, log, server = prepare()
          socket:on("event", function() log[#log + 1] = "event" end)
          peer.settle()
          assert.equal(state, socket._state)
          act(socket, server)
          peer.settle()
          local expected = TABLE[state][event]
          assert.equal(expected[1], socket._state)
          assert.equal(#expected - 1, #log)
          for i = 2, #expected do
            assert.equal(expected[i], log[i - 1]:sub(1, #expected[i]))
          end
          local now = socket._state
          assert.equal(now ~= "closed", socket.active)
          assert.equal(now == "joined", socket.connected)
          assert.equal(now == "joined", socket.id ~= nil)
        end)

        it(("%s: close after %s"):format(state, event), function()
          local socket, _, server = prepare()
          act(socket, server)
          socket:disconnect()
          socket.io:close()
          advance(60)
          assert.is_false(socket.active)
          assert.equal(1, peers:count())
          assert.equal(0, socket:stats().acknowledgements)
        end)
      end
    end
  end)

  it("tells what it did and what waits", function()
    local socket, server = joined()
    socket:on("slow", function() loop.sleep(1) end)
    server:burst { '2["slow"]', '2["slow"]' }
    socket:emit("x", function() end)
    local stats = socket:stats()
    assert.same({
      namespace = "/", state = "joined", id = "socket-id", recovered = false,
      connects = 1, received = 2, handlers = 1, receive_buffer = 0,
      send_buffer = 0, retries = 0, acknowledgements = 1,
      engine = { version = 4, received_messages = 3 },
    }, stats)
    socket:disconnect()
    socket:emit "buffered"
    stats = socket:stats()
    assert.is_nil(stats.engine)
    assert.equal(1, stats.send_buffer)
    advance(5)
  end)

  it("is collected when the script and the loop have dropped it", function()
    local weak = setmetatable({}, { __mode = "k" })
    local function use()
      local socket, server = joined()
      socket:on("x", function() return socket end)
      server:say '2["x"]'
      weak[socket] = true
      socket:disconnect()
    end
    use()
    advance(60)   -- a cancelled timer is forgotten when it would be due
    peers.list = {}
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(weak))
  end)
end)
