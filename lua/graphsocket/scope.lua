--- What one operation must give up when it is cancelled.
--
-- An operation in Graph waits for a turn, for a token, for an answer, for a
-- back-off to pass. Whatever it waits for, the wait is one future of its own;
-- cancelling the scope resolves that future, so that close() is quick from
-- every state. Each wait says by its first value how it ended.

local errors = require "graphsocket.errors"
local loop = require "graphsocket.loop"

local methods = {}
local metatable = { __name = "graphsocket.scope", __index = methods }

local scope = {}

--- The error of an operation that was cancelled.
---@return graphsocket.error
function scope.cancellation()
  return errors.new {
    kind = "closed", message = "cancelled", code = "CANCELLED",
    retryable = false,
  }
end

--- Makes a scope that is not cancelled.
---@return table
function scope.new()
  return setmetatable({
    cancelled = false,
    _callbacks = {}, -- function -> true
  }, metatable)
end

--- Cancels once and for all. Every callback is called once, at once.
function methods:cancel()
  if self.cancelled then return end
  self.cancelled = true
  local callbacks = self._callbacks
  self._callbacks = {}
  for callback in pairs(callbacks) do callback() end
end

--- Has `callback` called on cancel; at once if that has happened. The returned
--- function takes it back.
---@param callback function
---@return function
function methods:on_cancel(callback)
  -- A closure of its own, so that one function may be registered twice.
  local function call() callback() end
  if self.cancelled then
    call()
    return call
  end
  self._callbacks[call] = true
  return function() self._callbacks[call] = nil end
end

-- Made here and not in wait(), whose locals are gone when nginx kills the request
-- that waits, while these may still be called.
local function resolver(future)
  return function(...) future:resolve(true, ...) end
end

local function canceller(future, stop)
  return function()
    if stop then stop() end
    future:resolve(false)
  end
end

--- Waits for what `start` begins. `start(done)` may return a function that
--- stops it; `done(...)` ends the wait.
---@param start function
---@return boolean done false if the scope was cancelled, or the process ends
---@return any ... what done was called with
function methods:wait(start)
  if self.cancelled then return false end
  local future = loop.future()
  local stop = start(resolver(future))
  local forget = self:on_cancel(canceller(future, stop))
  return (function(awaited, ...)
    forget()
    if not awaited then return false end
    return ...
  end)(future:await())
end

--- Waits `seconds`.
---@param seconds number
---@return boolean false if the scope was cancelled
function methods:sleep(seconds)
  return (self:wait(function(done)
    local timer = loop.timer(seconds, done)
    return function() timer:cancel() end
  end))
end

return scope
