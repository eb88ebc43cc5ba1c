-- What the tests of engine.io-client and of the two protocol documents say of
-- the websocket transport and the other specs here do not: frames that no real
-- server sends when asked to, by a scripted peer, and what a real one says of
-- requests that it does not want.

local helper = require "spec.helper"
local loop = require "graphsocket.loop"
local reference = require "spec.interop.reference"
local socketio = require "graphsocket.socketio"

local await, upcoming = reference.await, reference.upcoming

describe("the protocol", function()
  local servers

  setup(function() servers = reference.start() end)
  teardown(function() servers:stop() end)
  after_each(function() servers:close_sockets() end)

  -- A server that opens, joins the default namespace, and plays |steps|.
  local function play(steps)
    local script = { { upgrade = true }, { open = true }, { join = "/" } }
    for _, step in ipairs(steps) do script[#script + 1] = step end
    local peer = servers:peers("peers/launch", { script = script })
    return { url = ("http://127.0.0.1:%d"):format(peer.port) }
  end

  local function text(value)
    return { frame = { text = value } }
  end

  it("takes a close packet as the end of the transport", function()
    local socket = servers:connect(play { text "1" })
    assert.equal("transport close", (await(socket, "disconnect")))
  end)

  it("ignores a noop packet", function()
    local socket = servers:connect(play { text "6", text '42["news",1]' })
    assert.equal(1, (await(socket, "news")))
    assert.is_true(socket.connected)
  end)

  it("closes upon a packet of an unknown type", function()
    local socket = servers:connect(play { text "abc" })
    assert.equal("parse error", (await(socket, "disconnect")))
  end)

  it("takes messages that come in fragments, or byte by byte", function()
    local socket = servers:connect(play {
      { frame = { text = '42["ne', fin = false } },
      { frame = { text = 'ws",1]', opcode = 0 } },
      { drip = 0, of = { text '42["news",2]' } },
    })
    assert.equal(1, (await(socket, "news")))
    assert.equal(2, (await(socket, "news")))
  end)

  it("keeps text and bytes apart", function()
    local server = servers.v4
    local socket = servers:connect(server)
    local bytes = socketio.binary "\0\1\2\3\4"
    local one, two = socket:timeout(helper.TEST_TIMEOUT)
      :emit_with_ack("echo", bytes, "cash money €€€ 😀")
    assert.is_true(socketio.is_binary(one))
    assert.equal("\0\1\2\3\4", tostring(one))
    assert.equal("cash money €€€ 😀", two)
  end)

  it("gives the code with which the server closed", function()
    local server = servers:launch {
      version = 4, options = { maxHttpBufferSize = 100 },
    }
    local socket = servers:connect(server)
    await(socket, "connect")
    local gone = upcoming(socket, "disconnect")
    socket:emit("echo", ("a"):rep(101))
    local reason, details = gone()
    assert.equal("transport close", reason)
    assert.equal(1009, details.close_code)
  end)

  it("gives the status of a server that refuses the request", function()
    local socket = servers:connect(servers.v4, "", { query = { sid = "abc" } })
    local err = await(socket, "connect_error")
    assert.equal(400, err.status)
    assert.equal("Session ID unknown", err.body)
    assert.equal("upgrade", err.phase)
  end)

  it("fails with a server that does not speak the revision asked for", function()
    local socket = servers:connect(servers.v4, "", { engine = 3 })
    local err = await(socket, "connect_error")
    assert.is_string(err.message)
    assert.is_nil(socket.id)
  end)

  it("sends nothing once the connection was closed", function()
    local server = servers.v4
    local first = servers:connections(server) + 1
    local socket = servers:connect(server, "", { reconnection = false })
    await(socket, "connect")
    local gone = upcoming(socket, "disconnect")
    socket.io.engine:close()
    socket:emit("hi")
    gone()
    assert.same({ "0" }, servers:received(server, first)[1])
  end)

  it("recovers from a server of Socket.IO 2 that is slow to say so", function()
    -- Longer than its first word is awaited to tell the revisions apart.
    local peer = servers:peers("peers/launch", { script = {
      { upgrade = true }, { open = true }, { wait = 700 }, text "40",
      text '42["news",1]',
    } })
    local url = ("http://127.0.0.1:%d"):format(peer.port)
    local socket = servers:connect({ url = url })
    socket:on("connect_error", helper.expect(nil, 0))
    assert.equal(1, (await(socket, "news")))
    assert.equal(3, socket:stats().engine.version)
  end)

  it("is told what a slow server of Socket.IO 2 refuses, asked or not", function()
    local peer = servers:peers("peers/launch", { script = {
      { upgrade = true }, { open = true }, { wait = 700 }, text '44"who are you?"',
    } })
    for _, namespace in ipairs { "/", "/chat" } do
      local url = ("http://127.0.0.1:%d%s"):format(peer.port, namespace)
      local socket = servers:connect { url = url }
      local err = await(socket, "connect_error")
      assert.equal("refused", err.code)
      assert.equal("who are you?", err.message)
      assert.is_false(socket.active)
    end
  end)

  describe("lets a script end", function()
    -- What autoUnref is for: run() returns on stop(), whatever is open.
    local function ends(socket)
      loop.spawn(function() loop.stop() end)
      loop.run()
      assert.is_true(socket.active)
    end

    it("with an open socket", function()
      local socket = servers:connect(servers.v4)
      await(socket, "connect")
      ends(socket)
      assert.is_true(socket.connected)
    end)

    it("while it connects or waits to reconnect", function()
      local socket = servers:connect { url = "http://127.0.0.1:9" }
      ends(socket)
      await(socket, "connect_error")
      ends(socket)
    end)

    it("by itself when the last socket was closed, not before", function()
      local socket = servers:connect(servers.v4)
      local connected = false
      socket:on("connect", function()
        connected = true
        socket:disconnect()
      end)
      loop.run()
      assert.is_true(connected)
    end)
  end)
end)
