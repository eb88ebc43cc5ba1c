-- What Lua's part of one event costs, from the packet's text to its handler,
-- after another and alone: its CPU microseconds after nothing, after 1 ms of
-- work without memory, and after sleeps of 1 and 5 ms.
--
--   lua5.4 bench/alone.lua                with LUA_PATH and LUA_CPATH of a build

local core = require "graphsocket.core"
local loop = require "graphsocket.loop"
local packet = require "graphsocket.socketio.packet"

local EVENTS = 1000

local queue, decoder = loop.queue(), packet.decoder(1e6)
local text = '2["notification","5063579437012345"]'

local function handler(p) packet.data(p) end

-- One turn of the loop, with one task.
local function event()
  queue:push(handler, decoder:add(text), nil)
  loop.step(0)
end

local function nothing() end

local function spin(seconds)
  local over = core.now() + seconds
  while core.now() < over do nothing() end
end

local function sleep(seconds) core.poll(-1, seconds) end

local function cost(pause, seconds)
  local sum = 0
  for _ = 1, EVENTS do
    pause(seconds)
    local before = os.clock()
    event()
    sum = sum + os.clock() - before
  end
  return sum / EVENTS * 1e6
end

cost(nothing)
print(("after another %.1f us, 1 ms of work %.1f, 1 ms of sleep %.1f, 5 ms of sleep %.1f")
  :format(cost(nothing), cost(spin, 0.001), cost(sleep, 0.001), cost(sleep, 0.005)))
