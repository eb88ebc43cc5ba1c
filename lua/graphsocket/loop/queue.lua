--- Functions that run one at a time, in order, in one task: the handlers of one
--- socket.
--
-- The task lives as long as there is something to run, so a burst costs one
-- coroutine. A function may wait: those behind it wait too, everything else
-- goes on. An error is reported and the next function runs.

local Queue = {}
Queue.__index = Queue
Queue.__name = "graphsocket.queue"

local unpack = table.unpack or unpack

local function drain(self)
  local call = self._call
  while self._first <= self._last do
    local first = self._first
    local item = self._items[first]
    self._items[first] = nil
    self._first = first + 1
    call(item.fn, unpack(item, 1, item.n))
  end
  self._busy = false
end

-- Runs drain; an interrupt goes through it, and must leave the queue usable.
local function run(self)
  local ok, err = pcall(drain, self)
  if not ok then
    self._busy = false
    error(err, 0)
  end
end

--- Runs fn(...) later, after what was pushed before it.
---@param fn function
---@param ... any
function Queue:push(fn, ...)
  self._last = self._last + 1
  self._items[self._last] = { fn = fn, n = select("#", ...), ... }
  if not self._busy then
    self._busy = true
    self._spawn(run, self)
  end
end

--- How many functions wait, without the one that runs.
---@return number
function Queue:size()
  return self._last - self._first + 1
end

---@param spawn function loop.spawn
---@param call function loop.call: protected, reports errors
local function new(spawn, call)
  return setmetatable({
    _items = {}, -- _first.._last
    _first = 1,
    _last = 0,
    _busy = false, -- a task runs drain, or is about to
    _spawn = spawn,
    _call = call,
  }, Queue)
end

return { new = new }
