--- A watch: what changed in a resource, each change at least once.
--
-- Theory of operation. A subscription says when to look, a round (round.lua)
-- looks, a cursor (cursor.lua) keeps the place. A watch is in one phase:
--
--   phase    | meaning                                  | the timer runs for
--   ---------+------------------------------------------+ ---------------------
--   idle     | all that is known of is delivered        | poll, or the end of
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
--   (2) the waits of LAG, in turn; the last of them is over after a minute.
--   (3) from the same place, so what the round delivered is delivered again.
--
-- A round: "change" for each item, page by page; "commit", if there was one;
-- the place is made durable; "sync". Its handlers run one at a time, in this
-- order, and may wait. One that raises in "change", "commit" or "resync" has not
-- done its work: the place stays, and the round is run again. A "sync" handler
-- that raises comes too late for that: it is called again, until it returns.
-- Nothing else moves the place, and nothing waits for a round but the next.

local cursor = require "graphsocket.cursor"
local date = require "graphsocket.date"
local emitter = require "graphsocket.socketio.emitter"
local errors = require "graphsocket.errors"
local loop = require "graphsocket.loop"
local options = require "graphsocket.options"
local request = require "graphsocket.request"
local round = require "graphsocket.round"
local scope = require "graphsocket.scope"
local subscription = require "graphsocket.subscription"
local url = require "graphsocket.url"

local watch = {}

--- Seconds between the beginnings of two rounds.
watch.GAP = 1

--- Seconds that an empty round after a notification is waited with before the
--- next look. Delta was seen to lag the push by 5 to 60 seconds.
watch.LAG = { 2, 4, 8, 16, 32 }

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

-- The drive that a path names, if it does by its id.
local function drive_of(path)
  local id = path:match("^/drives/([^/]+)/")
  return id and id:gsub("%%(%x%x)", function(hex)
    return string.char(tonumber(hex, 16))
  end) or nil
end

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
  self._client = client
  self._counts = { rounds = 0, items = 0, resyncs = 0 }
  self._cursor = opened
  self._drive_id = drive_of(what.path) -- later as the feed names it
  self._failures = 0         -- rounds in a row that failed
  self._from = values.from
  self._is_running = false
  self._last = {}            -- error, sync_at
  self._look = nil           -- index into LAG of the wait after an empty round
  self._look_at = nil        -- loop.now() seconds
  self._notified = false     -- since the last round began
  self._over = nil           -- "failed" "closed"
  self._poll = values.poll
  self._reason = nil         -- detail of "failed"
  self._restarts = 0         -- rounds in a row that had to start over
  self._retry_at = nil       -- loop.now() seconds
  self._scope = scope.new()
  self._sub = subscription.new(client, what, values)
  self._timer = nil
  self._wanted = true
  self._what = what
  self._due = nil            -- loop.now() seconds of the timer
  follow(self)
  loop.hold(self)
  plan(self)
  return self
end

-- Telling ---------------------------------------------------------------------

local function text_of(raised)
  local ok, text = pcall(tostring, raised)
  return ok and text or "an error of type " .. type(raised)
end

-- As emitter's _call, but the first handler that raises (which is reported) is
-- the last one called, and one of `once` is kept until it has returned. Returns
-- true; or nil and an error, which is nil if the watch is over.
local function call_handlers(self, event, ...)
  local list = self._listeners[event]
  for i = 1, list and #list or 0 do
    local entry = list[i]
    local is_once = type(entry) == "table"
    local handler = is_once and entry.handler or entry
    local ok, raised = loop.call(handler, ...)
    if not ok then
      return nil, errors.new {
        kind = "state", code = "handlerRaised", retryable = true,
        message = ('a handler of "%s" raised an error: %s')
          :format(event, text_of(raised)),
        cause = raised,
      }
    end
    if is_once then self:off(event, handler) end
    if self._over then return nil end
  end
  return true
end

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

local function tell_round_error(self, err)
  self._last.error = err
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
  self._reason, self._last.error = { err = err }, err
  stop(self, "failed")
  self._sub:close()
  tell_error(self, err, true)
end

-- A round ---------------------------------------------------------------------

-- The feed shows what an item is, not what happened to it. Created: it came
-- into being after all that was delivered before, or nobody changed it since.
local function kind_of(item, synced_at)
  if type(item.deleted) == "table" then return "deleted" end
  local created = item.createdDateTime
  if not synced_at or (created and created == item.lastModifiedDateTime) then
    return "created"
  end
  local at = date.from_iso(created)
  return at and at > synced_at and "created" or "updated"
