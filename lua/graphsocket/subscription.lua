--- A subscription: notifications of one resource that go on for months.
--
-- Theory of operation. Three things make up the state: the line that is joined,
-- if any; the attempt to get another one, if any is under way, which first
-- fetches an endpoint and then connects a line; and whether all is over.
--
--   state      | joined line | attempt    | a timer runs for
--   -----------+-------------+------------+-----------------------------------
--   fetching   | no          | fetches    | -
--   connecting | no          | connects   | -
--   waiting    | no          | no         | the next attempt
--   joined     | yes         | no         | the renewal, or its next attempt
--   renewing   | yes         | either     | -
--   failed     | no          | no         | -, and nothing follows
--   closed     | no          | no         | -, and nothing follows
--
--   event            | fetching, connecting | waiting | joined     | renewing
--   -----------------+----------------------+---------+------------+-----------
--   timer            | -                    | fetching| renewing   | -
--                    |                      | or conn.|            |
--   endpoint given   | connecting           | -       | -          | renewing
--   line joined      | joined (1)           | -       | -          | joined (2)
--   attempt failed   | waiting              | -       | -          | joined
--   final error      | failed               | -       | -          | failed
--   joined line lost | -                    | -       | waiting (3)| fetching,
--                    |                      |         |            | conn. (3)
--   machine resumed  | -                    | as timer| - (4)      | - (4)
--   close()          | closed               | closed  | closed     | closed
--
--   (1) "connect", and "sync" as there was a gap.
--   (2) "renew". The old line stays for LINGER seconds: a notification that was
--       sent through it alone may still be on its way. After that it stays until
--       it has shown that it lives: it may have been dead for a while, unnoticed,
--       and what was sent through it alone is lost. If it ends before that,
--       "sync". As long as it stays, and only then, a change may be told twice,
--       once by each line: they carry different subscriptions, and nothing says
--       which change one is about, so to drop either could lose one.
--   (3) if the line that it replaced is still there, that one is the joined
--       line again, and there is no gap: joined, renewing.
--   (4) "sync": the line may have missed something.
--
-- No more than two lines are ever joined: a line that lingers is closed before
-- a third connects. Every cause of a loss leads to another attempt; the waits
-- between attempts grow until a line has lasted. Only an answer of Graph that
-- cannot get better is final.

local core = require "graphsocket.core"
local emitter = require "graphsocket.socketio.emitter"
local errors = require "graphsocket.errors"
local lease = require "graphsocket.lease"
local line = require "graphsocket.line"
local loop = require "graphsocket.loop"
local notification = require "graphsocket.notification"
local outbox = require "graphsocket.outbox"
local scope = require "graphsocket.scope"
local subscription_options = require "graphsocket.subscription_options"
local suspend = require "graphsocket.suspend"

local subscription = {}

--- Seconds after which a joined line is worth something: the waits begin anew.
--- Longer than a heartbeat of the service.
subscription.LASTED = 30

--- Seconds that a replaced line is kept at least: several retransmissions of TCP.
subscription.LINGER = 5

--- The options of client:subscribe, on which those of client:watch are built.
subscription.options = subscription_options.schema

-- The object -----------------------------------------------------------------

---@class graphsocket.subscription
---@field resource string the path that is subscribed to
---@field state string "fetching" "connecting" "joined" "renewing" "waiting" "failed" or "closed"
---@field connected boolean whether a socket is joined
local Subscription = {}
emitter.extend(Subscription, emitter.methods)

local metatable = {
  __name = "graphsocket.subscription", __index = Subscription,
}

function metatable.__tostring(self)
  return ("graphsocket.subscription: %s (%s)"):format(self.resource, self.state)
end

local begin

