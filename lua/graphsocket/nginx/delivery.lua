--- Calls this worker's handlers with what stands in the journal.
--
-- One at a time, in order, in a task, so they may wait. There is no queue but
-- the journal: a handler that takes too long, or for ever, finds it overwritten
-- when it returns, and what it missed is counted. The task ends when all is
-- read, so an idle worker has none.

local json = require "graphsocket.json"
local loop = require "graphsocket.loop"

local unpack = table.unpack or unpack

local delivery = {}

--- Seconds after which others in the worker get their turn.
delivery.SLICE = 0.01

--- Seconds that a hole of the journal is given to fill: a writer fills it
--- within microseconds unless the machine stalls.
delivery.HOLE = 1

local methods = {}
local metatable = { __name = "graphsocket.nginx.delivery", __index = methods }

function metatable.__tostring()
  return "graphsocket.nginx"
end

---@param reader table journal:reader()
---@param target table an emitter: whose handlers are called
---@param on table progress(position): called now and then, and when all is
---  read; error(err): a handler raised, which was reported
---@return table delivery delivered (events that handlers were called with)
function delivery.new(reader, target, on)
  return setmetatable({
    delivered = 0,
    _at_hole = nil,    -- {position, since}
    _is_busy = false,
    _last = math.huge, -- number of the last event that counts
    _on = on,
    _queue = loop.queue(),
    _reader = reader,
    _target = target,
    _turned_at = nil,  -- loop.now() seconds: others had their turn
  }, metatable)
end

local function call_handlers(self, event, ...)
  local list = self._target:listeners(event)
  for i = 1, #list do
    local ok, err = loop.call(list[i], ...)
    if not ok then self._on.error(err) end
  end
  if #list > 0 then self.delivered = self.delivered + 1 end
end

local function deliver(self, text)
  local message = json.decode(text)
  local count = #message -- a nil was written as null
  for i = 2, count do
    if message[i] == json.null then message[i] = nil end
  end
  call_handlers(self, unpack(message, 1, count))
end

-- Whether the reader may go on behind a hole; else sees to it that it will.
local function pass_hole(self)
  local reader, now = self._reader, loop.now()
  local hole = self._at_hole
  if not hole or hole.position ~= reader.position then
    self._at_hole = { position = reader.position, since = now }
    loop.timer(delivery.HOLE, function() self:wake() end)
    return false
  end
  if now - hole.since < delivery.HOLE then return false end
  reader:skip()
  return true
end

-- Lets others have their turn, if it is time. A worker that exits has no pump
-- any more which could end the wait.
local function pause(self)
  if loop.now() - self._turned_at < delivery.SLICE then return end
  self._on.progress(self._reader.position)
  if self._last == math.huge then loop.sleep(0) end
  self._turned_at = loop.now()
end

-- One event. In a queue, whose host warns of what blocks the worker.
local function step(self)
  local text, is_hole
  if self._reader.position < self._last then
    text, is_hole = self._reader:next()
  end
  if text then
    loop.call(deliver, self, text)
    pause(self)
  elseif not is_hole or not pass_hole(self) then
    self._is_busy = false
    return self._on.progress(self._reader.position)
  end
  self._queue:push(step, self)
end

--- There may be something new.
function methods:wake()
  if self._is_busy or self._reader.position >= self._last then return end
  self._is_busy, self._turned_at = true, loop.now()
  self._queue:push(step, self)
end

--- Events that this worker's handlers missed.
---@return number
function methods:dropped()
  return self._reader.dropped + self._reader:overdue()
end

--- Calls handlers with what is there by now, and then no more.
function methods:finish()
  self._last = self._reader:newest()
  self:wake()
end

return delivery
