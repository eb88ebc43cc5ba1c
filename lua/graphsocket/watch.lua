--- A watch: what changed in a resource, each change at least once.
--
-- Theory of operation. A subscription says when something may have changed, a
-- delivery (delivery.lua) runs a round: it reads what has changed and calls the
-- handlers, a cursor (cursor.lua) keeps the place. When to run a round is what
-- this file knows. A watch is in one phase:
--
--   phase    | meaning                                  | the timer runs for
--   ---------+------------------------------------------+ ---------------------
--   idle     | all that is known of is delivered        | poll, the end of
--            |                                          | SETTLED, or that of
--            |                                          | GAP if it is wanted
--   checking | a notification came, but the change is   | the next look, or
--            | not in the feed yet (it lags the push)   | poll
--   round    | a round runs: it asks, or handlers run   | -
--   retrying | the last round failed                    | the back-off
--   failed   | Graph refused for good                   | -, nothing follows
--   closed   | closed                                   | -, nothing follows
--
--   event                 | idle, checking | round        | retrying
--   ----------------------+----------------+--------------+ -------------------
--   notification          | round (1)      | wanted       | wanted
--   connect, gap, resume  | round (1)      | wanted       | round (1)
--   timer                 | round          | -            | round
--   round ended, wanted   | -              | round (1)    | -
--   round ended, empty,   | -              | checking (2) | -
--     after notification  |                |              |
--   round ended           | -              | idle         | -
--   round failed          | -              | retrying (3) | -
--   final error           | failed         | failed       | failed
--   close()               | closed         | closed       | closed
--
--   (1) GAP seconds after the last one began, at the earliest: so a burst of
--       notifications makes a few rounds, however long it is.
--   (2) the waits of LAG, in turn; the last of them is over after a minute. After
--       a notification that came while checking, a round that is not empty too:
--       its items may be the earlier change, and the later one still lag.
--       What was missed in a gap nobody will notify of again: SETTLED seconds
--       after it, when the feed has all of it, there is one more round.
--   (3) from the same place, so what the round delivered is delivered again.
--
-- Rounds never overlap, and nothing waits for a round but the next.

local cursor = require "graphsocket.cursor"
local delivery = require "graphsocket.delivery"
local emitter = require "graphsocket.socketio.emitter"
local errors = require "graphsocket.errors"
local loop = require "graphsocket.loop"
local options = require "graphsocket.options"
local request = require "graphsocket.request"
local scope = require "graphsocket.scope"
local subscription = require "graphsocket.subscription"
local url = require "graphsocket.url"

local watch = {}

--- Seconds between the beginnings of two rounds.
watch.GAP = 1

--- Seconds that an empty round after a notification is waited with before the
--- next look. Delta was seen to lag the push by 5 to 60 seconds.
watch.LAG = { 2, 4, 8, 16, 32 }

--- Seconds after which the feed has what changed before.
watch.SETTLED = 62

---@class graphsocket.watch.options : graphsocket.subscription.options
---@field state? string|table path of the file that keeps the cursor, or `{ load = fn, save = fn }`; absent: it is not
---  kept
---@field from? "now"|"beginning" where to begin without a cursor; "beginning" tells of everything that is there
---@field poll? number between two looks without any notification, at most

--- The options of client:watch.
watch.options = options.merge(subscription.options, {
  state = { type = { "string", "table" }, check = cursor.check },
  from = { default = "now", one_of = { "now", "beginning" } },
  poll = { type = "number", default = 300, min = 0.001, unit = "seconds" },
})

-- The object ------------------------------------------------------------------

---@class graphsocket.watch
---@field resource string the path that is watched
---@field state string that of the subscription; "failed" if the feed refused
---@field connected boolean whether a socket is joined
local Watch = {}
emitter.extend(Watch, emitter.methods)

local metatable = { __name = "graphsocket.watch" }

function metatable.__index(self, name)
  if name == "state" then return self._over or self._sub.state end
  if name == "connected" then return self._sub.connected end
  return Watch[name]
end

function metatable.__tostring(self)
  return ("graphsocket.watch: %s (%s)"):format(self.resource, self.state)
end