--- Subscribes. Returns at once; all that follows is told by events:
--- "connect"(), "disconnect"(reason, details), "connect_error"(err) as those of
--- a socket, "notification"(notification, count), "sync"(why),
--- "renew"(endpoint), "state"(name, detail), "error"(err). Handlers run one at
--- a time and may wait. `count`: of the notifications that this one stands for.
--- `detail` is a table after a failure: err; and delay (seconds) and attempts
--- (in a row), unless it was the last one.
---@param client graphsocket.client
---@param what graphsocket.resource
---@param values table checked by subscription.options; other names are ignored
---@return graphsocket.subscription
function subscription.new(client, what, values)
  local self = emitter.init(setmetatable({}, metatable))
  self.connected = false
  self.resource = what.path
  self.state = nil
  self._attempt = nil        -- {scope, line}
  self._client = client
  self._counts = { connects = 0, reconnects = 0, renewals = 0,
    notifications = 0 }
  self._failures = 0         -- attempts in vain, and short lives, in a row
  self._last = {}            -- error, notification_at, ping_at
  self._lease = nil          -- of the next attempt; nil: it must fetch
  self._line = nil           -- the joined one
  self._lines = {}           -- line -> true: those that can tell of pings
  self._linger = nil         -- timer of the replaced one
  self._next_at = nil        -- epoch seconds of the timer
  self._old_line = nil       -- the one that it replaced
  self._outbox = outbox.new(self, values.quiet, values.max_wait)
  self._over = nil           -- "failed" "closed"
  self._since = nil          -- epoch seconds of the last change of state
  self._socket_options = subscription_options.of_socket(values)
  self._timer = nil
  self._values = values
  self._what = what
  loop.hold(self)
  suspend.watch(self)
  begin(self)
  return self
end

-- State ----------------------------------------------------------------------

local function state_of(self)
  if self._over then return self._over end
  local attempt = self._attempt
  if self._line then return attempt and "renewing" or "joined" end
  if not attempt then return "waiting" end
  return attempt.line and "connecting" or "fetching"
end

local function update(self, detail)
  local state = state_of(self)
  self.connected = self._line ~= nil
  if state == self.state then return end
  self.state, self._since = state, loop.time()
  self._outbox:tell("state", state, detail)
end

local function stop_timer(self)
  if self._timer then self._timer:cancel() end
  self._timer, self._next_at = nil, nil
end

-- The timer must not keep a subscription alive that the program has dropped.
local function set_timer(self, seconds, action)
  stop_timer(self)
  local ref = setmetatable({ self }, { __mode = "v" })
  self._timer = loop.timer(seconds, function()
    local owner = ref[1]
    if not owner then return end
    stop_timer(owner)
    action(owner)
  end)
  self._next_at = loop.time() + seconds
end

local function has_lasted(a_line)
  return a_line.joined_at ~= nil
    and loop.now() - a_line.joined_at >= subscription.LASTED
end

-- Returns the replaced line if it is still there, and does not count its
-- seconds any more.
local function take_old_line(self)
  local old_line = self._old_line
  if not old_line then return end
  self._old_line = nil
  self._linger:cancel()
  return old_line
end

local function drop_old_line(self)
  local old_line = take_old_line(self)
  if old_line then old_line:close() end
end

-- What a line brings after LINGER was sent behind all that it alone had to bring.
local function keep_old_line(self, old_line)
  self._old_line = old_line
  self._linger = loop.timer(subscription.LINGER, old_line.doubt, old_line)
end

-- The replaced line ends without having shown that nothing was lost with it.
local function on_unproven(self)
  self._outbox:tell("sync", "reconnect")
end

-- Gives everything up. Returns whether a line was joined.
local function drop_all(self)
  stop_timer(self)
  drop_old_line(self)
  local attempt, joined = self._attempt, self._line
  self._attempt, self._line, self._lease = nil, nil, nil
  if attempt then
    attempt.scope:cancel()
    if attempt.line then attempt.line:close() end
  end
  if joined then joined:close() end
  suspend.forget(self)
  loop.release(self)
  return joined ~= nil
end

