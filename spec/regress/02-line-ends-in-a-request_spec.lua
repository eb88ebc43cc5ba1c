-- A path, a header or a subprotocol with a line end in it would begin a header
-- of its own in the upgrade request. Each is refused before anything is sent.

local peers = require "spec.peers"
local helper = require "spec.helper"
local socketio = require "graphsocket.socketio"

describe("a line end", function()
  local servers, peer

  setup(function()
    servers = peers.start()
    peer = servers:launch { script = { { hang = true } } }
  end)
  teardown(function() servers:stop() end)

  for _, name in ipairs { "path", "protocols" } do
    for _, ending in ipairs { "\r\n", "\n", "\r" } do
      it(("in the core's %s (%q) is refused"):format(name, ending), function()
        local sink = servers:connect(peer, { [name] = "/a" .. ending .. "X: b" })
        helper.eventually(function() return sink.closed end)
        assert.equal("OPTION", sink.closed.code)
        assert.is_nil(servers:seen(peer))
      end)
    end
  end

  for name, value in pairs {
    path = "/a\r\nX: b", protocols = "a\r\nX: b",
    extra_headers = { ["X-A"] = "a\r\nX: b" }, query = "a=b\r\nX: b",
  } do
    it("in the option " .. name .. " is an error that names it", function()
      local ok, err = pcall(socketio.connect,
        ("http://127.0.0.1:%d"):format(peer.port), { [name] = value })
      assert.is_false(ok)
      assert.matches(name, tostring(err), 1, true)
      assert.is_nil(servers:seen(peer))
    end)
  end
end)
