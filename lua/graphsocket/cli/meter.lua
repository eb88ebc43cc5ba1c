--- Counts events and knows how many there were lately.

local loop = require "graphsocket.loop"

local meter = {}

--- Seconds that "lately" means.
local WINDOW = 60

local methods = {}
local metatable = { __name = "graphsocket.cli.meter", __index = methods }

--- Makes a meter.
---@return table with the fields total and last_at (loop.now() seconds, or nil)
function meter.new()
  return setmetatable({
    total = 0,
    last_at = nil,
    _began = loop.now(),
    _seconds = {},  -- second modulo WINDOW -> { second, count }
  }, metatable)
end

--- Counts one event.
function methods:count()
  local now = loop.now()
  local second = math.floor(now)
  local slot = self._seconds[second % WINDOW]
  if not slot or slot[1] ~= second then
    slot = { second, 0 }
    self._seconds[second % WINDOW] = slot
  end
  slot[2] = slot[2] + 1
  self.total, self.last_at = self.total + 1, now
end

--- Events a second, of the last `seconds`.
---@param seconds integer at most 60
---@return number
function methods:rate(seconds)
  local now, sum = loop.now(), 0
  for _, slot in pairs(self._seconds) do
    if slot[1] > now - seconds then sum = sum + slot[2] end
  end
  return sum / math.max(1, math.min(seconds, now - self._began))
end

return meter
