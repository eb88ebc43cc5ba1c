-- Notifications in a program whose loop is libuv's, beside a timer of its own.
--
--   scripts/example loops/luv                          against the Graph simulator
--   GRAPH_TOKEN=... lua5.4 examples/loops/luv.lua      against Microsoft Graph
--
-- With a number it ends after so many changes. luv: luarocks install luv.

local graphsocket = require "graphsocket"
local uv = require "luv"

graphsocket.loop "luv"

local client = graphsocket.new {
  token = os.getenv "GRAPH_TOKEN",
  base_url = os.getenv "GRAPH_BASE_URL",
  ca_file = os.getenv "GRAPH_CA_FILE",
}
local wanted = tonumber(arg[1]) or math.huge

local ticks, timer = 0, uv.new_timer()
timer:start(0, 10, function() ticks = ticks + 1 end)

local subscription = client:subscribe "/me/drive/root"
subscription:on("notification", function(notification)
  print("changed", notification.resource)
  graphsocket.sleep(0.01) -- a handler is a coroutine, and may wait
  wanted = wanted - 1
  if wanted == 0 then
    subscription:close()
    timer:close()
  end
end)

-- Drives both, and returns when nothing is left.
uv.run()

print("the timer went on", ticks > 0)
