--- One round of a watch: the pages that lie between its place and the next one,
--- by whatever way the service still knows.
--
-- Theory of operation. A round goes through one feed (delta.lua) at a time. The
-- way that it takes is the first of these that the service accepts:
--
--   way      | begins at                        | left for the next one when
--   ---------+----------------------------------+ -----------------------------
--   link     | the place                        | it is refused with a 400
--   proven   | the link that the place was got  | it is refused with a 400: a
--            | from: it has worked              | bad deltaLink (#1408) costs
--            |                                  | duplicates, and no change
--   location | where the 410's Location leads   | its first page fails (#249)
--   start    | the feed's beginning; or, of the | -
--            | first round, `from`              |
--
-- From link and proven a refusal that says that the place is forgotten (410,
-- resyncRequired …), or a 400 where no proven link is left, leads to location
-- or start: the feed starts over. That is told first, happens once in a round, and
-- is waited with if the round before had to do it as well.
--
-- A page that fails in the middle is asked for again some times before the
-- round is given up: an enumeration of thousands of pages would otherwise
-- seldom end.

local delta = require "graphsocket.delta"
local request = require "graphsocket.request"

local round = {}

--- Attempts at one page in the middle of a feed.
round.PAGE_ATTEMPTS = 5

local methods = {}
local metatable = { __name = "graphsocket.round", __index = methods }

---@class graphsocket.round
---@field place graphsocket.place|nil the next place, once all pages were given
---@field resync string|nil the reason for which the feed started over

-- Takes a way.
local function enter(self, way, opts)
  opts.scope = self._scope
  self._way = way
  self._attempts = 1
  self._feed = delta.new(self._client, self._what, opts)
end

--- Begins a round; nothing is asked yet.
---@param client graphsocket.client
---@param what graphsocket.resource
---@param opts table place (or nil), from, scope, restarts (rounds in a row,
---  before this one, that had to start over), on_error(err), on_resync(reason)
---  -> true | nil, err
---@return graphsocket.round
function round.new(client, what, opts)
  local self = setmetatable({
    place = nil,
    resync = nil,
    _attempts = 0,  -- at the page that is asked for
    _client = client,
    _feed = nil,
    _from = opts.place and "beginning" or opts.from,
    _on_error = opts.on_error,
    _on_resync = opts.on_resync,
    _proven = opts.place and opts.place.proven,
    _restarts = opts.restarts,
    _scope = opts.scope,
    _way = nil,
    _what = what,
  }, metatable)
  if opts.place then
    enter(self, "link", { link = opts.place.link })
    self._link = opts.place.link
  else
    enter(self, "start", { from = self._from })
  end
  return self
end

-- The feed starts over. Returns true; or nil and the error of who was told.
local function start_over(self, reason, location)
  self.resync = reason
  local ok, err = self._on_resync(reason)
  if not ok then return nil, err end
  if self._restarts > 0
    and not self._scope:sleep(request.backoff(self._restarts)) then
    return nil
  end
  location = location and delta.check_link(self._client, location)
  if location and self._from == "beginning" then
    enter(self, "location", { link = location })
  else
    enter(self, "start", { from = self._from })
  end
  return true
end

-- Whether a page in the middle may be had by asking for it again.
local function may_pass(self, err, refusal)
  return err.retryable and not refusal and not self._feed.is_broken
    and (err.status ~= 400 or err.code == "notSupported")
    and self._attempts < round.PAGE_ATTEMPTS
end

-- Finds the way on after an error. Returns true; or nil and the error to give
-- up with.
local function recover(self, err, refusal)
  local way, is_first = self._way, self._feed.pages == 0
  if self._scope.cancelled then return nil, err end
  if way == "location" and is_first then
    self._on_error(err)
    enter(self, "start", { from = self._from })
    return true
  end
  if refusal and not self.resync and (way ~= "start" or not is_first) then
    return start_over(self, refusal.reason, refusal.location)
  end
  if is_first and err.status == 400 and err.code ~= "notSupported"
    and (way == "link" or way == "proven") then
    self._on_error(err)
    local proven = self._proven
    if way == "link" and proven and proven ~= self._link then
      enter(self, "proven", { link = proven })
      self._link = proven
      return true
    end
    return start_over(self, err.code or "invalidRequest")
  end
  if is_first or not may_pass(self, err, refusal) then return nil, err end
  self._on_error(err)
  local delay = math.max(request.backoff(self._attempts), err.retry_after or 0)
  self._attempts = self._attempts + 1
  return self._scope:sleep(delay) or nil, err
end

--- Asks for the next page. Waits. The field `place` is set with the last one.
---@return table[]|nil items
---@return graphsocket.error|nil
function methods:next()
  while true do
    local feed = self._feed
    local items, err, refusal = feed:next()
    if items then
      self._attempts = 1
      if feed.cursor then
        local is_proven = self._way == "link" or self._way == "proven"
        self.place = {
          link = feed.cursor,
          proven = is_proven and self._link or nil,
          synced_at = math.floor(feed.began_at),
        }
      end
      return items
    end
    local ok
    ok, err = recover(self, err, refusal)
    if not ok then return nil, err end
  end
end

return round
