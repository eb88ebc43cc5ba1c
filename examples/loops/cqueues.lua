-- Notifications in a controller of cqueues, beside a coroutine of its own.
--
--   scripts/example loops/cqueues                      against the Graph simulator
--   GRAPH_TOKEN=... lua5.4 examples/loops/cqueues.lua  against Microsoft Graph
--
-- With a number it ends after so many changes. cqueues: luarocks install cqueues.

local cqueues = require "cqueues"
local graphsocket = require "graphsocket"

graphsocket.loop "cqueues"

local client = graphsocket.new {
  token = os.getenv "GRAPH_TOKEN",
  base_url = os.getenv "GRAPH_BASE_URL",
  ca_file = os.getenv "GRAPH_CA_FILE",
}
local wanted = tonumber(arg[1]) or math.huge
local controller = cqueues.new()

local ticks = 0
controller:wrap(function()
  while wanted > 0 do
    cqueues.sleep(0.01)
    ticks = ticks + 1
  end
end)

controller:wrap(function()
  local subscription = client:subscribe "/me/drive/root"
  subscription:on("notification", function(notification)
    print("changed", notification.resource)
    cqueues.sleep(0.01) -- a handler is a coroutine of the controller
    wanted = wanted - 1
    if wanted == 0 then subscription:close() end
  end)
  graphsocket.run() -- until nothing is left
end)

assert(controller:loop())

print("the coroutine went on", ticks > 0)
