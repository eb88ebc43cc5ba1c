--- The rounds of a watch, handed to its handlers one after the other.
--
-- A round: "change" for each item, page by page; "commit", if there was one;
-- the place is made durable; "sync". Its handlers run one at a time, in this
-- order, and may wait. One that raises in "change", "commit" or "resync" has not
-- done its work: the place stays, and the round is run again. A "sync" handler
-- that raises comes too late for that: it is called again, until it returns.
-- Nothing else moves the place. When to run a round is the watch's business.

local date = require "graphsocket.date"
local errors = require "graphsocket.errors"
local json = require "graphsocket.json"
local loop = require "graphsocket.loop"
local request = require "graphsocket.request"
local round = require "graphsocket.round"

local delivery = {}

---@class graphsocket.delivery
---@field rounds integer that are durable
---@field items integer delivered in them
---@field resyncs integer times that the feed started over
---@field sync_at number|nil epoch seconds, when the last round became durable
local methods = {}
local metatable = { __name = "graphsocket.delivery", __index = methods }

-- The drive that a path names, if it does by its id.
local function drive_of(path)
  local id = path:match("^/drives/([^/]+)/")
  return id and id:gsub("%%(%x%x)", function(hex)
    return string.char(tonumber(hex, 16))
  end) or nil
end

--- Makes one.
---@param opts table client; what (graphsocket.resource); cursor; from; scope
---  (when it is cancelled, the handler that runs is the last one called);
---  emitter (whose handlers are called); on_error(err): what must be told
---  although the round goes on
---@return graphsocket.delivery
function delivery.new(opts)
  local the_scope = opts.scope
  return setmetatable({
    items = 0,
    resyncs = 0,
    rounds = 0,
    sync_at = nil,
    _client = opts.client,
    _cursor = opts.cursor,
    _drive_id = drive_of(opts.what.path), -- later as the feed names it
    _emitter = opts.emitter,
    _from = opts.from,
    _goes_on = function() return not the_scope.cancelled end,
    _on_error = opts.on_error,
    _restarts = 0, -- rounds in a row that had to start over
    _scope = the_scope,
    _what = opts.what,
  }, metatable)
end

-- Handlers --------------------------------------------------------------------

local function text_of(raised)
  local ok, text = pcall(tostring, raised)
  return ok and text or "an error of type " .. type(raised)
end

-- Returns true; or nil and an error, which is nil if all is cancelled.
local function call(self, event, ...)
  local ok, raised = self._emitter:_call_while(self._goes_on, event, ...)
  if ok then return true end
  if ok == nil then return nil end
  return nil, errors.new {
    kind = "state", code = "handlerRaised", retryable = true,
    message = ('a handler of "%s" raised an error: %s')
      :format(event, text_of(raised)),
    cause = raised,
  }
end

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
  -- As json.null is true to Lua, a handler would take it for a deletion.
  if item.deleted == json.null then item.deleted = nil end
  local place = self._cursor.place
  local context = {
    kind = kind_of(item, place and place.synced_at),
    drive_id = drive_id(self, item),
    round = summary.round,
  }
  local ok, err = call(self, "change", item, context)
  if not ok then return nil, err end
  summary[context.kind] = summary[context.kind] + 1
  summary.items = summary.items + 1
  return true
end

-- A round ---------------------------------------------------------------------

local function new_round(self, summary)
  return round.new(self._client, self._what, {
    place = self._cursor.place,
    from = self._from,
    scope = self._scope,
    restarts = self._restarts,
    on_error = self._on_error,
    on_resync = function(reason)
      summary.resync = reason
      self.resyncs = self.resyncs + 1
      return call(self, "resync", reason)
    end,
  })
end

-- Hands out page by page. Returns the next place; or nil and an error.
local function deliver_pages(self, summary)
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
  return current.place
end

-- Makes the place durable, if it is another.
local function save(self, place)
  local stored = self._cursor.place
  if stored and stored.link == place.link then return true end
  return self._cursor:save(place)
end

--- Runs a round until it is durable; tell_sync is to follow. Waits.
---@return table|nil summary round, items, created, updated, deleted, pages,
---  resync (the reason for which the feed started over)
---@return graphsocket.error|nil nil if all is cancelled
function methods:run()
  local summary = {
    round = self.rounds + 1, items = 0, created = 0, updated = 0,
    deleted = 0, pages = 0, resync = nil,
  }
  local place, err = deliver_pages(self, summary)
  if not place then return nil, err end
  local ok = true
  if summary.items > 0 or summary.resync then
    ok, err = call(self, "commit", summary)
  end
  -- Closed while the last answer was on its way: the cursor is another's now.
  if self._scope.cancelled then return nil end
  if ok then ok, err = save(self, place) end
  if not ok then return nil, err end
  if self._scope.cancelled then return nil end
  self.rounds, self.items = summary.round, self.items + summary.items
  self.sync_at = loop.time()
  self._restarts = summary.resync and self._restarts + 1 or 0
  return summary
end

--- Says that a round is over. Waits, for as long as a handler raises.
---@param summary table of run
function methods:tell_sync(summary)
  local failures = 0
  while self._goes_on() do
    local ok, err = call(self, "sync", summary)
    if ok or not err then return end
    self._on_error(err)
    failures = failures + 1
    if not self._scope:sleep(request.backoff(failures)) then return end
  end
end

return delivery
