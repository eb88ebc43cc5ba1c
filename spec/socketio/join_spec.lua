local errors = require "graphsocket.errors"
local helper = require "spec.helper"
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

  describe("joins its namespace", function()
    it("and is connected only when the server has said yes", function()
      local socket, log = new()
      local server = peers:last():open()
      assert.same({ "0" }, server.sent)
      assert.is_false(socket.connected)
      assert.is_nil(socket.id)
      assert.same({}, log)
      server:say '0{"sid":"abc"}'
      assert.is_true(socket.connected)
      assert.is_false(socket.disconnected)
      assert.equal("abc", socket.id)
      assert.same({ "connect" }, log)
      assert.equal("graphsocket.socket: / (joined)", tostring(socket))
    end)

    it("by its name, if it has one", function()
      local socket = peers:joined(nil, "/notifications")
      assert.equal("/notifications", socket.namespace)
      assert.is_true(socket.connected)
    end)

    it("with its auth table, read at each connection", function()
      local socket = new { auth = { token = "one" } }
      local server = peers:last():open()
      assert.same({ '0{"token":"one"}' }, server:take())
      socket.auth = { token = "two" }
      server:drop()
      advance(2)
      assert.same({ '0{"token":"two"}' }, peers:last():open().sent)
    end)

    it("with an empty auth table as an object", function()
      new { auth = {} }
      assert.same({ "0{}" }, peers:last():open().sent)
    end)

    it("with what its auth function returns, asked at each connection",
      function()
        local count = 0
        new { auth = function()
          count = count + 1
          return { count = count }
        end }
        local server = peers:last():open()
        assert.same({ '0{"count":1}' }, server.sent)
        server:drop()
        advance(2)
        assert.same({ '0{"count":2}' }, peers:last():open().sent)
      end)

    it("without a payload if the auth function returns nothing", function()
      new { auth = function() end }
      assert.same({ "0" }, peers:last():open().sent)
    end)

    it("after its auth function has waited", function()
      local _, log = new { auth = function()
        loop.sleep(3)
        return { late = true }
      end }
      local server = peers:last():open()
      assert.same({}, server.sent)
      advance(4)
      assert.same({ '0{"late":true}' }, server.sent)
      server:say '0{"sid":"abc"}'
      assert.same({ "connect" }, log)
    end)

    it("without the answer of an auth function that came too late", function()
      local answers = {}
      local socket = new { auth = function()
        local future = loop.future()
        answers[#answers + 1] = future
        return select(2, future:await())
      end }
      local first = peers:last():open()
      first:drop()
      advance(2)
      local second = peers:last():open()
      answers[1]:resolve { old = true }
      peer.settle()
      assert.same({}, second.sent)
      answers[2]:resolve { new = true }
      peer.settle()
      assert.same({ '0{"new":true}' }, second.sent)
      socket:disconnect()
    end)
  end)

  describe("whose auth fails", function()
    local CASES = {
      { "raises", function() error("no token", 0) end, "no token", "auth" },
      { "returns an error", function() return nil, "expired" end, "expired",
        "auth" },
      { "returns an error object", function()
        return nil, errors.new { kind = "network", message = "no route" }
      end, "no route", "network" },
      { "returns no table", function() return "token" end,
        "auth must be a table", "usage" },
      { "returns a list", function() return { "a" } end, "names as its keys",
        "usage" },
      { "returns what is not JSON", function() return { f = print } end,
        "auth.f", "usage" },
      { "returns a binary value", function()
        return { b = socketio.binary "x" }
      end, "binary", "usage" },
    }

    for _, case in ipairs(CASES) do
      it("(it " .. case[1] .. ") says so and tries again", function()
        local ask = case[2]
        local kind
        local socket, log = new { auth = function() return ask() end }
        socket:on("connect_error", function(err) kind = err.kind end)
        local server = peers:last():open()
        assert.same({}, server.sent)
        assert.equal(1, #log)
        assert.matches(case[3], log[1], 1, true)
        assert.equal(case[4], kind)
        assert.is_true(server.closed_by_client)
        assert.is_true(socket.active)
        assert.equal(case[1] == "raises" and 1 or 0, #peers.reported)

        ask = function() return { fine = true } end
        advance(2)
        assert.same({ '0{"fine":true}' }, peers:last():open().sent)
      end)
    end

    -- Lets each attempt fail after the wait that is due; returns the numbers
    -- of the attempts.
    local function fail_after(socket, waits)
      local attempts = {}
      local function note(n) attempts[#attempts + 1] = n end
      socket.io:on("reconnect_attempt", note)
      for i, wait in ipairs(waits) do
        advance(wait - 0.1)
        assert.equal(i - 1, #attempts)
        advance(0.2)
        peers:last():open()
      end
      socket.io:off("reconnect_attempt", note)
      return attempts
    end

    it("waits longer each time, and gives up as after other attempts in vain", function()
      local failed = 0
      local socket = new {
        auth = function() return nil, "no" end, randomization_factor = 0, reconnection_attempts = 3,
      }
      socket.io:on("reconnect_failed", function() failed = failed + 1 end)
      peers:last():open()
      assert.same({ 1, 2, 3 }, fail_after(socket, { 1, 2, 4 }))
      assert.equal(1, failed)
    end)

    it("waits the shortest again after it was joined", function()
      local allowed = true
      local socket = new {
        auth = function() return allowed and {} or nil, "no" end, randomization_factor = 0,
      }
      allowed = false
      peers:last():open()
      fail_after(socket, { 1, 2 })
      allowed = true
      advance(4)
      local server = peers:last():join()
      assert.is_true(socket.connected)
      allowed = false
      server:drop "transport close"
      assert.same({ 1, 2 }, fail_after(socket, { 1, 2 }))
    end)

    it("does not end a connection that others use, and tries again",
      function()
        local first, server = peers:joined(nil, "/first")
        local ask = function() return nil, "not yet" end
        local second =
          first.io:socket("/second", { auth = function() return ask() end })
        local log = record(second)
        peer.settle()
        assert.matches("not yet", log[1])
        assert.is_true(first.connected)
        ask = nil
        ask = function() return { a = 1 } end
        advance(6)
        assert.same({ '0/second,{"a":1}' }, server.sent)
        server:say '0/second,{"sid":"x"}'
        assert.is_true(second.connected)
      end)

    it("ends the connection for all that were not joined yet", function()
      local manager = peers:connect({ auto_connect = false }, "/first").io
      local first = manager:socket "/first"
      local second = manager:socket "/second"
      first.auth = { f = print }
      local log = record(first)
      first:connect()
      second:connect()
      local server = peers:last():open()
      assert.same({}, server.sent)
      assert.equal(1, #log)
      first.auth = nil
      advance(2)
      assert.same({ "0/first,", "0/second," }, peers:last():open().sent)
    end)

    it("is not asked again once it was closed", function()
      local first = peers:joined(nil, "/first")
      local count = 0
      local second = first.io:socket("/second", { auth = function()
        count = count + 1
        return nil, "never"
      end })
      peer.settle()
      second:disconnect()
      advance(60)
      assert.equal(1, count)
    end)
  end)

  describe("that gets no answer", function()
    it("says so, naming the phase, and reconnects", function()
      local socket, log = new { timeout = 3 }
      local err
      socket:on("connect_error", function(e) err = e end)
      local server = peers:last():open()
      advance(2.9)
      assert.same({}, log)
      advance(0.2)
      assert.equal(1, #log)
      assert.equal("timeout", err.kind)
      assert.equal("namespace", err.phase)
      assert.matches("did not answer for namespace / within 3 s", err.message)
      assert.is_true(server.closed_by_client)
      advance(2)
      peers:last():join()
      assert.is_true(socket.connected)
    end)

    it("names the auth function if that did not return", function()
      local socket = new { timeout = 3, auth = function() loop.sleep(100) end }
      local err
      socket:on("connect_error", function(e) err = e end)
      peers:last():open()
      advance(3.1)
      assert.equal("timeout", err.kind)
      assert.equal("auth", err.phase)
      socket:disconnect()
      advance(100)
    end)

    it("goes on to wait where others keep the connection", function()
      local first, server = peers:joined({ timeout = 3 }, "/first")
      local second = first.io:socket "/second"
      local log = record(second)
      server:take()
      advance(3.1)
      advance(3.1)
      assert.equal(2, #log)
      assert.is_false(server.closed)
      assert.same({}, server.sent)
      server:say '0/second,{"sid":"x"}'
      assert.equal("connect", log[3])
      advance(10)
      assert.equal(3, #log)
    end)

    it("is told what a server without session ids must be", function()
      local socket, log = new { engine = 4 }
      local server = peers:last():open():say "0"
      assert.equal(1, #log)
      assert.matches("Socket%.IO 2 does: use engine = 3", log[1])
      assert.is_false(socket.connected)
      assert.is_true(socket.active)
      assert.is_false(server.closed)
      socket:connect()
      assert.same({ "0", "0" }, server.sent)
    end)
  end)
end)