-- "The Graph host" in one form, for the state's identity.
local function origin(parts)
  return ("%s://%s:%d"):format(parts.scheme, parts.host, url.port(parts))
end

local tell_round_error
local follow, plan

--- Watches. Returns at once (but for a `load` that waits), and begins with the
--- next turn of the loop: register the handlers before you wait for anything.
---
--- Events: "change"(item, context: kind, drive_id, round), "commit"(summary),
--- "sync"(summary: round, items, created, updated, deleted, pages, resync),
--- "resync"(reason), "error"(err); and those of a subscription but its "sync".
---@param client graphsocket.client
---@param what graphsocket.resource
---@param values table checked by watch.options
---@return graphsocket.watch|nil
---@return graphsocket.error|nil kind "state": see cursor.open
function watch.new(client, what, values)
  local opened, err = cursor.open(values.state, {
    host = origin(client._base), resource = what.path,
  })
  if not opened then return nil, err end
  local self = emitter.init(setmetatable({}, metatable))
  self.resource = what.path
  self._began = loop.now() - watch.GAP -- loop.now() seconds, of the last round
  self._cursor = opened
  self._delivery = nil       -- made below
  self._due = nil            -- loop.now() seconds of the timer
  self._failures = 0         -- rounds in a row that failed
  self._is_running = false
  self._lags = false         -- a notification came while the feed lagged
  self._last_error = nil     -- of a round
  self._look = nil           -- index into LAG of the wait after an empty round
  self._look_at = nil        -- loop.now() seconds
  self._notified = false     -- since the last round began
  self._over = nil           -- "failed" "closed"
  self._poll = values.poll
  self._reason = nil         -- detail of "failed"
  self._retry_at = nil       -- loop.now() seconds
  self._scope = scope.new()
  self._settled_at = nil     -- loop.now() seconds; nil: it has been looked since
  self._sub = subscription.new(client, what, values)
  self._timer = nil
  self._wanted = true
  self._delivery = delivery.new {
    client = client, what = what, cursor = opened, from = values.from,
    scope = self._scope, emitter = self,
    on_error = function(problem) tell_round_error(self, problem) end,
  }
  follow(self)
  loop.hold(self)
  plan(self)
  return self
end

-- Telling ---------------------------------------------------------------------

-- What a program must not overlook if it does not listen: nobody else tells it.
local function is_loud(err)
  return err.kind == "protocol"
    or (err.kind == "state" and err.code ~= "handlerRaised")
end

local function tell_error(self, err, must_be_seen)
  if self._over == "closed" then return end
  if self:has_listeners "error" then return self:_call("error", err) end
  if must_be_seen then loop.report(err) end
end

function tell_round_error(self, err)
  self._last_error = err
  tell_error(self, err, is_loud(err))
end

-- Ending ----------------------------------------------------------------------

local function stop_timer(self)
  if self._timer then self._timer:cancel() end
  self._timer, self._due = nil, nil
end

-- Ends all that is under way, but for a handler that runs.
local function stop(self, over)
  self._over = over
  stop_timer(self)
  self._scope:cancel()
  self._cursor:close()
  loop.release(self)
end

local function fail(self, err)
  self._reason, self._last_error = { err = err }, err
  stop(self, "failed")
  self._sub:close()
  tell_error(self, err, true)
end

-- When to look ----------------------------------------------------------------

-- Returns the summary; or nil and an error, which is nil if the watch is over.
local function run_round(self)
  local summary, err = self._delivery:run()
  if not summary then return nil, err end
  self._failures = 0
  self._delivery:tell_sync(summary)
  return summary
end

-- Says when the next look is due after a round.
local function conclude(self, summary, err)
  local now = loop.now()
  if not summary then
    self._failures = self._failures + 1
    local delay = math.max(request.backoff(self._failures),
      err.retry_after or 0)
    self._retry_at = now + delay
    return tell_round_error(self, err)
  end
  if summary.items > 0 and not self._lags then self._look = nil end
  local wait = self._look and watch.LAG[self._look]
  if not wait then
    self._look, self._lags = nil, false
    return
  end
  self._look, self._look_at = self._look + 1, now + wait
end

