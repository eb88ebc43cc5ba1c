-- Messages sent with permessage-deflate arrived damaged. lws_write returns when
-- libwebsockets' deflater has taken a message only in part; it reads the rest
-- out of the caller's buffer at later POLLOUTs, when connection.c had moved or
-- freed it. websocket.c now keeps a copy until the socket is writable again,
-- and takes no other message before.

local helper = require "spec.helper"
local reference = require "spec.interop.reference"

describe("permessage-deflate", function()
  local servers

  setup(function() servers = reference.start() end)
  teardown(function() servers:stop() end)

  -- Bytes that hardly deflate, so that the deflater needs several rounds.
  local function noise(length)
    local state, words = 1, {}
    for i = 1, length / 8 do
      state = (state * 16807) % 2147483647
      words[i] = ("%08x"):format(state)
    end
    return table.concat(words)
  end

  it("sends long messages, one right after the other, unharmed", function()
    local server = servers:launch {
      version = 4,
      options = { perMessageDeflate = { threshold = 0 },
        maxHttpBufferSize = 1e8 },
    }
    local socket = servers:connect(server, nil, { compression = true })
    reference.await(socket, "connect")
    local sent, got = {}, {}
    for i, length in ipairs { 16, 70000, 1000000, 64, 200000, 1048576 } do
      sent[i] = i % 2 == 0 and noise(length) or ("z"):rep(length)
      socket:emit("echo", sent[i], function(text) got[i] = text end)
    end
    helper.eventually(function() return #got == #sent end, "all are echoed")
    for i = 1, #sent do assert.is_true(sent[i] == got[i], "message " .. i) end
    socket:disconnect()
  end)
end)
