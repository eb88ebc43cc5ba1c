-- Notifications in copas, beside a server of its own.
--
--   scripts/example loops/copas luajit                 against the Graph simulator
--   GRAPH_TOKEN=... luajit examples/loops/copas.lua    against Microsoft Graph
--
-- With a number it ends after so many changes. copas: luarocks install copas;
-- Debian's is for Lua 5.1 and so for LuaJIT.

local copas = require "copas"
local graphsocket = require "graphsocket"
local socket = require "socket"

graphsocket.loop "copas"

local client = graphsocket.new {
  token = os.getenv "GRAPH_TOKEN",
  base_url = os.getenv "GRAPH_BASE_URL",
  ca_file = os.getenv "GRAPH_CA_FILE",
}
local changes, wanted = 0, tonumber(arg[1]) or math.huge

local server = assert(socket.bind("127.0.0.1", 0))
copas.addserver(server, function(peer)
  copas.send(peer, changes .. "\n")
end)

-- The count as the server tells it.
local function ask()
  local peer = socket.tcp()
  assert(copas.connect(peer, "127.0.0.1", (select(2, server:getsockname()))))
  local count = copas.receive(peer)
  peer:close()
  return count
end

local over = false
copas.addthread(function()
  local subscription = client:subscribe "/me/drive/root"
  subscription:on("notification", function(notification)
    changes = changes + 1
    print("changed", notification.resource, "the server says " .. ask())
    if changes == wanted then subscription:close() end
  end)
  graphsocket.run() -- until nothing is left
  over = true
end)

-- copas.loop() of version 1 never returns, and later ones not while a server is.
repeat copas.step() until over
