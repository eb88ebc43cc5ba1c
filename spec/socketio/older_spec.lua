local helper = require "spec.helper"
local json = require "graphsocket.json"
local peer = require "spec.socketio.peer"
local socketio = require "graphsocket.socketio"

local advance = helper.advance

describe("a socket", function()
  local peers
  before_each(function() peers = peer.install():collect_errors() end)
  after_each(function() peers:remove() end)

  local function new(...) return peers:connect(...) end

  describe("with a server of Socket.IO 2 that was taken for a newer one", function()
    -- It said so too late: the socket has asked for its namespace meanwhile.
    it("is joined by a connection of revision 3, without an error", function()
      for _, path in ipairs { "", "/chat" } do
        local socket, log = new({ reconnection = false }, path)
        local old = peers:last():open():say "0"
        assert.is_true(old.closed_by_client)
        local server = peers:last()
        assert.equal(3, server.options.engine)
        assert.matches("EIO=3", server.options.path, 1, true)
        server:open { version = 3, sid = "esid" }:say "0"
        if path ~= "" then server:say("0" .. path .. "?room=1") end
        assert.same({ "connect" }, log)
        assert.is_true(socket.connected)
      end
    end)

    it("is told of a refusal of the default namespace, which it had not asked for",
      function()
        local socket, log = new(nil, "/chat")
        local old = peers:last():open()
        assert.same({ "0/chat," }, old.sent)
        old:say '4"who are you?"'
        assert.same({}, log)
        peers:last():open { version = 3 }:say '4"who are you?"'
        assert.same({ "connect_error who are you?" }, log)
        assert.is_false(socket.active)
        assert.equal(2, peers:count())
      end)

    it("is joined so by the connections to come, until one fails", function()
      local socket, log = new()
      peers:last():open():say "0"
      peers:last():open { version = 3 }:say "0"
      peers:last():drop()
      advance(1)
      assert.equal(3, peers:last().options.engine)
      peers:last():refuse { status = 400, phase = "upgrade" }
      advance(2)
      assert.equal(0, peers:last().options.engine)
      peers:last():join()
      assert.is_true(socket.connected)
      assert.equal("connect", log[#log])
    end)

    it("tells its manager, which says so", function()
      local socket = new()
      local told = {}
      socket.io:on("close", function(reason, details)
        told[#told + 1] = reason .. ": " .. tostring(details and details.message)
      end)
      socket.io:on("open", function() told[#told + 1] = "open" end)
      peers:last():open():say "0"
      peers:last():open { version = 3 }
      assert.matches("^parse error: .*Socket.IO 2", told[2])
      assert.equal("open", told[3])
    end)

    it("is left alone where the script says which revision it is", function()
      local _, log = new { engine = 4 }
      peers:last():open():say "0"
      assert.equal(1, peers:count())
      assert.matches("engine = 3", log[1])
    end)
  end)

  describe("with a server of Socket.IO 2", function()
    it("is joined to the default namespace unasked", function()
      local socket, log = new()
      local server = peers:last():open { version = 3, sid = "esid" }
      assert.same({}, server.sent)
      server:say "0"
      assert.equal("esid", socket.id)
      assert.same({ "connect" }, log)
    end)

    it("joins another with the query, and has an id of both", function()
      local socket, log = new({ query = { uid = "é" } }, "/admin?token=1%2f")
      local server = peers:last():open { version = 3, sid = "esid" }
      assert.same({ "0/admin?token=1%2f&uid=%C3%A9," }, server.sent)
      server:say "0"
      assert.is_false(socket.connected)
      server:say "0/admin,"
      assert.equal("/admin#esid", socket.id)
      assert.same({ "connect" }, log)
    end)

    it("takes the query in the server's answer", function()
      local socket = new(nil, "/admin?token=1")
      local server = peers:last():open { version = 3 }
      server:say "0/admin?token=1,"
      assert.is_true(socket.connected)
    end)

    it("tells what the server's middleware gave", function()
      for text, words in pairs {
        ['4/admin,"Not authorized"'] = "Not authorized",
        ['4/admin,{"code":1}'] = "no reason given",
        ["4/admin,[1]"] = "no reason given",
        ['4"root says no"'] = "root says no",
      } do
        local socket, log = new(nil, "/admin")
        local err
        socket:on("connect_error", function(e) err = e end)
        peers:last():open { version = 3 }:say(text)
        assert.same({ "connect_error " .. words }, log)
        assert.same(json.decode(text:match "^4[^,\"]*,?(.*)"), err.data)
        assert.is_false(socket.active)
      end
    end)

    it("joins the default namespace also if it was asked for late", function()
      local first = new(nil, "/admin")
      local server = peers:last():open { version = 3, sid = "esid" }
      server:say("0"):say "0/admin,"
      local second = first.io:socket "/"
      assert.equal("esid", second.id)
    end)

    it("joins the default namespace anew after it was left", function()
      local first = new(nil, "/admin")
      local server = peers:last():open { version = 3 }
      server:say("0"):say("0/admin,"):take()
      local second = first.io:socket "/"
      second:disconnect()
      assert.is_false(second.connected)
      second:connect()
      assert.is_true(second.connected)
      assert.same({ "1", "0" }, server:take())
      server:say "1"
      assert.is_false(second.active)
      second:connect()
      assert.is_true(second.connected)
      assert.same({ "0" }, server:take())
    end)

    it("exchanges events, acknowledgements and attachments", function()
      local socket = new(nil, "/admin")
      local server = peers:last():open { version = 3 }
      server:say("0/admin,"):take()
      local got
      socket:on("file", function(bytes, ack)
        got = tostring(bytes)
        ack(socketio.binary "ok")
      end)
      server:say '51-/admin,7["file",{"_placeholder":true,"num":0}]'
      server:say_binary "bytes"
      assert.equal("bytes", got)
      assert.matches("^61%-/admin,7%[{", server.sent[1])
      assert.same({ binary = "ok" }, server.sent[2])
      socket:disconnect()
      assert.equal("1/admin,", server.sent[3])
    end)
  end)
end)
