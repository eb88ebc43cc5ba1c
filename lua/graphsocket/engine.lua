--- The Lua face of the I/O thread: hands its events to whom they concern.
--
-- The thread starts with the first use and is the loop's source of events. The
-- core keeps no Lua function and no Lua object; the two tables here map its ids
-- to sinks and requests.
--   Sinks are referenced weakly: a manager that the program has dropped is
--   collected, with it its connection, and the core closes what is collected.
--   Requests are referenced strongly, and held (loop.hold): each is answered
--   exactly once, also when it is cancelled or the thread is stopped.
-- Sinks and callbacks are called by the pump, in the middle of a turn, so they
-- must not wait; an error of one is reported and the next is called.
-- This module decides nothing about connections or HTTP.

local core = require "graphsocket.core"
local errors = require "graphsocket.errors"
local guard = require "graphsocket.loop.guard"
local loop = require "graphsocket.loop"
local suspend = require "graphsocket.suspend"

local engine = {}

-- Events of one dispatch: timers and tasks get their turn in a burst.
local BATCH = 256

local MESSAGE, PING, RESPONSE = core.MESSAGE, core.PING, core.RESPONSE
local OPEN, CLOSED, CLOCK = core.OPEN, core.CLOSED, core.CLOCK
local BELL, GONE = core.BELL, core.GONE

local thread -- the core's engine
local take -- thread.next
local sinks = setmetatable({}, { __mode = "v" }) -- connection id -> sink
local leaving = setmetatable({}, { __mode = "v" }) -- likewise, after CLOSED
local requests = {} -- request id -> {callback = fn}
local on_bell -- of engine.bell
local left -- events that this dispatch may still hand out

local function answer(id, fields)
  local request = requests[id]
  requests[id] = nil
  loop.release(request)
  if fields.kind then
    request.callback(nil, errors.from_fields(fields))
  else
    request.callback(fields)
  end
end

local function tell_gone(id)
  local sink = leaving[id]
  leaving[id] = nil
  if sink and sink.on_gone then
    sink:on_gone()
  end
end

-- Hands out what is no message.
local function hand_out(kind, id, a)
  if kind == RESPONSE then
    return requests[id] and answer(id, a)
  elseif kind == CLOCK then
    return suspend.notice()
  elseif kind == BELL then
    return on_bell()
  end
  if kind == GONE then
    return tell_gone(id)
  end
  local sink = sinks[id]
  if not sink then
    return -- collected meanwhile
  end
  if kind == PING then
    sink:on_ping()
  elseif kind == OPEN then
    sink:on_open(a)
  elseif kind == CLOSED then
    sinks[id], leaving[id] = nil, sink
    sink:on_close(a)
  end
end

-- Hands out events until none is left, or the batch is full; or one raises.
local function drain()
  while left > 0 and thread do
    -- Counted first: should take() itself raise, the batch still ends.
    left = left - 1
    local kind, id, a, b = take(thread)
    if kind == MESSAGE then
      local sink = sinks[id]
      if sink then -- else it was collected meanwhile
        sink:on_message(a, b)
      end
    elseif kind then
      hand_out(kind, id, a)
    else
      left = left + 1
      return
    end
  end
end

-- Ends every connection in order. Nobody is told but the servers: whoever was
-- would connect again.
local function leave()
  local old = sinks
  sinks = setmetatable({}, { __mode = "v" })
  for id, sink in pairs(old) do
    if sink.on_leave then
      leaving[id] = sink
      guard.call(sink.on_leave, sink)
    end
  end
end

local function dispatch()
  -- A dispatch inside a dispatch cannot be: a sink does not wait.
  left = BATCH
  repeat
    -- One protected call for the batch, not one for each event.
    local ok = guard.call(drain)
  until ok
  if left == 0 and thread then
    -- The fd is only sure to be readable after next() found nothing.
    thread:wake()
  end
  return BATCH - left
end

local source = {
  dispatch = dispatch,
  fd = function()
    return thread:fd()
  end,
  wake = function()
    thread:wake()
  end,
  active = function()
    return next(sinks) ~= nil or next(requests) ~= nil or next(leaving) ~= nil or on_bell ~= nil
  end,
  -- For hosts that wait for sockets of their own only: listen() -> path to
  -- connect to; accept(): that connection is readable from now on.
  listen = function()
    return thread:wake_listen()
  end,
  accept = function()
    return thread:wake_accept()
  end,
  leave = leave,
  has_left = function()
    return next(leaving) == nil
  end,
  stop = function()
    engine.stop()
  end,
}

