-- graphsocket as one of the objects for which a coroutine of cqueues waits.
--
--   scripts/example loops/cqueues_poll                 against the Graph simulator
--   GRAPH_TOKEN=... lua5.4 examples/loops/cqueues_poll.lua
--                                                      against Microsoft Graph
--
-- With a number it ends after so many changes. Here the program drives the loop
-- itself, so handlers must not wait by means of cqueues; loops/cqueues.lua is
-- for those. cqueues: luarocks install cqueues.

local cqueues = require "cqueues"
local graphsocket = require "graphsocket"

local client = graphsocket.new {
  token = os.getenv "GRAPH_TOKEN",
  base_url = os.getenv "GRAPH_BASE_URL",
  ca_file = os.getenv "GRAPH_CA_FILE",
}
local wanted = tonumber(arg[1]) or math.huge
local controller = cqueues.new()

local subscription = client:subscribe "/me/drive/root"
subscription:on("notification", function(notification)
  print("changed", notification.resource)
  wanted = wanted - 1
  if wanted == 0 then subscription:close() end -- one step may bring several
end)

local ticks = 0
controller:wrap(function()
  while wanted > 0 do
    -- Whichever comes first; a number is a limit in seconds.
    if cqueues.poll(graphsocket, 0.05) == graphsocket then
      graphsocket.step(0)
    else
      ticks = ticks + 1
    end
  end
end)

assert(controller:loop())

print("the coroutine had time", ticks > 0)
