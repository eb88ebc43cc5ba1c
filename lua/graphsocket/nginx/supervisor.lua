--- Looks after a worker from nginx's own timers, which need no pump.
--
-- nginx drops the callback of a timer for good when lua_max_running_timers is
-- reached, but ngx.timer.every arms the next one first; so this is what renews
-- the lease and notices what no bell told. A timer that comes prematurely means
-- that the worker exits, but not always: it was seen without that when
-- worker_connections ran out (lua-nginx-module#1338); and one that is made
-- during the exit does not come prematurely: exiting() decides, always.
-- Should even the series break (lua_max_pending_timers), the next who looks
-- begins another.

local loop = require "graphsocket.loop"

local supervisor = {}

--- Seconds between two looks, at most.
supervisor.INTERVAL = 5

--- Looks that fail to come until the series is taken for broken.
local MISSED = 3

local methods = {}
local metatable = { __name = "graphsocket.nginx.supervisor", __index = methods }

---@param ngx table nginx's API
---@param interval number seconds
---@param on table look(): now and then, and soon after the start; leave(): the
---  worker exits, called once
---@return table supervisor
function supervisor.new(ngx, interval, on)
  return setmetatable({
    _interval = interval,
    _is_over = false,
    _looked_at = nil, -- loop.now() seconds
    _missed_at = nil, -- likewise: somebody saw that looks fail to come
    _ngx = ngx,
    _on = on,
    _series = 0,      -- a timer of an older series does nothing
  }, metatable)
end

local function look(premature, self, series)
  if self._is_over or series ~= self._series then return end
  if self._ngx.worker.exiting() then
    self._is_over = true
    return loop.call(self._on.leave)
  end
  if premature then return end -- the series goes on
  self._looked_at, self._missed_at = loop.now(), nil
  loop.call(self._on.look)
end

local function begin_series(self)
  self._series = self._series + 1
  self._looked_at, self._missed_at = loop.now(), nil
  return self._ngx.timer.every(self._interval, look, self, self._series)
end

--- Begins, with a look as soon as the worker's loop runs.
---@return boolean|nil ok
---@return string|nil message nginx's
function methods:start()
  local ok, message = begin_series(self)
  if not ok then return nil, message end
  return self._ngx.timer.at(0, look, self, self._series)
end

--- Mends a broken series. Cheap; to be called whenever something happens. One
--- that is late may only be held up, with all of this worker (a handler that
--- blocks, a machine that slept), as nginx sees to sockets before timers: then
--- another would run beside it for ever. So it is given one more interval.
function methods:check()
  local now = loop.now()
  if self._is_over or now - self._looked_at <= MISSED * self._interval then
    return
  end
  self._missed_at = self._missed_at or now
  if now - self._missed_at > self._interval then begin_series(self) end
end

--- No look any more.
function methods:stop()
  self._is_over = true
end

return supervisor