end

local function drive_id(self, item)
  local parent = item.parentReference
  local id = type(parent) == "table" and parent.driveId
  if type(id) == "string" then self._drive_id = id end
  return self._drive_id
end

local function deliver(self, item, summary)
  local place = self._cursor.place
  local context = {
    kind = kind_of(item, place and place.synced_at),
    drive_id = drive_id(self, item),
    round = summary.round,
  }
  local ok, err = call_handlers(self, "change", item, context)
  if not ok then return nil, err end
  summary[context.kind] = summary[context.kind] + 1
  summary.items = summary.items + 1
  return true
end

local function new_round(self, summary)
  return round.new(self._client, self._what, {
    place = self._cursor.place,
    from = self._from,
    scope = self._scope,
    restarts = self._restarts,
    on_error = function(err) tell_round_error(self, err) end,
    on_resync = function(reason)
      summary.resync = reason
      self._counts.resyncs = self._counts.resyncs + 1
      return call_handlers(self, "resync", reason)
    end,
  })
end

-- Makes the place durable, if it is another.
local function save(self, place)
  local stored = self._cursor.place
  if stored and stored.link == place.link then return true end
  return self._cursor:save(place)
end

-- The round is over and durable; what is left is to say so.
local function tell_sync(self, summary)
  local failures = 0
  while not self._over do
    local ok, err = call_handlers(self, "sync", summary)
    if ok or not err then return end
    tell_round_error(self, err)
    failures = failures + 1
    if not self._scope:sleep(request.backoff(failures)) then return end
  end
end

-- Returns the summary; or nil and an error, which is nil if the watch is over.
local function run_round(self)
  local summary = {
    round = self._counts.rounds + 1, items = 0, created = 0, updated = 0,
    deleted = 0, pages = 0, resync = nil,
  }
  local current = new_round(self, summary)
  repeat
    local items, err = current:next()
    if not items then return nil, err end
    summary.pages = summary.pages + 1
    for i = 1, #items do
      local ok
      ok, err = deliver(self, items[i], summary)
      if not ok then return nil, err end
    end
  until current.place
  local ok, err = true, nil
  if summary.items > 0 or summary.resync then
    ok, err = call_handlers(self, "commit", summary)
  end
  if ok then ok, err = save(self, current.place) end
  if not ok then return nil, err end
  if self._over then return nil end
  local counts = self._counts
  counts.rounds, counts.items = summary.round, counts.items + summary.items
  self._restarts = summary.resync and self._restarts + 1 or 0
  self._last.sync_at = loop.time()
  self._failures = 0
  tell_sync(self, summary)
  return summary
end

-- When to look ----------------------------------------------------------------

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
  if summary.items > 0 then self._look = nil end
  local wait = self._look and watch.LAG[self._look]
  if not wait then
    self._look = nil
    return
  end
  self._look, self._look_at = self._look + 1, now + wait
end

local function work(self)
  self._began = loop.now()
  self._wanted, self._retry_at, self._look_at = false, nil, nil
  if self._notified then self._notified, self._look = false, 1 end
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
  local at = math.min(self._began + self._poll, self._look_at or math.huge)
  return self._wanted and math.min(at, self._began + watch.GAP) or at
end

-- Sets the timer for what is next. It must not keep a watch alive that the
-- program has dropped.
function plan(self)
  if self._over or self._is_running then return end
  local at = due(self)
  if at == self._due then return end
  stop_timer(self)
  local ref, timer = setmetatable({ self }, { __mode = "v" }), nil
  timer = loop.timer(math.max(0, at - loop.now()), function()
    local owner = ref[1]
    if not owner or owner._timer ~= timer then return end
    stop_timer(owner)
    start(owner)
  end)
  self._timer, self._due = timer, at
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
  local stats, counts, last = self._sub:stats(), self._counts, self._last
  local phase = phase_of(self)
  stats.state = self.state
  stats.phase = phase
  stats.rounds = counts.rounds
  stats.items = counts.items
  stats.resyncs = counts.resyncs
  stats.failures = self._failures
  stats.pending = not self._over and (self._wanted or phase ~= "idle")
  stats.last_sync_at = last.sync_at
  if self._due and self._due < math.huge then
    stats.next_round_at = loop.time() + self._due - loop.now()
  end
  stats.last_round_error = last.error
  return stats
end

return watch
