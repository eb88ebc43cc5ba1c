local helper = require "spec.helper"
local loop = require "graphsocket.loop"
local peer = require "spec.socketio.peer"

local advance = helper.advance

-- socket.io-client, test/retry.ts, and the rules beside it.
describe("the queue of retries", function()
  local peers

  before_each(function() peers = peer.install() end)
  after_each(function() peers:remove() end)

  it("sends one event after the other, each when the last was acknowledged",
    function()
      local socket = peers:connect { retries = 1, ack_timeout = 50 }
      local got = {}
      for i = 1, 3 do
        socket:emit("echo", i, function(err, value)
          got[#got + 1] = { err == nil, value, socket:stats().retries }
        end)
      end
      assert.equal(3, socket:stats().retries)
      local server = peers:last():join()
      assert.same({ "0", '20["echo",1]' }, server.sent)
      server:say '30["a"]'
      server:say '31["b"]'
      server:say '32["c"]'
      assert.same({ "0", '20["echo",1]', '21["echo",2]', '22["echo",3]' },
        server.sent)
      assert.same({ { true, "a", 2 }, { true, "b", 1 }, { true, "c", 0 } }, got)
    end)

  it("gives an event up after retries + 1 tries, and sends the next",
    function()
      local socket = peers:connect { retries = 3, ack_timeout = 5 }
      local got
      socket:emit("ask", function(err) got = err end)
      socket:emit "next"
      local server = peers:last():join()
      for _ = 1, 3 do
        advance(5.1)
        assert.is_nil(got)
      end
      advance(5.1)
      assert.equal("timeout", got.kind)
      assert.same({ "0", '20["ask"]', '21["ask"]', '22["ask"]', '23["ask"]',
        '24["next"]' }, server.sent)
    end)

  -- It was in the send buffer too, and so sent twice by the next connection, once
  -- more than `retries` allow. Found by spec/faults_spec.lua.
  it("sends an event once more that met a connection which had just ended", function()
    local socket = peers:connect { retries = 1 }
    local got = {}
    local server = peers:last():join()
    server.closed = true -- and the news of it comes later
    for i = 1, 2 do
      socket:emit("echo", i, function(err, value) got[#got + 1] = err or value end)
    end
    server:drop()
    advance(1.1)
    server = peers:last():join()
    assert.equal(2, #server.sent)
    server:say(('3%s["a"]'):format(server.sent[2]:match "^2(%d+)%[\"echo\",1%]$"))
    assert.equal(3, #server.sent)
    server:say(('3%s["b"]'):format(server.sent[3]:match "^2(%d+)%[\"echo\",2%]$"))
    assert.same({ "a", "b" }, got)
    assert.equal(0, socket:stats().retries + socket:stats().acknowledgements)
    advance(2)
    assert.equal(3, #server.sent)
  end)

  it("sends nothing while the socket is not connected", function()
    local socket = peers:connect { retries = 3, ack_timeout = 1, auto_connect = false }
    local got
    socket:emit("echo", 1, function(err) got = err or "fine" end)
    advance(60)
    assert.is_nil(got)
    socket:connect()
    peers:last():join():say "30[]"
    assert.equal("fine", got)
  end)

  it("sends an event anew after a disconnection", function()
    local socket = peers:connect { retries = 2 }
    local got
    socket:emit("x", "v", function(err) got = err or "fine" end)
    local server = peers:last():join()
    server:drop()
    advance(2)
    server = peers:last():join()
    assert.same({ "0", '21["x","v"]' }, server.sent)
    server:say "31[]"
    assert.equal("fine", got)
  end)

  it("counts a disconnection as the end of a try", function()
    local socket = peers:connect { retries = 1 }
    local got
    socket:emit("x", function(err) got = err end)
    peers:last():join():drop()
    assert.is_nil(got)
    advance(2)
    peers:last():join():drop()
    assert.equal("closed", got.kind)
    assert.equal(0, socket:stats().retries)
  end)

  it("ignores the answer to a try that was given up", function()
    local socket = peers:connect { retries = 5, ack_timeout = 2 }
    socket:emit("x", helper.expect(function(err, value)
      assert.is_nil(err)
      assert.equal("second", value)
    end, 1))
    local server = peers:last():join()
    advance(2.1)
    server:say '30["first"]'
    server:say '31["second"]'
  end)

  it("does not send an event of the connect handler twice", function()
    local socket = peers:connect { retries = 3 }
    socket:on("connect", function() socket:emit("echo", nil) end)
    local server = peers:last():join()
    server:say "30[null]"
    assert.same({ "0", '20["echo",null]' }, server.sent)
    assert.equal(0, socket:stats().retries)
  end)

  it("takes a value for a value also without ack_timeout", function()
    local socket = peers:connect { retries = 1 }
    local got
    socket:emit("echo", function(...) got = { n = select("#", ...), ... } end)
    local server = peers:last():join()
    server:say '30["value"]'
    assert.same({ n = 2, nil, "value" }, got)
    assert.equal(2, #server.sent)
  end)

  it("works without a callback, and for a waiting caller", function()
    local socket = peers:connect { retries = 1, ack_timeout = 2 }
    local got
    socket:emit "silent"
    loop.spawn(function() got = { socket:emit_with_ack "ask" } end)
    local server = peers:last():join()
    server:say "30[]"
    server:say '31["reply"]'
    assert.same({ "reply" }, got)
  end)

  it("lets a waiting caller know when it gives up", function()
    local socket = peers:connect { retries = 0 + 1, ack_timeout = 2 }
    local got
    loop.spawn(function() got = { socket:emit_with_ack "ask" } end)
    peers:last():join()
    advance(2.1)
    advance(2.1)
    assert.is_nil(got[1])
    assert.equal("timeout", got[2].kind)
  end)

  it("is passed by volatile events", function()
    local socket = peers:connect { retries = 1 }
    local server = peers:last():join()
    socket:emit "first"
    socket:volatile():emit "now"
    socket:emit "second"
    assert.same({ "0", '20["first"]', '2["now"]' }, server.sent)
  end)

  it("keeps the modifiers of an event for every try", function()
    local socket = peers:connect { retries = 1, ack_timeout = 50 }
    local server = peers:last():join()
    socket:timeout(2):compress(false):emit "x"
    advance(2.1)
    assert.same({ "0", '20["x"]', '21["x"]' }, server.sent)
    assert.is_false(server.compressed[2])
    assert.is_false(server.compressed[3])
  end)

  it("tries again a while later when too much waits to be sent", function()
    local socket = peers:connect { retries = 1 }
    local server = peers:last():join()
    server.full = true
    assert.equal(socket, socket:emit "x")
    advance(1.1)
    server.full = false
    assert.same({ "0" }, server.sent)
    advance(1.1)
    assert.equal(2, #server.sent)
  end)

  it("raises at the call for what cannot be sent", function()
    local socket = peers:connect { retries = 1 }
    assert.is_false((pcall(socket.emit, socket, "x", print, 1)))
    assert.equal(0, socket:stats().retries)
  end)
end)
