--- What waits for a subscription's handlers.
--
-- All events of one subscription go through one outbox: its handlers run one at
-- a time, in the order in which things happened, and may wait. Nothing else
-- waits for them, but for the one who brings notifications when too many are
-- there: so a handler that is too slow fills the socket's own bounded queue,
-- and not the memory.
-- Knows nothing of lines and states.

local coalesce = require "graphsocket.coalesce"
local loop = require "graphsocket.loop"

local outbox = {}

--- Notifications that may wait for their handler.
outbox.MAX_PENDING = 1000

local methods = {}
local metatable = { __name = "graphsocket.outbox", __index = methods }

-- Whose handlers they are is what a log has to say of them.
function metatable.__tostring(self)
  return tostring(self._target)
end

--- Makes an outbox.
---@param target table the emitter whose handlers are called
---@param quiet number|nil seconds, see coalesce.lua; nil beside a nil max_wait:
---  each notification is handed out
---@param max_wait number|nil seconds
---@return table
function outbox.new(target, quiet, max_wait)
  local self = setmetatable({
    _coalescer = nil,
    _epoch = 0,     -- what was put in before the last close is not handed out
    _pending = 0,   -- notifications that wait for their handler
    _queue = loop.queue(),
    _room = nil,    -- future of those who wait until there are less
    _target = target,
  }, metatable)
  if quiet or max_wait then
    self._coalescer = coalesce.new(quiet, max_wait, function()
      self._queue:push(self._deliver_latest, self, self._epoch)
    end)
  end
  return self
end

local function call(self, epoch, event, ...)
  if epoch == self._epoch then self._target:_call(event, ...) end
end

--- Puts an event in.
---@param event string
---@param ... any
function methods:tell(event, ...)
  self._queue:push(call, self, self._epoch, event, ...)
end

local function call_or_report(self, epoch, err)
  if not self._target:has_listeners("error") then return loop.report(err) end
  call(self, epoch, "error", err)
end

--- Puts in an "error" that must not be overlooked: if nobody listens to it, it
--- goes to graphsocket.on_error.
---@param err graphsocket.error
function methods:tell_final(err)
  self._queue:push(call_or_report, self, self._epoch, err)
end

function methods:_make_room(limit)
  if self._room and self._pending <= limit then
    self._room:resolve()
    self._room = nil
  end
end

local function deliver(self, epoch, found)
  self._pending = self._pending - 1
  self:_make_room(outbox.MAX_PENDING / 2)
  call(self, epoch, "notification", found, 1)
end

function methods:_deliver_latest(epoch)
  local found, count = self._coalescer:take()
  if found then call(self, epoch, "notification", found, count) end
end

--- Puts notifications in. Waits while too many are there.
---@param list graphsocket.notification[]
function methods:notify(list)
  for _, found in ipairs(list) do
    if self._coalescer then
      self._coalescer:add(found)
    else
      self._pending = self._pending + 1
      self._queue:push(deliver, self, self._epoch, found)
    end
  end
  if self._pending > outbox.MAX_PENDING then
    self._room = self._room or loop.future()
    self._room:await()
  end
end

--- Has what is being coalesced handed out without further waiting.
function methods:flush()
  if self._coalescer then self._coalescer:flush() end
end

--- Forgets what was put in. What is put in later is handed out.
function methods:clear()
  self._epoch = self._epoch + 1
  if self._coalescer then self._coalescer:cancel() end
  self:_make_room(math.huge)
end

return outbox
