--- What a worker does while it owns: calls `run`, and again if it fails.
--
-- `run` fails if it raises, or returns nil and an error: a token may be missing
-- for a while, or the state file of a watch still locked by the worker that
-- owned before. The waits between two calls grow.

local errors = require "graphsocket.errors"
local loop = require "graphsocket.loop"
local share = require "graphsocket.nginx.share"

local ownership = {}

--- Seconds between the calls of a `run` that fails.
ownership.RETRY = { 0.25, 0.5, 1, 2, 4, 8, 15, 30 }

local methods = {}
local metatable = { __name = "graphsocket.nginx.ownership", __index = methods }

---@param run fun(share: graphsocket.nginx.share): any ...
---@param worker table as of share.new
---@return table ownership share (of the call under way or done, or nil)
function ownership.new(run, worker)
  return setmetatable({
    share = nil,
    _epoch = 0,      -- of begin and finish: what belongs to an older one is void
    _failures = 0,   -- in a row
    _run = run,
    _timer = nil,    -- of the next call
    _told = nil,     -- the last error that was reported
    _worker = worker,
  }, metatable)
end

-- Takes what `run` returned; returns nil and an error if it failed.
local function settle(current, ok, ...)
  local first, err = ...
  if not ok then return nil, first, true end
  if not first and err ~= nil then
    return nil, errors.wrap(err, "state", "run")
  end
  for i = 1, select("#", ...) do
    local value = select(i, ...)
    if share.is_source(value) then
      if not current:_has(value) then current:forward(value) end
    elseif value ~= nil and value ~= true then
      return nil, errors.new {
        kind = "usage",
        message = ("run returned a %s: return subscriptions, watches or nothing")
          :format(type(value)),
      }
    end
  end
  return true
end

local attempt

-- What a failed `run` has begun is closed: the next call begins it anew.
local function try_again(self, epoch, err, was_reported)
  self.share:_close()
  self.share = nil
  self._failures = self._failures + 1
  self._worker.note_error(err)
  local text = tostring(err)
  if not was_reported and text ~= self._told then loop.report(err) end
  self._told = text
  local delays = ownership.RETRY
  self._timer = loop.timer(delays[math.min(self._failures, #delays)], attempt,
    self, epoch)
end

function attempt(self, epoch)
  if epoch ~= self._epoch then return end
  local current = share.new(self._worker)
  self.share = current
  local ok, err, was_reported = settle(current, loop.call(self._run, current))
  if epoch ~= self._epoch then return end
  if not ok then return try_again(self, epoch, err, was_reported) end
  self._failures, self._told = 0, nil
  self._worker.changed()
end

--- This worker owns from now on.
function methods:begin()
  self._epoch, self._failures = self._epoch + 1, 0
  loop.spawn(attempt, self, self._epoch)
end

--- It does not any more. Closes the sources; never waits. A `run` that is under
--- way goes on, with a share that publishes nothing.
function methods:finish()
  self._epoch = self._epoch + 1
  if self._timer then self._timer:cancel() end
  if self.share then self.share:_close() end
  self._timer, self.share = nil, nil
end

--- stats() of the sources.
---@return table[]
function methods:stats()
  return self.share and self.share:_stats() or {}
end

return ownership
