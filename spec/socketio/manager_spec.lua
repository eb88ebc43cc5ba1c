local errors = require "graphsocket.errors"
local helper = require "spec.helper"
local loop = require "graphsocket.loop"
local peer = require "spec.socketio.peer"
local socketio = require "graphsocket.socketio"

local advance = helper.advance

local EVENTS = { "open", "close", "error", "ping", "reconnect_attempt",
  "reconnect", "reconnect_error", "reconnect_failed" }

describe("a manager", function()
  local peers

  before_each(function() peers = peer.install() end)
  after_each(function() peers:remove() end)

  -- Writes every event into a list, as "name" or "name argument".
  local function record(manager)
    local log = {}
    for _, name in ipairs(EVENTS) do
      manager:on(name, function(value)
        if errors.is(value) then value = value.message end
        log[#log + 1] = value and name .. " " .. value or name
      end)
    end
    return log
  end

  local function new(opts)
    local all = { randomization_factor = 0 }
    for name, value in pairs(opts or {}) do all[name] = value end
    local manager = socketio.manager("http://localhost:1", all)
    return manager, record(manager)
  end

  -- An open manager with a joined socket, and its server.
  local function open(opts)
    local manager, log = new(opts)
    local socket = manager:socket "/"
    local server = peers:last():join()
    server:take()
    return manager, server, log, socket
  end

  describe("opens", function()
    it("by itself, unless auto_connect is false", function()
      local manager, log = new()
      peers:last():open()
      assert.equal("open", manager._state)
      assert.same({ "open" }, log)
      assert.equal("graphsocket.manager: http://localhost:1 (open)",
        tostring(manager))
      new { auto_connect = false }
      assert.equal(1, peers:count())
    end)

    it("once, however often it is asked", function()
      local manager = new()
      manager:open():connect()
      peers:last():open()
      manager:open()
      assert.equal(1, peers:count())
    end)

    it("for the first socket that wants it", function()
      local manager = new { auto_connect = false }
      local socket = manager:socket "/"
      assert.equal(0, peers:count())
      socket:connect()
      assert.equal(1, peers:count())
    end)

    it("and calls back", function()
      local manager = new { auto_connect = false }
      local got = {}
      manager:open(function(err) got[1] = err == nil end)
      peers:last():open()
      assert.same({ true }, got)
    end)

    it("and calls back with an error, and then does not try by itself",
      function()
        local manager, log = new { auto_connect = false }
        local got
        manager:open(function(err) got = err end)
        peers:last():refuse { kind = "network" }
        assert.equal("network", got.kind)
        assert.same({ "error connection refused" }, log)
        advance(60)
        assert.equal(1, peers:count())
        assert.equal("closed", manager._state)
      end)

    it("raises for a callback that is none", function()
      local manager = new { auto_connect = false }
      assert.has_error(function() manager:open "x" end,
        "bad argument #1 to 'open': give a function to call, got string")
    end)

    it("and joins its sockets in the order in which they were made", function()
      local manager = new { auto_connect = false }
      for _, name in ipairs { "/d", "/", "/a", "/c" } do
        manager:socket(name):connect()
      end
      assert.same({ "0/d,", "0", "0/a,", "0/c," }, peers:last():open().sent)
    end)
  end)

  describe("gives the sockets of its namespaces", function()
    it("one for each", function()
      local manager = new { auto_connect = false }
      local socket = manager:socket "/ns"
      assert.equal(socket, manager:socket "/ns")
      assert.not_equal(socket, manager:socket "/other")
      assert.equal(manager, socket.io)
    end)

    it("with options of their own", function()
      local manager = new()
      manager:socket("/ns", { auth = { a = 1 }, ack_timeout = 2, retries = 1 })
      assert.same({ '0/ns,{"a":1}' }, peers:last():open().sent)
      assert.has_error(function() manager:socket("/x", { auht = {} }) end,
        'manager:socket: unknown option "auht": did you mean "auth"?')
    end)

    it("and reopens one that is closed", function()
      local manager, server = open()
      local socket = manager:socket "/ns"
      socket:disconnect()
      server:take()
      assert.equal(socket, manager:socket "/ns")
      assert.same({ "0/ns," }, server.sent)
      manager:socket "/ns"
      assert.same({ "0/ns," }, server.sent)
    end)

    it("if their names are namespaces", function()
      local manager = new { auto_connect = false }
      for name, expected in pairs {
        ns = 'begins with "/"', ["/a,b"] = "no comma",
        ["/" .. ("n"):rep(1024)] = "1024", ["/a\n"] = "control",
      } do
        local ok, err = pcall(manager.socket, manager, name)
        assert.is_false(ok)
        assert.matches(expected, err, 1, true)
      end
      assert.is_false((pcall(manager.socket, manager, 5)))
    end)
  end)

  describe("fails to open", function()
    it("and tries again and again, with growing waits", function()
      local manager, log = new { reconnection_delay = 1,
        reconnection_delay_max = 3 }
      peers:last():refuse()
      assert.same({ "error connection refused" }, log)
      for i, wait in ipairs { 1, 2, 3, 3 } do
        advance(wait / 2)
        assert.equal(i, peers:count())
        advance(wait / 2)
        assert.equal(i + 1, peers:count())
        assert.equal("reconnect_attempt " .. i, log[#log])
        peers:last():refuse()
        assert.equal("error connection refused", log[#log - 1])
        assert.equal("reconnect_error connection refused", log[#log])
      end
      advance(4)
      peers:last():open()
      assert.equal("open", log[#log - 1])
      assert.equal("reconnect 5", log[#log])
      manager:close()
    end)

    it("and tells its sockets", function()
      local manager = new()
      local socket = manager:socket "/"
      local got
      socket:on("connect_error", function(err) got = err end)
      peers:last():refuse { kind = "tls", phase = "tls",
        message = "certificate has expired" }
      assert.equal("tls", got.kind)
      assert.equal("tls", got.phase)
      assert.is_true(socket.active)
    end)

    it("when the connection ends before it is open, whatever the reason",
      function()
        local _, log = new()
        peers:last():drop("transport close", { phase = "upgrade" })
        assert.same({ "error the connection broke" }, log)
        advance(2)
        assert.equal(2, peers:count())
      end)

    it("and gives up after so many attempts, until it is asked anew",
      function()
        local manager, log = new { reconnection_attempts = 2 }
        local socket = manager:socket "/"
        peers:last():refuse()
        advance(2)
        peers:last():refuse()
        advance(3)
        peers:last():refuse()
        assert.same({ "error connection refused", "reconnect_attempt 1",
          "error connection refused", "reconnect_error connection refused",
          "reconnect_attempt 2", "error connection refused",
          "reconnect_failed", "reconnect_error connection refused" }, log)
        advance(60)
        assert.equal(3, peers:count())
        assert.equal("closed", manager._state)
        assert.is_true(socket.active)
        -- test/connection.ts, "should attempt reconnects after a failed
        -- reconnect".
        socket:connect()
        peers:last():refuse()
        advance(2)
        assert.equal(5, peers:count())
      end)

    it("and tries no more without reconnection", function()
      local manager, log = new { reconnection = false }
      peers:last():refuse()
      advance(60)
      assert.same({ "error connection refused" }, log)
      assert.equal(1, peers:count())
      assert.equal("closed", manager._state)
    end)

    it("with no attempts at all, if so told", function()
      local _, log = new { reconnection_attempts = 0 }
      peers:last():refuse()
      assert.same({ "error connection refused", "reconnect_failed" }, log)
    end)

    it("when the I/O thread cannot be started, but not inside open",
      function()
        peers.failure = errors.new { kind = "state", message = "forked" }
        local manager, log = new()
        assert.same({}, log)
        peer.settle()
        assert.same({ "error forked" }, log)
        peers.failure = nil
        advance(2)
        assert.equal(1, peers:count())
        manager:close()
      end)

    it("when the core raises, in the child of a fork", function()
      local engine = require "graphsocket.engine"
      local make = engine.open
      engine.open = function() error("the process was forked", 0) end
      local _, log = new { reconnection = false }
      peer.settle()
      engine.open = make
      assert.same({ "error the process was forked" }, log)
    end)
  end)

  describe("loses its connection", function()
    it("and makes another, which it says", function()
      for _, reason in ipairs { "transport close", "transport error",
        "ping timeout", "parse error", "forced close" } do
        local manager, server, log, socket = open()
        server:drop(reason)
        advance(1.1)
        local again = peers:last()
        assert.not_equal(server, again)
        again:join "new-id"
        assert.equal("new-id", socket.id)
        assert.same(reason == "transport error"
          and { "open", "error the connection broke", "close " .. reason,
            "reconnect_attempt 1", "open", "reconnect 1" }
          or { "open", "close " .. reason, "reconnect_attempt 1", "open",
            "reconnect 1" }, log)
        manager:close()
      end
    end)

    it("and tells the sockets that were not joined of an error", function()
      local manager, server = open()
      local second = manager:socket "/second"
      local seen = {}
      second:on("connect_error", function(err) seen[#seen + 1] = err.message end)
      second:on("disconnect", function(reason) seen[#seen + 1] = reason end)
      server:drop "transport error"
      assert.same({ "the connection broke", "transport error" }, seen)
    end)

    it("and begins with the shortest wait after each connection", function()
      local manager, server = open()
      for i = 1, 3 do
        server:drop()
        advance(1.1)
        assert.equal(i + 1, peers:count())
        server = peers:last():open()
      end
      manager:close()
    end)

    it("by hand, through the engine, like any other way", function()
      local manager, _, log = open()
      manager.engine:close()
      peer.settle()
      assert.same({ "open", "close forced close" }, log)
      advance(2)
      assert.equal(2, peers:count())
      manager:close()
    end)

    it("and takes no late news of it", function()
      local manager, server = open()
      local first = server.sink
      server:drop()
      advance(1.1)
      local second = peers:last():open()
      first:on_close { reason = "transport close", message = "late" }
      first:on_message("nonsense", false)
      first:on_open { version = 4, sid = "late" }
      first:on_ping()
      peer.settle()
      assert.equal("open", manager._state)
      assert.is_false(second.closed)
    end)
  end)

  describe("reconnects", function()
    it("after the handlers of reconnect_attempt, which may change options",
      function()
        local manager, server = open { query = { n = 1 },
          extra_headers = { A = "1" } }
        manager:on("reconnect_attempt", function(n)
          loop.sleep(0)
          manager.opts.query.n = 10 + n
          manager.opts.extra_headers = { A = "2" }
        end)
        assert.matches("n=1&", server.options.path, 1, true)
        server:drop()
        advance(1.1)
        local again = peers:last()
        assert.matches("n=11&", again.options.path, 1, true)
        assert.matches("A: 2\r\n", again.options.headers, 1, true)
      end)

    it("asking its query and header functions each time; they may wait",
      function()
        local count = 0
        local manager = new {
          query = function()
            count = count + 1
            loop.sleep(0)
            return { n = count }
          end,
          extra_headers = function() return { ["X-Count"] = count } end,
        }
        local server = peers:last()
        assert.matches("?n=1&EIO=4", server.options.path, 1, true)
        assert.matches("X-Count: 1\r\n", server.options.headers, 1, true)
        server:open():drop()
        advance(1.1)
        assert.matches("?n=2&EIO=4", peers:last().options.path, 1, true)
        manager:close()
      end)

    it("after one of those functions has failed", function()
      local on_error = loop.on_error
      loop.on_error = function() end
      local ask = function() error("no query", 0) end
      local manager, log = new { query = function() return ask() end }
      peer.settle()
      assert.equal(1, #log)
      assert.matches("no query", log[1])
      assert.equal(0, #peers.list)
      ask = function() return "a=1" end
      advance(1.1)
      assert.equal(1, peers:count())
      loop.on_error = on_error
      manager:close()
    end)

    it("after one of those functions has not returned in time", function()
      local manager = new { timeout = 3, query = function() loop.sleep(50) end }
      local got
      manager:once("error", function(err) got = err end)
      peer.settle()
      advance(3.1)
      assert.equal("timeout", got.kind)
      assert.equal("options", got.phase)
      manager:close()
      advance(100)
      assert.equal(0, peers:count())
    end)

    it("with the time that is left for the connection", function()
      local manager = new { timeout = 10, query = function() loop.sleep(4) end }
      peer.settle()
      advance(4)
      local left = peers:last().options.timeout
      assert.is_true(left > 5 and left <= 6)
      manager:close()
    end)

    it("at once when it is opened by hand while it waits", function()
      local manager, server, log = open { reconnection_delay = 5 }
      server:drop()
      manager:open()
      assert.equal(2, peers:count())
      peers:last():open()
      assert.equal("reconnect 1", log[#log])
      advance(60)
      assert.equal(2, peers:count())
    end)

    it("not when its last socket leaves as the delay is over", function()
      local manager, server, _, socket = open { reconnection_delay = 5 }
      loop.timer(5, socket.close, socket)
      server:drop()
      advance(5.1)
      assert.equal("closed", manager._state)
      assert.equal(1, peers:count())
    end)

    it("when its time has come, though a socket wants it earlier", function()
      local manager, server = open { reconnection_delay = 5 }
      server:drop()
      manager:socket "/second"
      assert.equal(1, peers:count())
      advance(5.1)
      assert.equal(2, peers:count())
    end)

    it("no more when reconnection is switched off", function()
      local manager, server, log = open()
      server:drop()
      assert.equal(manager, manager:reconnection(false))
      assert.is_false(manager:reconnection())
      advance(60)
      assert.equal(1, peers:count())
      assert.same({ "open", "close transport close" }, log)
      manager:reconnection(true)
      manager:open()
      peers:last():open():drop()
      advance(2)
      assert.equal(3, peers:count())
    end)
  end)

  describe("closes", function()
    it("with its last socket", function()
      local manager, server, log = open()
      local second = manager:socket "/second"
      server:say '0/second,{"sid":"x"}'
      second:disconnect()
      assert.is_false(server.closed)
      manager:socket("/"):disconnect()
      assert.is_true(server.closed)
      peer.settle()
      assert.same({ "open", "close forced close" }, log)
      advance(60)
      assert.equal(1, peers:count())
    end)

    it("by hand, and its sockets join again when it is opened", function()
      local manager, server, _, socket = open()
      local reason
      socket:on("disconnect", function(why) reason = why end)
      assert.equal(manager, manager:close())
      peer.settle()
      assert.is_true(server.closed)
      assert.equal("forced close", reason)
      assert.is_true(socket.active)
      advance(60)
      assert.equal(1, peers:count())
      manager:open()
      peers:last():join()
      assert.is_true(socket.connected)
    end)

    it("in the middle of opening, without an error", function()
      local manager, log = new()
      local socket = manager:socket "/"
      socket:on("connect_error", helper.expect(nil, 0))
      local server = peers:last()
      socket:disconnect()
      peer.settle()
      assert.is_true(server.closed)
      assert.same({ "close forced close" }, log)
    end)

    it("a namespace that a socket left before the server had answered",
      function()
        local manager, server = open()
        local second = manager:socket "/second"
        second:disconnect()
        server:take()
        server:say '0/second,{"sid":"x"}'
        assert.same({ "1/second," }, server.sent)
        server:say '0/never-asked,{"sid":"x"}'
        assert.equal(1, #server.sent)
      end)

    it("in the middle of asking", function()
      local manager = new { query = function() loop.sleep(5) end }
      peer.settle()
      manager:close()
      advance(10)
      assert.equal(0, peers:count())
    end)

    it("in a handler of reconnect_attempt, and may be opened there", function()
      local manager, server, log, socket = open()
      manager:once("reconnect_attempt", function()
        socket:disconnect()
        socket:connect()
      end)
      server:drop()
      advance(1.1)
      assert.equal(2, peers:count())
      peers:last():join()
      assert.equal("open", log[#log])
      assert.is_true(socket.connected)
    end)
  end)

  -- The table at the head of manager.lua.
  describe("in each state", function()
    local STATES = {
      closed = function() return new { auto_connect = false } end,
      waiting = function()
        local manager, log = new()
        peers:last():refuse()
        return manager, log
      end,
      opening = function() return new() end,
      open = function()
        local manager, log = new()
        peers:last():open()
        return manager, log
      end,
    }

    local ACTS = {
      ["open()"] = function(manager) manager:open() end,
      ["close()"] = function(manager) manager:close() end,
      ["last socket left"] = function(manager)
        local socket = manager:socket "/"
        if socket.active then socket:disconnect() end
      end,
      ["socket wanted"] = function(manager) manager:socket("/"):connect() end,
      ["delay is over"] = function() advance(1.5) end,
      ["opened"] = function(manager)
        if manager.engine then peers:last():open() end
      end,
      ["connection ended"] = function(manager)
        if manager.engine then peers:last():drop "transport close" end
      end,
      ["bad packet"] = function(manager)
        if manager.engine then peers:last():say "nonsense" end
      end,
      ["join failed"] = function(manager)
        if manager.engine then
          manager:socket("/x", { auth = function() return nil, "no" end })
        end
      end,
      ["older server"] = function(manager)
        if manager._state == "open" then
          manager:socket "/"
          peers:last():say "0"
        end
      end,
      ["reconnection(false)"] = function(manager)
        manager:reconnection(false)
      end,
    }

    local TABLE = {
      closed = {
        ["open()"] = "opening", ["close()"] = "closed",
        ["last socket left"] = "closed", ["socket wanted"] = "opening",
        ["delay is over"] = "closed", ["opened"] = "closed",
        ["connection ended"] = "closed", ["bad packet"] = "closed",
        ["join failed"] = "closed", ["older server"] = "closed",
        ["reconnection(false)"] = "closed",
      },
      waiting = {
        ["open()"] = "opening", ["close()"] = "closed",
        ["last socket left"] = "closed", ["socket wanted"] = "waiting",
        ["delay is over"] = "opening", ["opened"] = "waiting",
        ["connection ended"] = "waiting", ["bad packet"] = "waiting",
        ["join failed"] = "waiting", ["older server"] = "waiting",
        ["reconnection(false)"] = "closed",
      },
      opening = {
        ["open()"] = "opening", ["close()"] = "closed",
        ["last socket left"] = "closed", ["socket wanted"] = "opening",
        ["delay is over"] = "opening", ["opened"] = "open",
        ["connection ended"] = "waiting", ["bad packet"] = "waiting",
        ["join failed"] = "opening", ["older server"] = "opening",
        ["reconnection(false)"] = "opening",
      },
      open = {
        ["open()"] = "open", ["close()"] = "closed",
        ["last socket left"] = "closed", ["socket wanted"] = "open",
        ["delay is over"] = "open", ["opened"] = "open",
        ["connection ended"] = "waiting", ["bad packet"] = "waiting",
        ["join failed"] = "waiting", ["older server"] = "opening",
        ["reconnection(false)"] = "open",
      },
    }

    for state, prepare in pairs(STATES) do
      for act, perform in pairs(ACTS) do
        it(("%s: %s"):format(state, act), function()
          local manager = prepare()
          peer.settle()
          assert.equal(state, manager._state)
          perform(manager)
          peer.settle()
          assert.equal(TABLE[state][act], manager._state)
        end)

        it(("%s: close after %s, and nothing is left"):format(state, act),
          function()
            local manager = prepare()
            peer.settle()
            perform(manager)
            manager:close()
            local count = peers:count()
            advance(600)
            assert.equal(count, peers:count())
            assert.equal("closed", manager._state)
            assert.is_nil(manager.engine)
            for _, server in ipairs(peers.list) do
              assert.is_true(server.closed)
            end
          end)
      end
    end
  end)

  describe("holds the loop", function()
    local function is_held(manager)
      local held = false
      local hold, release = loop.hold, loop.release
      loop.hold = function(object) held = held or object == manager end
      loop.release = function(object)
        if object == manager then held = "released" end
      end
      return function()
        loop.hold, loop.release = hold, release
        return held
      end
    end

    it("from its opening to its end", function()
      local manager = new { auto_connect = false }
      local ask = is_held(manager)
      manager:open()
      assert.is_true(ask())
      ask = is_held(manager)
      peers:last():open():drop()
      assert.is_true(ask())
      ask = is_held(manager)
      manager:close()
      assert.equal("released", ask())
    end)

    it("no longer when it has given up", function()
      local manager = new { reconnection = false }
      local ask = is_held(manager)
      peers:last():refuse()
      assert.equal("released", ask())
    end)
  end)

  it("tells of signs of life", function()
    local _, server, log = open()
    server:ping()
    assert.same({ "open", "ping" }, log)
  end)

  it("tells once what a handler of once hears", function()
    local manager, server = open()
    manager:once("ping", helper.expect(nil, 1))
    server:ping():ping()
  end)
end)
