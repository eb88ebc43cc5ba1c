-- Servers that speak no Socket.IO: what the script is told, which is one line
-- that names the fault and what to look at. Each way to refuse an upgrade is
-- here too, as the answer's body is read in the middle of a dial.

local helper = require "spec.helper"
local peers = require "spec.peers"
local socketio = require "graphsocket.socketio"

describe("a server that is no Socket.IO server", function()
  local servers

  setup(function() servers = peers.start() end)
  teardown(function() servers:stop() end)

  -- Connects to a peer that plays `script`; the connect_error.
  local function failure(script, opts)
    local peer = servers:post("peers/launch", { script = script })
    opts = opts or {}
    opts.reconnection, opts.force_new = false, true
    local socket = socketio.connect(
      ("http://127.0.0.1:%d/chat?token=hush"):format(peer.port), opts)
    local err
    socket:on("connect_error", helper.expect(function(e) err = e end))
    helper.eventually(function() return err end, "the error is told")
    socket:close()
    assert.is_nil(tostring(err):find "[\r\n]")
    assert.is_nil(tostring(err):find("hush", 1, true))
    return err
  end

  -- An answer that comes in one piece: of a body that comes after the head,
  -- libwebsockets tells nothing.
  local function answer(status, body, length)
    return { { head = true }, { send = ("HTTP/1.1 %d Said\r\n"
      .. "Content-Length: %d\r\n\r\n%s"):format(status, length or #body, body) } }
  end

  for status, body in pairs {
    [200] = "<p>hello</p>", [302] = "elsewhere", [404] = "gone", [405] = "",
    [400] = ("long "):rep(100),
  } do
    it("answers the upgrade with status " .. status, function()
      local err = failure(answer(status, body))
      assert.equal("http", err.kind)
      assert.equal("upgrade", err.phase)
      assert.equal(status, err.status)
      assert.equal(body, err.body or "")
      assert.equal(("the server answered HTTP %d instead of the websocket "
        .. "upgrade: is it a Socket.IO server, and the path right?")
        :format(status), err.message)
    end)
  end

  it("keeps only the beginning of a long answer", function()
    local err = failure(answer(400, ("0123456789"):rep(10000)))
    assert.equal(400, err.status)
    assert.matches("^0123456789", err.body)
    assert.is_true(#err.body < 1000)
  end)

  it("refuses whoever asks with an old URL", function()
    local err = failure(answer(403, "expired"))
    assert.equal("expired", err.body)
    assert.matches("is the URL still good?", err.message, 1, true)
  end)

  it("is busy", function()
    local err = failure(answer(503, "busy"))
    assert.equal("busy", err.body)
    assert.equal("the server answered HTTP 503 instead of the websocket upgrade",
      err.message)
    assert.is_nil(err.retry_after)
  end)

  it("is busy, and says for how long", function()
    local function busy(headers)
      return { { answer = { status = 503, headers = headers } } }
    end
    assert.equal(7, failure(busy { ["retry-AFTER"] = "7" }).retry_after)
    -- The server's clock is of another day than ours.
    local err = failure(busy {
      Date = "Thu, 01 Jan 2026 00:00:00 GMT",
      ["Retry-After"] = "Thu, 01 Jan 2026 00:02:00 GMT",
    })
    assert.equal(120, err.retry_after)
    assert.is_nil(err.date)
    assert.is_nil(failure(busy { ["Retry-After"] = "soon" }).retry_after)
    assert.is_nil(failure(busy { ["Retry-After"] = ("9"):rep(100) }).retry_after)
  end)

  it("refuses, and then sends no more", function()
    local err = failure(answer(500, "half", 1000))
    assert.equal(500, err.status)
    assert.equal("half", err.body)
    err = failure(answer(500, "", 1000))
    assert.equal(500, err.status)
    assert.is_nil(err.body)
  end)

  it("closes the connection instead of an answer", function()
    local err = failure { { head = true }, { ["end"] = true } }
    assert.equal("network", err.kind)
    assert.matches("is it a Socket.IO server, and http or https right?",
      err.message, 1, true)
  end)

  it("speaks another protocol", function()
    local err = failure({ { send = "SSH-2.0-hello\r\n\r\n" } },
      { timeout = 1 })
    -- Of the second, the way to the core has taken a part.
    local seconds = err.message:match "^not connected after ([%d.]+) s, it stood at: upgrade$"
    assert.is_true(seconds and tonumber(seconds) <= 1, err.message)
  end)

  it("upgrades to what nobody asked for", function()
    local err = failure { { upgrade = { accept = "wrong" } } }
    assert.equal("protocol", err.kind)
    assert.matches("no valid websocket upgrade", err.message, 1, true)
  end)

  for greeting, words in pairs {
    hello = "unknown packet type 0x68: is it a Socket.IO server?",
    ["0[]"] = "the open packet cannot be understood: is it a Socket.IO server?",
    ["40"] = "a message packet came before the open packet",
  } do
    it("greets with " .. greeting, function()
      local err = failure { { upgrade = true }, { frame = { text = greeting } } }
      assert.equal("protocol", err.kind)
      assert.equal("open packet", err.phase)
      assert.equal(words, err.message)
    end)
  end
end)
