--- The queue of a socket with the option `retries`: events that are sent one at
--- a time, each until the server has acknowledged it or it was tried
--- `retries` + 1 times. So they arrive in order, and at least once as far as
--- the tries go; the server may see one twice.
--
-- Drained as the JavaScript client drains it (_addToQueue, _drainQueue):
--   - nothing is sent while the socket is not connected;
--   - a try ends with the acknowledgement, its time-out, or a disconnection;
--   - on every connect the first event is sent again, pending or not.
-- One difference: there, without ackTimeout, the server's first value is taken
-- for the error. Here errors and values are told apart in any case.
--
-- What an entry's try is, is the business of emit.lua: it gives `send`.

local acks = require "graphsocket.socketio.acks"
local loop = require "graphsocket.loop"

local retries = {}

--- Seconds until the next look at a connection that takes no more: its send
--- queue is full.
local CONGESTION = 1

local Retries = {}
local metatable = { __name = "graphsocket.retries", __index = Retries }

---@param limit integer tries after the first
---@param send fun(event: table, target: table): boolean sends an event and has
--- target:settle(err, values) called once; false if it was not taken
---@return table
function retries.new(limit, send)
  return setmetatable({
    limit = limit;
    connected = false;   -- the socket's state, told by it
    _entries = {};       -- _first.._last
    _first = 1;
    _last = 0;
    _send = send;
  }, metatable)
end

--- How many events are in the queue.
---@return integer
function Retries:size()
  return self._last - self._first + 1
end

local Entry = {}
local entry_metatable = { __index = Entry }

--- Adds an event and sends it if it is its turn.
---@param event table as emit.lua makes it; event.target, if there is one, is
--- called with an error or nil, and the values
function Retries:add(event)
  self._last = self._last + 1
  self._entries[self._last] = setmetatable({
    event = event;
    pending = false;   -- sent, and its acknowledgement is awaited
    tries = 0;
    queue = self;
  }, entry_metatable)
  self:drain()
end

--- Sends the first event of the queue.
---@param force boolean|nil also if its acknowledgement is awaited: it was sent by a connection that is gone
function Retries:drain(force)
  local entry = self._entries[self._first]
  if not self.connected or not entry or entry.pending and not force then
    return
  end
  entry.pending = true
  entry.tries = entry.tries + 1
  if not self._send(entry.event, entry) then
    entry.pending = false
    entry.tries = entry.tries - 1
    loop.timer(CONGESTION, self.drain, self)
  end
end

function Retries:_shift()
  self._entries[self._first] = nil
  self._first = self._first + 1
end

--- The end of a try.
---@param err graphsocket.error|nil the try was in vain
---@param values table|nil what the server answered
function Entry:settle(err, values)
  local queue = self.queue
  -- The answer to an earlier try came first.
  if queue._entries[queue._first] ~= self then return end
  if not err or self.tries > queue.limit then
    queue:_shift()
    if self.event.target then
      acks.settle(self.event.target, true, err, values)
    end
  end
  self.pending = false
  queue:drain()
end

return retries