-- Attempts -------------------------------------------------------------------

-- The jitter only shortens: reconnection_delay_max is a promise, and the waits
-- are still spread when they have grown up to it.
local function backoff(self)
  local values = self._values
  local delay = math.min(values.reconnection_delay_max,
    values.reconnection_delay * 2 ^ math.min(self._failures - 1, 60))
  return delay * (1 - values.randomization_factor * core.random())
end

-- Plans the next attempt after a failure.
local function try_again(self, err)
  self._failures = self._failures + 1
  local delay = math.max(backoff(self), err.retry_after or 0)
  set_timer(self, delay, begin)
  update(self, { err = err, delay = delay, attempts = self._failures })
end

local function fail(self, err)
  self._over = "failed"
  self._outbox:flush()
  local was_joined = drop_all(self)
  self._outbox:tell_final(err)
  if was_joined then
    self._outbox:tell("disconnect", "io client disconnect")
  end
  update(self, { err = err })
end

-- The endpoint is there, but no line could be made of it.
local function on_connect_failed(self, a_lease, err)
  self._attempt = nil
  self._last.error = err
  a_lease:note_failure(err, false)
  self._outbox:tell("connect_error", err)
  try_again(self, err)
end

-- When the server last showed life. The lines are asked for it: were they to
-- tell, each heartbeat would wake the program.
local function last_ping_at(self)
  local newest = self._last.ping_at
  for a_line in pairs(self._lines) do
    local at = a_line:last_ping_at()
    if at and at > (newest or 0) then newest = at end
    if a_line:is_over() then self._lines[a_line] = nil end
  end
  self._last.ping_at = newest
  return newest
end

local function connect(self, attempt, a_lease)
  if self._old_line then
    drop_old_line(self)
    on_unproven(self)
  end
  last_ping_at(self) -- of the lines that are over
  self._lease = a_lease
  local err
  attempt.line, err = line.open(a_lease, self._socket_options, self)
  if not attempt.line then return on_connect_failed(self, a_lease, err) end
  self._lines[attempt.line] = true
  update(self)
end

-- Asks Graph, in a task. What is raised there must not end the subscription.
local function fetch(self, attempt)
  local ok, endpoint, err = loop.call(function()
    return self._client:_endpoint(self._what, {
      notification_hosts = self._values.notification_hosts,
      retries = 0, -- each failure is an event of ours
      scope = attempt.scope,
    })
  end)
  if self._attempt ~= attempt then return end
  if ok and endpoint then
    return connect(self, attempt, lease.new(endpoint, {
      now = loop.now(),
      server_time = self._client:_server_time(),
      lead = self._values.lead,
      random = core.random(),
    }))
  end
  if not ok then
    err = errors.new {
      kind = "state", retryable = true,
      message = "the request raised an error, which was reported",
    }
  end
  self._last.error = err
  if errors.is_final(err) then return fail(self, err) end
  self._attempt = nil
  self._outbox:tell("error", err)
  try_again(self, err)
end

function begin(self)
  local attempt = { scope = scope.new(), line = nil }
  self._attempt = attempt
  if self._lease and self._lease:is_usable(loop.now()) then
    return connect(self, attempt, self._lease)
  end
  self._lease = nil
  update(self)
  loop.spawn(fetch, self, attempt)
end

local function renew(self)
  if has_lasted(self._line) then self._failures = 0 end
  begin(self)
end

local function plan_renewal(self)
  local wait = self._line.lease.renew_at - loop.now()
  set_timer(self, math.max(0, wait), renew)
end

-- What the lines tell --------------------------------------------------------

--- For a line. Waits while the handlers are far behind.
---@param data any as the socket gave it
function Subscription:_on_notification(data)
  if self._over == "closed" then return end
  local list = notification.read(data)
  self._counts.notifications = self._counts.notifications + #list
  self._last.notification_at = loop.time()
  self._outbox:notify(list)
end

