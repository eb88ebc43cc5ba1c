--- Many values made one: what a burst of notifications is to a program that
--- does the same for each of them.
--
-- Theory of operation. A coalescer is in one state:
--
--   state   | meaning                           | next
--   --------+-----------------------------------+------------------------------
--   empty   | nothing is kept                   | waiting, with add
--   waiting | the last value is kept; the timer | due: `quiet` seconds after
--           | runs                              | the last value, or `max_wait`
--           |                                   | after the first
--   due     | the owner was told; it takes the  | empty, with take
--           | value when it gets to it          |
--
-- A value that comes while waiting or due takes the place of the one before:
-- so the last one is always handed out, and a busy owner finds one value
-- however many came.

local loop = require "graphsocket.loop"

local methods = {}
local metatable = { __name = "graphsocket.coalescer", __index = methods }

local coalesce = {}

--- Makes a coalescer. One of the times may be nil.
---@param quiet number|nil seconds without a further value
---@param max_wait number|nil seconds that a value waits at most
---@param on_due function(coalescer) must not wait; take() is then called, soon
---@return table
function coalesce.new(quiet, max_wait, on_due)
  return setmetatable({
    _count = 0,       -- values that _value stands for
    _deadline = nil,  -- loop.now() seconds, of max_wait
    _due = nil,       -- loop.now() seconds; nil: empty, or the owner was told
    _max_wait = max_wait or math.huge,
    _on_due = on_due,
    _quiet = quiet or math.huge,
    _timer = nil,
    _value = nil,
  }, metatable)
end

function methods:_stop()
  if self._timer then self._timer:cancel() end
  self._timer, self._due = nil, nil
end

function methods:_tell()
  self:_stop()
  self._on_due(self)
end

-- One timer for the whole burst: it finds out by itself that it is early.
function methods:_arm()
  self._timer = loop.timer(self._due - loop.now(), function()
    self._timer = nil
    if loop.now() < self._due then return self:_arm() end
    self:_tell()
  end)
end

--- Takes a value in.
---@param value any
function methods:add(value)
  local now = loop.now()
  local is_first = self._count == 0
  self._value, self._count = value, self._count + 1
  if is_first then self._deadline = now + self._max_wait end
  if not is_first and not self._due then return end
  self._due = math.min(now + self._quiet, self._deadline)
  if not self._timer then self:_arm() end
end

--- Makes what is kept due now.
function methods:flush()
  if self._due then self:_tell() end
end

--- Hands out the last value.
---@return any value nil if there is none
---@return integer count of the values that it stands for
function methods:take()
  local value, count = self._value, self._count
  self._value, self._count, self._deadline = nil, 0, nil
  return value, count
end

--- Forgets what is kept.
function methods:cancel()
  self:_stop()
  self:take()
end

return coalesce