local function work(self)
  self._began = loop.now()
  self._wanted, self._retry_at, self._look_at = false, nil, nil
  if self._settled_at and self._began >= self._settled_at then
    self._settled_at = nil
  end
  if self._notified then
    self._lags = self._look ~= nil
    self._notified, self._look = false, 1
  end
  local ok, summary, err = loop.call(run_round, self)
  if self._over then return end
  if not ok then
    -- A mistake of this library's own, and reported.
    summary, err = nil, errors.new {
      kind = "state", code = "handlerRaised", retryable = true,
      message = "the round raised an error, which was reported",
    }
  end
  if err and errors.is_final(err) then return fail(self, err) end
  conclude(self, summary, err)
end

-- Ctrl-C comes out of a round as an error; the next run() goes on.
local function start(self)
  self._is_running = true
  local ok, err = pcall(work, self)
  self._is_running = false
  plan(self)
  if not ok then error(err, 0) end
end

local function due(self)
  if self._retry_at then return self._retry_at end
  local at = math.min(self._began + self._poll, self._look_at or math.huge,
    self._settled_at or math.huge)
  return self._wanted and math.min(at, self._began + watch.GAP) or at
end

-- Sets the timer for what is next. It must not keep a watch alive that the
-- program has dropped.
function plan(self)
  if self._over or self._is_running then return end
  local at = due(self)
  if at == self._due then return end
  stop_timer(self)
  local ref = setmetatable({ self }, { __mode = "v" })
  self._timer = loop.timer(math.max(0, at - loop.now()), function()
    local owner = ref[1]
    if not owner then return end
    stop_timer(owner)
    start(owner)
  end)
  self._due = at
end

-- Something may have changed.
local function want(self)
  self._wanted = true
  plan(self)
end

-- What the subscription tells -------------------------------------------------

local PASSED_ON = { "connect", "disconnect", "connect_error", "renew" }

function follow(self)
  local sub = self._sub
  for _, event in ipairs(PASSED_ON) do
    sub:on(event, function(...) self:_call(event, ...) end)
  end
  sub:on("notification", function(...)
    self._notified = true
    want(self)
    self:_call("notification", ...)
  end)
  sub:on("sync", function()
    -- The network is there again, so a back-off has lost its reason; a pause
    -- that Graph asked for is kept by the client's throttle.
    self._retry_at = nil
    self._settled_at = loop.now() + watch.SETTLED
    want(self)
  end)
  sub:on("error", function(err)
    tell_error(self, err, sub.state == "failed")
  end)
  sub:on("state", function(name, detail)
    if name == "failed" and not self._over then stop(self, "failed") end
    if name == "closed" and self._over == "failed" then
      name, detail = "failed", self._reason
    end
    self:_call("state", name, detail)
  end)
end

-- Methods ---------------------------------------------------------------------

--- Ends the watch, whatever it is doing; never waits. The state is free for
--- another watch at once. A round that is under way counts as not delivered;
--- its handler that runs is the last one that is called.
function Watch:close()
  if self._over == "closed" then return end
  stop(self, "closed")
  self._sub:close()
end

local function phase_of(self)
  if self._over then return self._over end
  if self._is_running then return "round" end
  if self._retry_at then return "retrying" end
  return self._look_at and "checking" or "idle"
end

--- What the watch has done and what it waits for: why no change arrives. No
--- secret is among it.
---@return table that of a subscription's stats(), and phase, rounds (durable),
---  items (delivered in them), resyncs, failures (rounds in a row), pending
---  (whether something may have changed that is not delivered yet),
---  last_sync_at, next_round_at (epoch seconds), last_round_error
function Watch:stats()
  local stats, done = self._sub:stats(), self._delivery
  local phase = phase_of(self)
  stats.state = self.state
  stats.phase = phase
  stats.rounds = done.rounds
  stats.items = done.items
  stats.resyncs = done.resyncs
  stats.failures = self._failures
  stats.pending = not self._over and (self._wanted or phase ~= "idle")
  stats.last_sync_at = done.sync_at
  if self._due and self._due < math.huge then
    stats.next_round_at = loop.time() + self._due - loop.now()
  end
  stats.last_round_error = self._last_error
  return stats
end

return watch
