-- max_queue and max_payload at their edges, on the wire.

local core = require "graphsocket.core"
local helper = require "spec.helper"
local peers = require "spec.peers"

local MIB = 2 ^ 20

-- Busy with the first event until reading has stopped: it must be the queue,
-- and not luck, that keeps what comes meanwhile.
local function busy_until_paused()
  local busy = {}
  function busy.handle(sink)
    local limit = core.now() + helper.TEST_TIMEOUT
    while not busy.was_paused and core.now() < limit do
      core.poll(-1, 0.001)
      busy.was_paused = sink.connection:stats().paused
    end
  end
  return busy
end

describe("a connection's limit", function()
  local servers

  setup(function() servers = peers.start() end)
  teardown(function() servers:stop() end)

  -- Of a record of TLS that holds many messages, a part is still in OpenSSL
  -- when reading is to stop: libwebsockets 4.1 then turned in a loop for ever.
  for name, how in pairs {
    plain = {}, TLS = { tls = true },
    ["plain, many in a packet"] = { together = true },
    ["TLS, many in a record"] = { tls = true; together = true },
  } do
    local tls = how.tls or false
    it("max_queue keeps the order of thousands of events, " .. name, function()
        local script, expected = {}, {}
        for i = 1, 4000 do
          expected[i] = i .. (":"):rep(i % 700)
          script[i] = { frame = { text = "4" .. expected[i] } }
        end
        if how.together then script = { { together = script } } end
        local peer = servers:launch { script = script; tls = tls }
        local busy = busy_until_paused()
        local sink = servers:connect(peer, {
          tls = tls; max_queue = 20000; handle = busy.handle;
        })
        helper.eventually(function() return #sink.messages == 4000 end,
          "4000 events have come")
        assert.same(expected, sink.messages)
        assert.is_nil(sink.closed)
        assert.is_true(busy.was_paused)
        assert.equal(0, sink.connection:stats().queued_bytes)
        sink.connection:close()
        helper.eventually(function() return sink.closed end)
      end)
  end

  local PINGS = { { ["repeat"] = 2000; of = { { frame = { text = "2" } } } },
    { frame = { text = "4the end" } } }

  it("max_queue holds for pings that are told, too", function()
    local peer = servers:launch { script = PINGS }
    local busy = busy_until_paused()
    local sink = servers:connect(peer, {
      max_queue = 20000; handle = busy.handle; tell_pings = true;
    })
    helper.eventually(function() return sink.messages[1] end, "the end has come")
    assert.is_true(busy.was_paused)
    assert.equal(0, sink.connection:stats().queued_bytes)
    sink.connection:close()
    helper.eventually(function() return sink.closed end)
  end)

  it("max_queue does not hold for pings that nobody hears of", function()
    local peer = servers:launch { script = PINGS }
    local sink = servers:connect(peer, {
      max_queue = 200; -- three events, with what each counts more than its bytes
      handle = function(_, data) assert(data == "the end") end;
    })
    local reader = core.now() + helper.TEST_TIMEOUT
    while sink.connection:stats().received_messages == 0 and core.now() < reader do
      core.poll(-1, 0.001) -- nothing is handed out meanwhile
    end
    assert.equal(1, sink.connection:stats().received_messages)
    assert.is_number(sink.connection:stats().last_ping_at)
    helper.eventually(function() return sink.messages[1] end, "the end has come")
    assert.equal(0, sink.connection:stats().queued_bytes)
    sink.connection:close()
    helper.eventually(function() return sink.closed end)
  end)

  it("max_payload takes a message of just that size", function()
    local peer = servers:launch {
      script = { { frame = { fill = 16 * MIB; byte = "4"; opcode = 1 } } };
    }
    local sink = servers:connect(peer, { max_payload = 16 * MIB })
    helper.eventually(function() return sink.messages[1] end, "it has come")
    assert.equal(16 * MIB - 1, #sink.messages[1])
    assert.is_nil(sink.closed)
    sink.connection:close()
    helper.eventually(function() return sink.closed end)
  end)

  it("max_payload refuses a byte more, and tells the server", function()
    local peer = servers:launch {
      script = { { frame = { fill = 16 * MIB + 1; byte = "4"; opcode = 1 } } };
    }
    local sink = servers:connect(peer, { max_payload = 16 * MIB })
    helper.eventually(function() return sink.closed end, "it is refused")
    assert.equal("TOO_BIG", sink.closed.code)
    assert.equal(0, #sink.messages)
    helper.eventually(function() return servers:seen(peer).frames[1] end,
      "the server has a frame")
    local frame = servers:seen(peer).frames[1]
    assert.equal(8, frame.opcode)
    assert.equal(1009, frame.code)
  end)
end)
