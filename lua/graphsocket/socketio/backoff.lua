--- How long to wait before the next reconnection attempt.
--
-- The JavaScript client's rule (contrib/backo2), in seconds: min · 2^n, moved
-- up or down by as much as |jitter| of itself, never above max. The cap comes
-- after the jitter, as there, so the waits end up equal once the cap is far
-- behind; `reconnection_delay_max` is a promise that is never exceeded.
--
-- Pure: the random numbers come from outside. What the attempts mean, and when
-- the count begins anew, is the manager's business.

local backoff = {}

local Backoff = {}
local metatable = { __name = "graphsocket.backoff", __index = Backoff }

local FACTOR = 2

-- Beyond this many doublings any wait is above any cap; without a bound the
-- wait would become infinite, and infinite less its jitter is not a number.
local MAX_DOUBLINGS = 60

---@param fields table min, max (seconds), jitter (0 to 1), random (function
--- that returns a number in [0, 1))
---@return table
function backoff.new(fields)
  return setmetatable({
    attempts = 0;
    min = fields.min;
    max = fields.max;
    jitter = fields.jitter;
    _random = fields.random;
  }, metatable)
end

--- Counts one attempt more and returns the seconds to wait before it.
---@return number
function Backoff:duration()
  local doublings = math.min(self.attempts, MAX_DOUBLINGS)
  self.attempts = self.attempts + 1
  local wait = self.min * FACTOR ^ doublings
  if self.jitter > 0 then
    local random = self._random()
    local deviation = random * self.jitter * wait
    -- One number gives both the size and, by its first decimal, the sign.
    if math.floor(random * 10) % 2 == 0 then deviation = -deviation end
    wait = wait + deviation
  end
  return math.min(wait, self.max)
end

--- Begins anew: the next wait is the shortest; or the one after so many attempts.
---@param attempts integer|nil 0
function Backoff:reset(attempts)
  self.attempts = attempts or 0
end

return backoff
