--- How long an endpoint is good for: when it must be renewed, and whether
--- another socket may be opened on it.
--
-- Each GET of an endpoint may make a subscription in the service, of which a
-- list has room for so many: so one is used again after a lost connection. It
-- is not when the server refused it, when it is about to expire, or when it
-- failed so often that its host may be gone for good: Graph names another one.
--
-- Times are the loop's monotonic seconds, measured from the moment of the
-- answer: neither a wrong local clock nor one that is set later matters.
-- Pure: the clocks and the random number are arguments.

local lease = {}

--- Seconds after which an endpoint that states no expiry is renewed.
lease.NO_EXPIRY = 1800

--- Failures in a row after which an endpoint is not tried again.
lease.MAX_FAILURES = 5

--- How much earlier than its time a renewal may come, as a part of the lead:
--- subscriptions that were made together are not renewed together.
local JITTER = 0.25

--- A renewal comes this many seconds after the endpoint at the earliest,
--- however short its life.
local SHORTEST = 1

local methods = {}
local metatable = { __name = "graphsocket.lease", __index = methods }

---@class graphsocket.lease
---@field endpoint graphsocket.endpoint
---@field expires number|nil loop.now() seconds
---@field renew_at number loop.now() seconds

--- Makes the lease of an endpoint that was just given out.
---@param endpoint graphsocket.endpoint
---@param times table now (loop.now()), server_time (epoch seconds by Graph's
---  clock), lead (seconds before the expiry), random (0 to 1)
---@return graphsocket.lease
function lease.new(endpoint, times)
  local life = endpoint.expires_at and endpoint.expires_at - times.server_time
  local wait, expires
  if life and life > 0 then
    -- A short life is used for the half of it, and more.
    local early = math.min(times.lead, life / 2)
    wait = math.max(SHORTEST, life - early * (1 + JITTER * times.random))
    expires = times.now + life
  else
    -- Over before it began is no statement about the endpoint, but about a
    -- clock; the server refuses what has really expired.
    wait = lease.NO_EXPIRY * (1 - JITTER / 2 * times.random)
  end
  return setmetatable({
    endpoint = endpoint,
    expires = expires,
    renew_at = times.now + wait,
    _failures = 0,      -- in a row
    _is_refused = false,
  }, metatable)
end

-- A server that is busy, or a proxy that timed out, does not refuse the URL.
local MAY_PASS = { [407] = true, [408] = true, [425] = true, [429] = true }

local function is_refusal(err)
  if err.code == "refused" or err.code == "io server disconnect" then
    return true
  end
  local status = err.status
  return status ~= nil and status >= 400 and status < 500
    and not MAY_PASS[status]
end

--- Says that a socket on the endpoint failed or was lost.
---@param err graphsocket.error
---@param has_lasted boolean whether it had worked for a while
function methods:note_failure(err, has_lasted)
  self._failures = has_lasted and 1 or self._failures + 1
  if is_refusal(err) then self._is_refused = true end
end

--- Whether another socket may be opened on the endpoint.
---@param now number loop.now()
---@return boolean
function methods:is_usable(now)
  return not self._is_refused and self._failures < lease.MAX_FAILURES
    and now < self.renew_at
end

return lease
