-- The end of a connection, with servers that do not play along: nothing of it
-- may stay in the process.

local helper = require "spec.helper"
local peers = require "spec.peers"

local MIB = 2 ^ 20

describe("the end of a connection", function()
  local servers

  setup(function() servers = peers.start() end)
  teardown(function() servers:stop() end)

  local function open(given, opts)
    local peer = servers:launch(given)
    local before = helper.sockets()
    opts = opts or {}
    opts.tls = given.tls
    local sink = servers:connect(peer, opts)
    helper.eventually(function() return sink.opened or sink.closed end)
    return sink, peer, before
  end

  local function is_gone(before)
    helper.eventually(function() return helper.sockets() <= before end,
      "the socket is closed")
  end

  for _, tls in ipairs { false, true } do
    it("comes though the server does not read what waits to be sent, "
      .. (tls and "TLS" or "plain"), function()
        local sink, _, before =
          open { script = { { deaf = true }, { hang = true } }; tls = tls }
        for _ = 1, 20 do assert(sink.connection:send(("x"):rep(MIB))) end
        helper.eventually(function()
          return sink.connection:stats().sent_messages > 0
        end, "the kernel's buffers are being filled")
        sink.connection:close()
        helper.eventually(function() return sink.closed end, "it is told")
        assert.equal("forced close", sink.closed.reason)
        is_gone(before)
      end)
  end

  it("comes though the server answers no close frame", function()
    local sink, peer, before = open { script = { { hang = true } } }
    sink.connection:close()
    helper.eventually(function() return sink.closed end, "it is told")
    is_gone(before)
    local frame = servers:seen(peer).frames[1]
    assert.equal(8, frame.opcode)
    assert.equal(1000, frame.code)
  end)

  it("comes with its code, after what was sent before it", function()
    local sink, peer, before = open { script = { { hang = true } } }
    assert(sink.connection:send "goodbye")
    sink.connection:close(1001)
    is_gone(before)
    local frames = servers:seen(peer).frames
    assert.equal("4goodbye", frames[1].text)
    assert.equal(1001, frames[2].code)
  end)

  it("comes though the server never closes TCP after its close frame",
    function()
      local sink, peer, before = open {
        script = { { close = 1001; reason = "going\naway" }, { hang = true } };
      }
      helper.eventually(function() return sink.closed end, "it is told")
      assert.equal("transport close", sink.closed.reason)
      assert.equal(1001, sink.closed.close_code)
      assert.equal("the server closed the websocket with code 1001: going away",
        sink.closed.message)
      is_gone(before)
      assert.equal(1001, servers:seen(peer).frames[1].code)
    end)

  -- With TLS a part of the record is still in OpenSSL then: libwebsockets 4.1,
  -- which reads no more after a close frame, looked for it for ever.
  for _, tls in ipairs { false, true } do
    it("comes though the server goes on after its close frame, "
      .. (tls and "TLS" or "plain"), function()
        local late = { frame = { text = "4late"; count = 1500 } }
        local sink, peer, before = open {
          script = { { together = { { close = 1001 }, late } }, { hang = true } };
          tls = tls;
        }
        helper.eventually(function() return sink.closed end, "it is told")
        assert.equal(1001, sink.closed.close_code)
        is_gone(before)
        assert.same({}, sink.messages)
        assert.equal(1001, servers:seen(peer).frames[1].code)
      end)
  end

  it("needs no code", function()
    local sink, _, before =
      open { script = { { frame = { hex = ""; opcode = 8 } }, { hang = true } } }
    helper.eventually(function() return sink.closed end, "it is told")
    assert.equal("the server closed the websocket without saying why",
      sink.closed.message)
    assert.is_nil(sink.closed.close_code)
    is_gone(before)
  end)
end)
