--- What the owner's `run` is given: publishes to the handlers of all workers.
--
-- A share lives as long as one ownership. After that it publishes nothing, and
-- the sources that were given to it are closed: what they would have told is
-- the next owner's to tell.

local errors = require "graphsocket.errors"
local json = require "graphsocket.json"
local loop = require "graphsocket.loop"
local portable = require "graphsocket.nginx.portable"

local unpack = table.unpack or unpack

local share = {}

--- What subscriptions and watches tell, together.
share.EVENTS = {
  "connect", "disconnect", "connect_error", "notification", "sync", "renew",
  "state", "error", "change", "commit", "resync",
}

local methods = {}
local metatable = { __name = "graphsocket.nginx.share", __index = methods }

---@class graphsocket.nginx.share
---@param worker table publish(text) -> true | nil, err; note_error(err);
---  warn(text): into the log; changed(): stats() of a source has changed
---@return graphsocket.nginx.share
function share.new(worker)
  return setmetatable({
    _is_over = false,
    _sources = {}, -- list, in the order of forward
    _worker = worker,
  }, metatable)
end

--- What a worker is told that publishes without owning.
---@return graphsocket.error
function share.not_owner()
  return errors.new {
    kind = "closed", code = "notOwner",
    message = "this worker does not own any more: another one publishes",
  }
end

local function check_event(event, level)
  if type(event) ~= "string" then
    error(("bad argument #1 to 'publish': give the name of the event, got %s")
      :format(type(event)), level + 1)
  end
end

--- Calls the handlers of `event` in every worker, later. In a task it may wait,
--- for workers that are far behind.
---@param event string
---@param ... any what JSON can say, and error objects
---@return boolean|nil ok
---@return graphsocket.error|nil err this worker does not own any more, or the
---  dict is too small for the event
function methods:publish(event, ...)
  check_event(event, 2)
  local message = { event, ... }
  for i = 2, select("#", ...) + 1 do
    local value = portable.error(message[i])
    if value == nil then value = json.null end
    message[i] = value
  end
  local text = json.encode(message, "the arguments of " .. event, 3)
  if self._is_over then return nil, share.not_owner() end
  return self._worker.publish(text)
end

function metatable.__call(self, event, ...)
  check_event(event, 2)
  return self:publish(event, ...)
end

--- Whether this worker still owns: for a `run` that goes on in a loop.
---@return boolean
function methods:is_active()
  return not self._is_over
end

-- With a handler here, the source itself does not report it any more.
local function tell_error(self, source, err)
  if self._is_over then return end
  self._worker.note_error(err)
  self._worker.warn(("graphsocket.nginx: %s: %s")
    :format(errors.redact(source), errors.redact(err)))
end

-- What cannot be published must not raise in the source: a watch would take it
-- for a handler that has not done its work, and begin its round again, for ever.
local function pass_on(self, source, event, ...)
  if self._is_over then return end
  local values = { n = select("#", ...), ... }
  for i = 1, values.n do values[i] = portable.copy(values[i]) end
  local ok, raised = pcall(self.publish, self, event,
    unpack(values, 1, values.n))
  if not ok then tell_error(self, source, raised) end
end

--- Whether it can be forwarded: a subscription, a watch, whatever is like them.
---@param value any
---@return boolean
function share.is_source(value)
  return (type(value) == "table" or type(value) == "userdata")
    and type(value.on) == "function" and type(value.close) == "function"
end

local function check_source(source, level)
  if not share.is_source(source) then
    error(("bad argument #1 to 'forward': give a subscription or a watch (an "
      .. "object with the methods on and close), got %s"):format(type(source)),
      level + 1)
  end
end

local function check_events(events, level)
  local is_list = type(events) == "table"
    and (events[1] ~= nil or next(events) == nil)
  for _, event in ipairs(is_list and events or {}) do
    is_list = is_list and type(event) == "string"
  end
  if not is_list then
    error("bad argument #2 to 'forward': give a list of names of events",
      level + 1)
  end
end

-- For the owner: whether a source was given already.
function methods:_has(source)
  for _, known in ipairs(self._sources) do
    if known == source then return true end
  end
  return false
end

--- Publishes what a source tells, and closes the source when this worker does
--- not own any more; at once, if that has happened.
---@param source table a subscription, a watch, or any object with on and close
---@param events string[]|nil nil: whatever subscriptions and watches tell
---@return table source
function methods:forward(source, events)
  check_source(source, 2)
  check_events(events or {}, 2)
  if self._is_over then
    source:close()
    return source
  end
  self._sources[#self._sources + 1] = source
  for _, event in ipairs(events or share.EVENTS) do
    source:on(event, function(...) pass_on(self, source, event, ...) end)
  end
  source:on("error", function(err) tell_error(self, source, err) end)
  source:on("state", function() self._worker.changed() end)
  return source
end

local function stats_of(source)
  return type(source.stats) == "function" and source:stats()
end

--- For the owner: what the sources say of themselves.
---@return table[]
function methods:_stats()
  local list = {}
  for i, source in ipairs(self._sources) do
    local ok, stats = loop.call(stats_of, source)
    list[i] = ok and portable.copy(stats) or {}
  end
  return list
end

--- For the owner: the ownership is over.
function methods:_close()
  self._is_over = true
  local sources = self._sources
  self._sources = {}
  for i = #sources, 1, -1 do loop.call(sources[i].close, sources[i]) end
end

return share