--- For a line that lingers.
---@param from table line
function Subscription:_on_line_alive(from)
  if from == self._old_line then drop_old_line(self) end
end

--- For a line.
---@param joined table line
function Subscription:_on_line_joined(joined)
  if not self._attempt or joined ~= self._attempt.line then return end
  local replaced, counts = self._line, self._counts
  self._attempt, self._lease, self._line = nil, nil, joined
  counts.connects = counts.connects + 1
  plan_renewal(self)
  update(self)
  if replaced then
    keep_old_line(self, replaced)
    counts.renewals = counts.renewals + 1
    return self._outbox:tell("renew", joined.lease.endpoint)
  end
  self._outbox:tell("connect")
  local is_first = counts.connects == 1
  if not is_first then counts.reconnects = counts.reconnects + 1 end
  self._outbox:tell("sync", is_first and "connect" or "reconnect")
end

local function on_lost(self, lost, ending)
  local lasted = has_lasted(lost)
  self._last.error = ending.err
  if lasted then self._failures = 0 end
  lost.lease:note_failure(ending.err, lasted)
  if not self._attempt then self._lease = lost.lease end
  -- The line that was replaced may still be there: then there is no gap, and
  -- it is to be replaced once more.
  self._line = take_old_line(self)
  if self._line then
    self._outbox:tell("error", ending.err)
  else
    self._outbox:tell("disconnect", ending.reason, ending.details)
  end
  if self._attempt then return update(self) end
  try_again(self, ending.err)
end

--- For a line.
---@param ended table line
---@param ending table see line.open
function Subscription:_on_line_ended(ended, ending)
  if self._over then return end
  if ended == self._old_line then
    take_old_line(self)
    -- What the server itself has ended, it has ended behind all it had sent.
    if ending.reason ~= "io server disconnect" then on_unproven(self) end
  elseif self._attempt and ended == self._attempt.line then
    on_connect_failed(self, ended.lease, ending.err)
  elseif ended == self._line then
    on_lost(self, ended, ending)
  end
end

--- The machine was suspended, or its clock set.
function Subscription:_on_resume()
  if self._line then
    self._outbox:tell("sync", "resume")
  elseif not self._attempt then
    stop_timer(self)
    begin(self)
  end
end

-- Methods --------------------------------------------------------------------

--- Ends the subscription, whatever it is doing; never waits. Handlers that have
--- not begun are not called any more, but for "disconnect" and "state".
function Subscription:close()
  if self._over == "closed" then return end
  self._over = "closed"
  self._outbox:clear()
  if drop_all(self) then
    self._outbox:tell("disconnect", "io client disconnect")
  end
  update(self)
end

--- What the subscription has done and what it waits for: why nothing arrives.
--- No secret is among it.
---@return table state, since (epoch seconds of that state), resource,
---  endpoint_id, endpoint_host, expires_at (epoch seconds by Graph's clock),
---  next_at (epoch seconds of the next attempt or renewal), attempts (in vain,
---  since a line lasted), connects (sockets joined), reconnects (of these,
---  after a gap), renewals (of these, without one), notifications,
---  last_notification_at, last_ping_at (epoch seconds), last_error (an error
---  object)
function Subscription:stats()
  local attempt, counts, last = self._attempt, self._counts, self._last
  local of = self._line or attempt and attempt.line
  local endpoint = of and of.lease.endpoint or {}
  return {
    state = self.state,
    since = self._since,
    resource = self.resource,
    endpoint_id = endpoint.id,
    endpoint_host = endpoint._host,
    expires_at = endpoint.expires_at,
    next_at = self._next_at,
    attempts = self._failures,
    connects = counts.connects,
    reconnects = counts.reconnects,
    renewals = counts.renewals,
    notifications = counts.notifications,
    last_notification_at = last.notification_at,
    last_ping_at = last_ping_at(self),
    last_error = last.error,
  }
end

return subscription
