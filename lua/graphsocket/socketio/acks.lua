--- Acknowledgements that a socket awaits from the server.
--
-- Rules of the JavaScript client (_registerAckCallback, onack, _clearAcks):
--   - ids count from 0 and are never used again by the same socket;
--   - an acknowledgement is taken once; one that nobody awaits is ignored;
--   - who asked with a time-out (or waits, as emit_with_ack does) is told of a
--     time-out and of a disconnection by an error in front of the values; who
--     asked without is told of neither, and is forgotten at a disconnection,
--     since the answer cannot come any more;
--   - an event that waits in the send buffer keeps its acknowledgement.
--
-- Whom the answer goes to is a function, or an object with a method
-- settle(err, values) that must not wait. A function runs in a task of its own:
-- acknowledgements do not queue behind the handlers of events.

local errors = require "graphsocket.errors"
local loop = require "graphsocket.loop"

local unpack = table.unpack or unpack

local acks = {}

local Acks = {}
local metatable = { __name = "graphsocket.acks", __index = Acks }

---@param on_timeout fun(id: integer) called first when one has timed out
---@return table
function acks.new(on_timeout)
  return setmetatable({
    count = 0;         -- how many are awaited
    _awaited = {};     -- id -> {target, with_error, timer}
    _next_id = 0;
    _on_timeout = on_timeout;
  }, metatable)
end

local function call_with_error(callback, err, values)
  if err then return callback(err) end
  callback(nil, unpack(values, 1, #values))
end

local function call_plain(callback, values)
  callback(unpack(values, 1, #values))
end

--- Hands an answer, or an error, to whom it is for.
---@param target function|table
---@param with_error boolean whether a function takes an error first
---@param err table|nil
---@param values table|nil
function acks.settle(target, with_error, err, values)
  if type(target) == "table" then
    target:settle(err, values)
  elseif with_error then
    loop.spawn(call_with_error, target, err, values)
  elseif not err then
    loop.spawn(call_plain, target, values)
  end
end

function Acks:_expire(id, timeout)
  local ack = self:take(id)
  if not ack then return end
  self._on_timeout(id)
  acks.settle(ack.target, true, errors.new {
    kind = "timeout",
    message = ("no acknowledgement within %.14g s"):format(timeout),
    phase = "acknowledgement",
  })
end

--- Awaits one more.
---@param target function|table
---@param timeout number|nil seconds
---@return integer id to send with the event
function Acks:add(target, timeout)
  local id = self._next_id
  self._next_id = id + 1
  self.count = self.count + 1
  self._awaited[id] = {
    target = target;
    with_error = timeout ~= nil or type(target) == "table";
    timer = timeout and loop.timer(timeout, self._expire, self, id, timeout);
  }
  return id
end

--- Takes one out.
---@param id integer
---@return table|nil ack {target, with_error}; nil if it is not awaited
function Acks:take(id)
  local ack = self._awaited[id]
  if not ack then return nil end
  self._awaited[id] = nil
  self.count = self.count - 1
  if ack.timer then ack.timer:cancel() end
  return ack
end

--- After a disconnection: answers with an error, in order, those that take one,
--- and forgets the others.
---@param keep table ids of events that were not sent yet, as keys
function Acks:clear(keep)
  local ids = {}
  for id in pairs(self._awaited) do
    if not keep[id] then ids[#ids + 1] = id end
  end
  table.sort(ids)
  for _, id in ipairs(ids) do
    local ack = self:take(id)
    if ack.with_error then
      acks.settle(ack.target, true, errors.new {
        kind = "closed",
        message = "the socket was disconnected before the acknowledgement",
        retryable = true,
      })
    end
  end
end

return acks
