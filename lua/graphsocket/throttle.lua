--- One client's turnstile: so many requests at once, and none at all while
--- Graph has asked for a pause.
--
-- Theory of operation.
--
--   state      | who may pass
--   -----------+------------------------------------------------------------
--   flowing    | the first in the queue, while fewer than |max| are under way
--   paused     | nobody, until |_paused_until|
--   probing    | one; when it ends without another pause: flowing; else paused,
--              | or (when it failed otherwise) the next one probes
--
-- A pause concerns all: requests that go on while one of them was told to wait
-- prolong the throttling for every one of them. After it a single request finds
-- out whether it is over.
-- A turn whose task was lost (its host has closed what it lived in) is taken back
-- when another is in want of one.

local loop = require "graphsocket.loop"

local methods = {}
local metatable = { __name = "graphsocket.throttle", __index = methods }

local throttle = {}

--- Makes a turnstile.
---@param max integer requests at once
---@return table
function throttle.new(max)
  return setmetatable({
    _max = max,
    _running = 0,
    _tickets = {},        -- ticket -> true: those that are not given back
    _queue = {},          -- waiting entries, first come first
    _paused_until = nil,  -- loop.now() seconds
    _timer = nil,
    _cautious = false,    -- a pause was asked for and none passed since
    _probe = nil,         -- the ticket that finds out
    _generation = 0,      -- counts pauses
  }, metatable)
end

function methods:_start(entry)
  local ticket = { generation = self._generation, task = entry.task }
  if self._cautious then self._probe = ticket end
  self._running = self._running + 1
  self._tickets[ticket] = true
  entry.done(ticket)
end

function methods:_take_back(ticket)
  self._tickets[ticket] = nil
  self._running = self._running - 1
  if ticket == self._probe then self._probe = nil end
end

function methods:_take_back_lost()
  for ticket in pairs(self._tickets) do
    if ticket.task and ticket.task:is_lost() then self:_take_back(ticket) end
  end
end

function methods:_may_pass()
  if self._paused_until then
    if loop.now() < self._paused_until then return false end
    self._paused_until = nil
  end
  if self._probe or self._running >= self._max then self:_take_back_lost() end
  if self._cautious then return self._probe == nil end
  return self._running < self._max
end

function methods:_pump()
  while self._queue[1] and self:_may_pass() do
    self:_start(table.remove(self._queue, 1))
  end
end

-- One timer at most, at the end of the pause.
function methods:_arm()
  if self._timer then self._timer:cancel() end
  self._timer = loop.timer(self._paused_until - loop.now(), function()
    self._timer = nil
    self:_pump()
  end)
end

--- Waits for a turn.
---@param scope table the operation; see scope.lua
---@param first boolean|nil before those that wait: it has had its turn before
---@return table|nil ticket to give back; nil if cancelled
function methods:enter(scope, first)
  local passed, ticket = scope:wait(function(done)
    local entry = { done = done, task = loop.current() }
    table.insert(self._queue, first and 1 or #self._queue + 1, entry)
    self:_pump()
    return function() self:_forget(entry) end
  end)
  if passed then return ticket end
end

function methods:_forget(entry)
  for i, waiting in ipairs(self._queue) do
    if waiting == entry then return table.remove(self._queue, i) end
  end
end

--- Gives a turn back.
---@param ticket table
---@param is_answered boolean the server answered, and asked for no pause
function methods:leave(ticket, is_answered)
  self:_take_back(ticket)
  if is_answered and ticket.generation == self._generation then
    self._cautious = false
  end
  self:_pump()
end

--- Lets nobody pass for `seconds`. A longer pause that is under way stays.
---@param seconds number
function methods:pause(seconds)
  local ends_at = loop.now() + seconds
  self._generation = self._generation + 1
  self._cautious = true
  if not self._paused_until or ends_at > self._paused_until then
    self._paused_until = ends_at
    self:_arm()
  end
end

--- Seconds until the pause ends; 0 if there is none.
---@return number
function methods:remaining()
  if not self._paused_until then return 0 end
  return math.max(0, self._paused_until - loop.now())
end

return throttle
