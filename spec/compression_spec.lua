-- permessage-deflate on the wire: what is compressed, and what is left alone.

local helper = require "spec.helper"
local peers = require "spec.peers"

local RSV1 = 4 -- of a frame's reserved bits: compressed (RFC 7692, section 6)

describe("a connection with compression", function()
  local servers

  setup(function() servers = peers.start() end)
  teardown(function() servers:stop() end)

  -- What the peer got, by the first letter of each message.
  local function frames_of(messages)
    local peer = servers:post("peers/launch", { script = {
      { upgrade = { headers = {
        ["Sec-WebSocket-Extensions"] = "permessage-deflate";
      } } },
      { open = true },
    } })
    local sink = servers:connect(peer, { compression = true })
    helper.eventually(function() return sink.opened or sink.closed end, "it is open")
    if sink.closed then error(sink.closed.message) end
    for _, message in ipairs(messages) do
      assert(sink.connection:send(message.data, message.binary, message.compress))
    end
    local found = {}
    helper.eventually(function()
      local all = {}
      for _, frame in ipairs(servers:seen(peer).frames) do
        if frame.opcode ~= 8 then all[#all + 1] = frame end
      end
      found = all
      return #all >= #messages
    end, "the peer has every message")
    sink.connection:close()
    helper.eventually(function() return sink.closed end)
    return found
  end

  it("compresses what is long, unless it is asked not to", function()
    local long = ("long "):rep(400)
    local frames = frames_of {
      { data = long; compress = true },
      { data = long; compress = false },
      { data = "short"; compress = true },
      { data = long .. "again"; compress = true },
    }
    assert.equal(4, #frames)
    assert.equal(RSV1, frames[1].rsv)
    assert.equal(0, frames[2].rsv)
    assert.equal("4" .. long, frames[2].text)
    assert.equal(0, frames[3].rsv)
    assert.equal("4short", frames[3].text)
    assert.equal(RSV1, frames[4].rsv)
    assert.equal("4" .. long, frames[1].text)
  end)
end)
