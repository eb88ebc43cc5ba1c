local connection = require "graphsocket.socketio.connection"
local peer = require "spec.socketio.peer"

describe("a connection", function()
  local peers, manager, log

  before_each(function()
    peers = peer.install()
    log = {}
    manager = {
      engine = nil;
      close = function() end;
      _on_opened = function() log[#log + 1] = "opened" end;
      _on_packet = function(_, p) log[#log + 1] = p end;
      _on_ping = function() log[#log + 1] = "ping" end;
      _wants_pings = function() return true end;
      _on_bad_packet = function(_, from, message)
        log[#log + 1] = { from, message }
      end;
      _on_ended = function(_, fields) log[#log + 1] = fields.reason end;
    }
  end)
  after_each(function() peers:remove() end)

  local function open()
    manager.engine = connection.open(manager, { max_payload = 100 }, "q=1")
    return manager.engine, peers:last()
  end

  it("tells its manager what comes", function()
    local engine, server = open()
    server:open { version = 3, sid = "sid" }
    assert.equal("sid", engine.id)
    assert.equal(3, engine.version)
    assert.equal("q=1", engine.query)
    server:ping():say '2["x"]'
    assert.equal("opened", log[1])
    assert.equal("ping", log[2])
    assert.equal("x", log[3].name)
    assert.equal(engine, log[3].connection)
    server:say "9"
    assert.same({ engine, "unknown packet type" }, log[4])
    server:drop "ping timeout"
    assert.equal("ping timeout", log[5])
  end)

  it("tells a manager that has another one nothing", function()
    local engine, server = open()
    manager.engine = nil
    server:open():ping():say('2["x"]'):say("9"):drop()
    assert.same({}, log)
    assert.equal(4, engine.version)
  end)

  it("puts attachments to their packet, and bounds them", function()
    local _, server = open()
    server:open():say('51-["x"]'):say_binary "12345"
    assert.same({ "12345" }, log[2].buffers)
    server:say('51-["x"]'):say_binary(("x"):rep(100))
    assert.matches("max_payload", log[3][2])
  end)

  it("sends packets with their attachments", function()
    local engine, server = open()
    server:open()
    assert.is_true(engine:send("text", { "a", "b" }, false))
    assert.is_true(engine:send("more"))
    assert.same({ "text", { binary = "a" }, { binary = "b" }, "more" },
      server.sent)
    assert.same({ false, false, false, true }, server.compressed)
  end)

  it("says when nothing can be sent any more", function()
    local engine, server = open()
    server:open()
    assert.is_true(engine:writable())
    server.full = true
    local ok, err = engine:send "x"
    assert.is_nil(ok)
    assert.equal("FULL", err.code)
    assert.is_true(err.retryable)
    engine:close()
    assert.is_false(engine:send "x")
    assert.is_false(engine:writable())
  end)

  it("releases each message of a packet", function()
    local engine, server = open()
    server:open():say('51-["x"]'):say_binary "12345"
    engine:release(log[2])
    assert.equal(2, server.releases)
    assert.equal(server.heard, server.released)
  end)

  it("gives the core's counters and the revision", function()
    local engine, server = open()
    server:open():say '2["x"]'
    assert.same({ version = 4, received_messages = 1 }, engine:stats())
  end)

  it("is none if it cannot be begun", function()
    peers.failure = { kind = "state" }
    local engine, err = connection.open(manager, { max_payload = 1 })
    assert.is_nil(engine)
    assert.equal(peers.failure, err)
  end)
end)
