-- A loop of one's own: LuaSocket's select() waits for graphsocket, and for a
-- TCP server that tells how many changes there were.
--
--   scripts/example own_loop                           against the Graph simulator
--   GRAPH_TOKEN=... lua5.4 examples/own_loop.lua       against Microsoft Graph
--
-- With a number it ends after so many changes. Any poll will do: what it has to
-- wait for is graphsocket.fd(), for reading, and no longer than timeout().
-- LuaSocket: luarocks install luasocket.

local graphsocket = require "graphsocket"
local socket = require "socket"

local client = graphsocket.new {
  token = os.getenv "GRAPH_TOKEN",
  base_url = os.getenv "GRAPH_BASE_URL",
  ca_file = os.getenv "GRAPH_CA_FILE",
}
local changes, wanted = 0, tonumber(arg[1]) or math.huge
local subscription = client:subscribe "/me/drive/root"
subscription:on("notification", function(notification)
  changes = changes + 1
  print("changed", notification.resource)
  if changes == wanted then subscription:close() end -- one step may bring several
end)

local server = assert(socket.bind("127.0.0.1", 0))
print("the count is told at", (select(2, server:getsockname())))

-- What LuaSocket takes for a socket.
local ours = { getfd = graphsocket.pollfd, dirty = function() end }

while changes < wanted do
  local ready = socket.select({ server, ours }, nil, graphsocket.timeout())
  if ready[server] then
    local peer = server:accept()
    peer:send(changes .. "\n")
    peer:close()
  end
  graphsocket.step(0)
end
