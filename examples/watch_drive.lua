-- Prints the change notifications of a drive: Microsoft's JavaScript sample,
-- in Lua.
--
--   make demo                                          against the Graph simulator
--   GRAPH_TOKEN=... lua5.4 examples/watch_drive.lua    against Microsoft Graph
--
-- The token needs the delegated permission Files.Read.

local graphsocket = require "graphsocket"

local client = graphsocket.new {
  token = os.getenv "GRAPH_TOKEN",
  base_url = os.getenv "GRAPH_BASE_URL",
  ca_file = os.getenv "GRAPH_CA_FILE",
}

local endpoint = assert(client:endpoint "/me/drive/root")
local socket = endpoint:open()

socket:on("connect", function()
  print("connect", socket.id)
end)

socket:on("disconnect", function(reason)
  print("disconnect", reason)
end)

socket:on("connect_error", function(err)
  print("connect_error", err)
end)

socket:on("notification", function(data)
  print("notification", data)
end)

graphsocket.run()