--- Starts the I/O thread, unless it runs.
---@return boolean|nil ok
---@return table|nil err
function engine.start()
  if thread then
    return true
  end
  local why, misuse = loop.cannot_start()
  if misuse then
    error(why, 0)
  elseif why then
    return nil, errors.new { kind = "closed", message = why }
  end
  local started, fields = core.engine()
  if not started then
    return nil, errors.from_fields(fields)
  end
  thread, take = started, started.next
  started:wake() -- as in dispatch: nobody has called next() yet
  source.alarm = started.alarm and function(seconds)
    thread:alarm(seconds)
  end
  loop.attach(source)
  return true
end

--- Ends the I/O thread. Whatever was under way is told so by the pump; the next
--- use starts a new thread.
function engine.stop()
  if not thread then
    return
  end
  local old, old_sinks, old_requests = thread, sinks, requests
  local old_leaving = leaving
  loop.attach(nil)
  thread, requests, on_bell = nil, {}, nil
  sinks = setmetatable({}, { __mode = "v" })
  leaving = setmetatable({}, { __mode = "v" })
  old:stop()
  local message = "the I/O thread was stopped"
  for _, sink in pairs(old_sinks) do
    loop.spawn(sink.on_close, sink, {
      reason = "forced close",
      kind = "closed",
      code = "CLOSED",
      message = message,
    })
    if sink.on_gone then
      sink:on_gone()
    end
  end
  for _, sink in pairs(old_leaving) do
    if sink.on_gone then
      sink:on_gone()
    end
  end
  for _, request in pairs(old_requests) do
    loop.release(request)
    loop.spawn(request.callback, nil,
      errors.new { kind = "closed", code = "CLOSED", message = message })
  end
end

--- Begins to open a connection. It is closed when it is collected.
---@param options table the core's flat table
---@param sink table on_open(fields), on_message(data, binary), on_ping(), once
--- connection:tell_pings(true) asked for that, on_close(fields), on_gone(), if it
--- has that, once nothing is left to be sent, and on_leave(), if it has that: the
--- process ends, and of the connection's end it is told on_gone() alone;
--- referenced weakly: it is the sink that holds the connection
---@return userdata|nil connection the core's: id send writable release retain tell_pings close stats
---@return table|nil err
function engine.open(options, sink)
  local ok, err = engine.start()
  if not ok then
    return nil, err
  end
  local why = loop.ending()
  if why then
    return nil, errors.new { kind = "closed", message = why }
  end
  local connection = thread:open(options)
  sinks[connection:id()] = sink
  loop.changed() -- an event can come now
  return connection
end

--- Begins an HTTP request.
---@param options table the core's flat table
---@param callback fun(response: table|nil, err: table|nil) called exactly
--- once, by the pump, never at once; must not wait
---@return function|nil cancel the callback then gets a "closed" error, unless it was called already
---@return table|nil err the request could not begin; no callback
function engine.request_start(options, callback)
  local ok, err = engine.start()
  if not ok then
    return nil, err
  end
  local id = thread:request(options)
  local request = { callback = callback }
  requests[id] = request
  loop.hold(request)
  return function()
    if requests[id] == request then
      thread:cancel(id)
    end
  end
end

--- Does an HTTP request, and waits for its end.
---@param options table the core's flat table
---@return table|nil response status headers body ...
---@return table|nil err
function engine.request(options)
  local answered = loop.future()
  local cancel, err = engine.request_start(options, function(...)
    answered:resolve(...)
  end)
  if not cancel then
    return nil, err
  end
  return select(2, answered:await())
end

--- Has a function called when another process rings: once for rings that come
--- together. It is called by the pump, and must not wait. One a Lua state; a
--- second call replaces the function.
---@param callback function
---@return string|nil path where to ring; gone when the thread is stopped
---@return table|nil err
function engine.bell(callback)
  local ok, err = engine.start()
  if not ok then
    return nil, err
  end
  local path, message = thread:bell()
  if not path then
    return nil, errors.new {
      kind = "state",
      message = "no bell could be made: " .. message,
    }
  end
  on_bell = callback
  return path
end

--- Rings the bell of another process; never waits.
---@param path string of its engine.bell
---@return boolean|nil ok
---@return table|nil err of kind "closed": that process has ended
function engine.ring(path)
  local ok, message = core.ring(path)
  if ok then
    return true
  end
  return nil, errors.new {
    kind = "closed",
    message = "nobody hears this bell: " .. message,
  }
end

return engine
