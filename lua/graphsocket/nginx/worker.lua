--- This worker's part among all workers of its nginx: what ties the lease, the
--- journal, the members, the handlers and `run` together.
--
-- Everything happens in look(), which the supervisor, a bell and a lease that
-- runs out call: it may be called at any time, any number of times.

local delivery = require "graphsocket.nginx.delivery"
local errors = require "graphsocket.errors"
local journal = require "graphsocket.nginx.journal"
local json = require "graphsocket.json"
local lease = require "graphsocket.nginx.lease"
local loop = require "graphsocket.loop"
local members = require "graphsocket.nginx.members"
local ownership = require "graphsocket.nginx.ownership"
local pace = require "graphsocket.nginx.pace"
local share = require "graphsocket.nginx.share"

local worker = {}

local SOURCES = "gs:sources" -- JSON: stats() of the owner's sources

local methods = {}
local metatable = { __name = "graphsocket.nginx.worker", __index = methods }

local function face_of(self)
  return {
    publish = function(text) return self:_publish(text) end,
    note_error = function(err) self:_note_error(err) end,
    changed = function() self:_store_stats() end,
    warn = self._host.warn,
  }
end

---@param host table dict, id, pid (of the worker), warn(text) (into nginx's
---  log), bell(on_ring) -> path | nil, err, ring(path)
---@param values table ttl, interval (seconds between two looks), max_events, run
---@param target table the emitter of the program's handlers
---@return table worker
function worker.new(host, values, target)
  local self = setmetatable({
    _errors = 0,
    _has_joined = false,
    _host = host,
    _interval = values.interval,
    _is_over = false,
    _last_error = nil,
    _rings = false,   -- the others will be rung for in the next turn
    _takeover = nil,  -- timer: the lease of another runs out
    _told = {},       -- what the log has been told of a dict that is too small
  }, metatable)
  self._lease = lease.new(host.dict, host.pid, values.ttl)
  self._journal = journal.new(host.dict, values.max_events)
  self._members = members.new(host.dict, {
    id = host.id, pid = host.pid, ring = host.ring, ttl = 3 * values.interval,
  })
  self._delivery = delivery.new(self._journal:reader(), target, {
    progress = function(position) self._members:note(position) end,
    error = function(err) self:_note_error(err) end,
  })
  self._ownership = ownership.new(values.run, face_of(self))
  self._pace = pace.new(values.max_events, function()
    return self._is_over and {} or self._members:positions()
  end)
  return self
end

function methods:_note_error(err)
  self._errors = self._errors + 1
  self._last_error = errors.redact(err)
end

-- Tells the log, once, what comes of a dict that is too small.
local function tell_small(self, what)
  if self._told[what] then return end
  self._told[what] = true
  self._host.warn(("graphsocket.nginx: the shared dict is too small, %s: give it "
    .. "more memory (lua_shared_dict), or one that nothing else uses")
    :format(what))
end

-- Publishing ------------------------------------------------------------------

local function ring(self)
  self._rings = false
  self._members:ring()
end

-- One ring for all that is published in one turn.
local function ring_soon(self)
  if self._rings then return end
  self._rings = true
  loop.spawn(ring, self)
end

local function too_small(self)
  tell_small(self, "events are dropped (stats() counts them)")
  return nil, errors.new {
    kind = "state", code = "dictFull",
    message = "the shared dict is too small for the event",
  }
end

function methods:_publish(text)
  self._pace:keep(self._journal:last())
  if not self._lease:holds() then
    self:look() -- closes the sources, so that they tell the next owner
    if not self._lease:holds() then
      return nil, share.not_owner()
    end
  end
  local number = self._journal:append(text)
  self._delivery:wake()
  ring_soon(self)
  if not number then return too_small(self) end
  return true
end

-- Looking ---------------------------------------------------------------------

function methods:_store_stats()
  if not self._lease:holds() then return end
  local list = json.array(self._ownership:stats())
  self._host.dict:safe_set(SOURCES, json.encode {
    at = math.floor(loop.time()), list = list,
  })
end

-- Held, so that the loop runs and hears the bell.
local function join(self)
  loop.hold(self)
  local has_place
  if self._has_joined then
    has_place = self._members:confirm()
  else
    local path, err = self._host.bell(function() self:on_bell() end)
    if not path then return self:_note_error(err) end
    has_place = self._members:join(path)
    self._members:note(self._journal:last())
    self._has_joined = true
  end
  if not has_place then
    tell_small(self, "this worker hears late of events")
  end
end

-- The supervisor is too coarse for the lease of an owner that has crashed.
local function look_again(self)
  local left = self._lease:left()
  if self._takeover or not left or left >= self._interval then return end
  self._takeover = loop.timer(left, function()
    self._takeover = nil
    self:look()
  end)
end

local function on_lease(self, what)
  if what == "taken" then
    self._ownership:begin()
  elseif what == "lost" then
    self._ownership:finish()
    self._host.warn("graphsocket.nginx: this worker has lost its ownership, as "
      .. "it was busy for too long: another one takes over")
  end
  if self._lease.state == "owner" then return self:_store_stats() end
  look_again(self)
end

--- Does what there is to do.
function methods:look()
  if self._is_over then return end
  join(self)
  local what, why = self._lease:look()
  if why then tell_small(self, "no worker can own") end
  on_lease(self, what)
  self._delivery:wake()
end

--- A bell rang.
function methods:on_bell()
  if self._is_over then return end
  self._delivery:wake()
  if self._lease:is_free() then self:look() end
end

--- The worker exits, or stop() was called: gives up what others can have.
function methods:leave()
  if self._is_over then return end
  self._is_over = true
  self._ownership:finish()
  self._lease:leave()
  self._delivery:finish()
  self._members:leave()
  self._members:ring()
  loop.release(self)
end

---@class graphsocket.nginx.stats
---@field id integer of this worker, as nginx counts them
---@field pid integer of this worker
---@field owner boolean whether this worker owns
---@field owner_pid integer|nil nil: nobody owns at this moment
---@field generation integer ownerships since the dict was made
---@field takeovers integer of these, those that began because the owner before had crashed or was busy for too long
---@field published integer events since the dict was made, by all owners
---@field delivered integer of these, those that handlers of this worker were called with
---@field dropped integer of these, those that this worker missed
---@field errors integer of handlers, sources and `run`, in this worker
---@field last_error string|nil in this worker
---@field sources table[] what `stats()` of the owner's subscriptions and watches gave, in the order of `forward`
---@field sources_at integer|nil epoch seconds of that, a few seconds ago

--- What this worker does, and what all of them know.
---@return graphsocket.nginx.stats
function methods:stats()
  local known = self._lease:stats()
  local text = self._host.dict:get(SOURCES)
  local sources = text and json.decode(text) or {}
  return {
    id = self._host.id,
    pid = self._host.pid,
    owner = self._lease:holds(),
    owner_pid = known.owner_pid,
    generation = known.generation,
    takeovers = known.takeovers,
    published = self._journal:last(),
    delivered = self._delivery.delivered,
    dropped = self._delivery:dropped(),
    errors = self._errors,
    last_error = self._last_error,
    sources = sources.list or {},
    sources_at = sources.at,
  }
end

return worker
