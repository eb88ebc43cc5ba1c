--- Functions that run one at a time, in order, in one task: the handlers of one
--- socket.
--
-- The task lives as long as there is something to run, so a burst costs one
-- coroutine and one protected call. A function may wait: those behind it wait
-- too, everything else goes on. An error is reported and the next function runs.
-- So it does when the host has closed what the task lived in (homes.lua).

local Queue = {}
Queue.__index = Queue
Queue.__name = "graphsocket.queue"

local select = select
local unpack = table.unpack or unpack

-- Each function has three slots of the list: itself and two arguments, which is
-- what an event of a socket takes, so that it needs no table of its own. Any
-- other number of arguments is PACKED and a table.
local PACKED = {}

local function drain(self)
  local items, stopwatch = self._items, self._stopwatch and self._stopwatch()
  while self._first < self._last do
    local at = self._first
    local fn, a, b = items[at], items[at + 1], items[at + 2]
    items[at], items[at + 1], items[at + 2] = nil, nil, nil
    self._first = at + 3
    local began = stopwatch and stopwatch.now()
    if a == PACKED then fn(unpack(b, 1, b.n)) else fn(a, b) end
    if began then stopwatch.check(began, a ~= PACKED and a or b[1]) end
  end
  -- From the start again: slots that move on and on would not stay in the
  -- table's array.
  self._first, self._last = 1, 1
end

local function drain_to_the_end(self)
  local call = self._call
  repeat until call(drain, self)
end

-- Runs drain; an interrupt goes through it, and must leave the queue usable.
local function run(self)
  local ok, err = pcall(drain_to_the_end, self)
  self._task = nil
  if not ok then error(err, 0) end
end

--- Runs fn(...) later, after what was pushed before it.
---@param fn function
---@param ... any
function Queue:push(fn, ...)
  local items, at = self._items, self._last
  self._last = at + 3
  items[at] = fn
  if select("#", ...) == 2 then
    items[at + 1], items[at + 2] = ...
  else
    items[at + 1], items[at + 2] = PACKED, { n = select("#", ...), ... }
  end
  local task = self._task
  if not task or task:is_lost() then
    self._task = self._spawn(run, self)
  end
end

--- How many functions wait, without the one that runs.
---@return number
function Queue:size()
  return math.floor((self._last - self._first) / 3)
end

---@param spawn function loop.spawn: returns the task
---@param call function loop.call: protected, reports errors
---@param stopwatch nil|fun(): table|nil what looks after the time of each function:
---  now() -> number, check(number, first argument)
local function new(spawn, call, stopwatch)
  return setmetatable({
    _items = {}, -- three slots a function, from _first up to below _last
    _first = 1,
    _last = 1,
    _task = nil, -- runs drain, or is about to
    _spawn = spawn,
    _call = call,
    _stopwatch = stopwatch,
  }, Queue)
end

return { new = new }
