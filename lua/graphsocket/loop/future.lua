--- A value that will be there later, and those who wait for it.
--
-- Pure bookkeeping: how a caller waits is the loop's business, which gives
-- `future.new` the function for it. A waiter is a table; opening it sets
-- `open` and calls `on_open`, if it has one, which must neither wait nor raise.
-- A future is resolved once; every later resolve is ignored, so that an answer
-- and its timeout may race.

local unpack = table.unpack or unpack

local Future = {}
Future.__index = Future
Future.__name = "graphsocket.future"

local function open(waiter)
  if waiter.open then
    return
  end
  waiter.open = true
  if waiter.on_open then
    waiter.on_open(waiter)
  end
end

--- Gives the future its values and wakes all who wait, in their order.
---@param ... any
---@return boolean first false: it had been resolved before, nothing changed
function Future:resolve(...)
  if self._done then
    return false
  end
  self._done, self._count = true, select("#", ...)
  self._values = { ... }
  local waiters = self._waiters
  self._waiters = nil
  for i = 1, waiters and #waiters or 0 do
    open(waiters[i])
  end
  return true
end

--- Whether resolve was called.
---@return boolean
function Future:done()
  return self._done
end

--- Waits until the future is resolved: yields in a task or in a coroutine of
--- the host, else runs the loop meanwhile.
---@param timeout number|nil seconds; nil: no limit
---@return boolean ok
---@return any ... the values of resolve, or "timeout"
function Future:await(timeout)
  if not self._done then
    self._wait(self, timeout)
  end
  if self._done then
    return true, unpack(self._values, 1, self._count)
  end
  return false, "timeout"
end

-- For the loop: adds one who waits.
function Future:_add(waiter)
  local waiters = self._waiters
  if not waiters then
    waiters = {}
    self._waiters = waiters
  end
  waiters[#waiters + 1] = waiter
end

-- For the loop: forgets one who has stopped waiting.
function Future:_remove(waiter)
  local waiters = self._waiters
  for i = 1, waiters and #waiters or 0 do
    if waiters[i] == waiter then
      table.remove(waiters, i)
      return
    end
  end
end

---@param wait fun(future: table, timeout: number|nil) returns when it is resolved or the time is over
local function new(wait)
  return setmetatable({
    _done = false,
    _count = 0, -- of _values, nils included
    _values = nil,
    _waiters = nil, -- array, made by the first who waits
    _wait = wait,
  }, Future)
end

return { new = new, open = open }
