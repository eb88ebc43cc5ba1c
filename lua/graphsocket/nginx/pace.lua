--- Keeps the writer of the journal from running away from its readers.
--
-- The first round of a watch can bring thousands of changes at once, more than
-- the journal holds. So whoever publishes waits when a reader is half a journal
-- behind, but only so long as it moves: one that a handler holds up is not
-- waited for again until it has moved.

local loop = require "graphsocket.loop"

local pace = {}

--- Seconds that a reader which does not move is waited for.
pace.PATIENCE = 1

--- Seconds between two looks while waiting.
local STEP = 0.01

local methods = {}
local metatable = { __name = "graphsocket.nginx.pace", __index = methods }

---@param slots number events that the journal holds
---@param positions fun(): table worker id -> number of the last event read
---@return table pace
function pace.new(slots, positions)
  return setmetatable({
    _check = math.max(1, math.floor(slots / 8)), -- events between two looks
    _count = 0,
    _half = math.floor(slots / 2),
    _positions = positions,
    _stuck = {}, -- worker id -> position at which patience ended
  }, metatable)
end

-- The positions of those who are too far behind, and are worth the wait.
local function laggards(self, last)
  local found, any = {}, false
  for id, position in pairs(self._positions()) do
    if position ~= self._stuck[id] and last - position > self._half then
      found[id], any = position, true
    end
  end
  return any and found
end

local function has_moved(before, now)
  for id, position in pairs(before) do
    if now[id] ~= position then return true end
  end
  return false
end

--- To be called before an event is added; waits if it must, in a task.
---@param last number of the newest event
---@return boolean waited
function methods:keep(last)
  self._count = self._count + 1
  if self._count % self._check ~= 0 then return false end
  local behind = laggards(self, last)
  local began, since = behind, loop.now()
  while behind do
    loop.sleep(STEP)
    local now = laggards(self, last)
    if now and has_moved(behind, now) then since = loop.now() end
    if now and loop.now() - since > pace.PATIENCE then
      for id, position in pairs(now) do self._stuck[id] = position end
      now = nil
    end
    behind = now
  end
  return began ~= false
end

return pace
