-- Tells of every change of a drive for as long as it runs: connections that
-- break are made again, tokens refreshed, endpoints renewed before they expire.
--
--   scripts/example subscribe lua5.4 5                 against the Graph simulator
--   GRAPH_TOKEN=... lua5.4 examples/subscribe.lua      against Microsoft Graph
--
-- With a number it ends after so many notifications. The token needs the
-- delegated permission Files.Read.

local graphsocket = require "graphsocket"

local wanted = tonumber(arg[1]) or math.huge

local client = graphsocket.new {
  token = os.getenv "GRAPH_TOKEN",
  base_url = os.getenv "GRAPH_BASE_URL",
  ca_file = os.getenv "GRAPH_CA_FILE",
}

local subscription = client:subscribe "/me/drive/root"

subscription:on("notification", function(notification)
  print("notification", notification.resource or notification.raw)
  wanted = wanted - 1
  if wanted <= 0 then subscription:close() end
end)

-- After a gap something may have changed of which no notification came.
subscription:on("sync", function(why) print("sync", why) end)

subscription:on("renew", function(endpoint)
  print("renew", endpoint)
end)

subscription:on("state", function(name, detail)
  print("state", name, detail and detail.err or "")
end)

-- Failures that may pass: the subscription goes on by itself.
subscription:on("error", function(err) print("error", err) end)
subscription:on("connect_error", function(err) print("connect_error", err) end)

graphsocket.run()

if subscription:stats().state == "failed" then os.exit(1) end
