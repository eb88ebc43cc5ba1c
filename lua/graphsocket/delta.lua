--- One enumeration of a feed of changes: page after page, from a link or from
--- a start, to the deltaLink that is the next place.
--
-- What it makes of the service's answers:
--   * each link is checked before it is used or kept: it leads to the Graph
--     host (the token goes nowhere else) and names a place. A `token=latest`
--     that the service echoes beside a true token is taken out of it
--     (microsoft-graph-docs#2317); a link that says nothing else is no place.
--   * of an item that is twice in a page, the last is the one that counts.
--   * a chain of pages that repeats itself, by its links (#1431, #2749) or by
--     its items under ever new links (#1424), or that does not end, is broken
--     off with an error. Nothing is kept for each page to find that out: a feed
--     of a million items takes the memory of one page.
-- nextLinks are held in memory only. Microsoft documents the deltaLink alone as
-- a thing to keep; how long a nextLink lives, and what one means that is
-- followed after days, is documented nowhere. So a process that ends in the
-- middle of an enumeration begins it again.
--
-- It asks for a page once: when to ask again is its owner's business.

local core = require "graphsocket.core"
local errors = require "graphsocket.errors"

local delta = {}

--- Pages without a single item in a row, and pages in all, after which a chain
--- counts as endless. A page has 200 items: libraries hold up to 30 million, of
--- which this user may see none of a million in a row.
delta.MAX_EMPTY = 5000
delta.MAX_PAGES = 400000

--- Times that a page must come again before the chain counts as repeating: the
--- items of one small page may happen to.
local SAME_PAGES = 3

--- Longest link, in bytes.
local MAX_LINK = 65536

-- Links -----------------------------------------------------------------------

local TOKEN_NAMES = {
  token = true, ["$deltatoken"] = true, ["$skiptoken"] = true,
  ["%24deltatoken"] = true, ["%24skiptoken"] = true,
}

-- The function form of a link, delta(token='…'), is before the query. Returns
-- whether a place is named, and the query without an echoed token=latest.
local function read_query(path, query)
  local is_named = path:find("%([Tt]oken='[^']") ~= nil
    and not path:find("%([Tt]oken='latest'%)")
  local kept = {}
  for pair in query:gmatch("[^&]+") do
    local name, value = pair:match("^([^=]*)=?(.*)$")
    local is_token = TOKEN_NAMES[name:lower()]
    if not (is_token and value:lower() == "latest") then
      kept[#kept + 1] = pair
      if is_token and value ~= "" then is_named = true end
    end
  end
  return is_named, table.concat(kept, "&")
end

--- Checks a link of an answer.
---@param client graphsocket.client
---@param link any
---@return string|nil the link to use
---@return string|nil message what is wrong, without the link
function delta.check_link(client, link)
  if type(link) ~= "string" or #link > MAX_LINK or link:find("[%s%c]")
    or not core.utf8_valid(link) then
    return nil, "it is not a URL"
  end
  local parts, message = client:_own_url(link)
  if not parts then return nil, message end
  local path, query = link:match("^([^?#]*)%??([^#]*)")
  local is_named, rest = read_query(path, query)
  if not is_named then return nil, "it names no place in the feed" end
  return rest == "" and path or path .. "?" .. rest
end

-- Repetition ------------------------------------------------------------------

-- Finds that a chain of unknown length repeats, by keeping one value (Brent,
-- 1980): each is compared with the kept one, which is replaced by the newest
-- after 1, 2, 4, 8 … steps.
local function chain(first)
  return { mark = first, left = 1, span = 1, hits = 0 }
end

-- Returns how often the kept value has come again.
local function step(self, value)
  if value == self.mark then self.hits = self.hits + 1 end
  local hits = self.hits
  self.left = self.left - 1
  if self.left == 0 then
    self.mark, self.hits = value, 0
    self.span = self.span * 2
    self.left = self.span
  end
  return hits
end

-- Pages -----------------------------------------------------------------------

-- Returns the items, the last of equal ones, in their order; or nil and what is
-- wrong.
local function read_items(value)
  if type(value) ~= "table" then return nil, "it has no list of items" end
  if #value == 0 and next(value) ~= nil then
    return nil, "its items are not a list"
  end
  local reversed, seen = {}, {}
  for i = #value, 1, -1 do
    local item = value[i]
    if type(item) ~= "table" then return nil, "an item of it is no object" end
    local id = item.id
    if type(id) ~= "string" or not seen[id] then
      reversed[#reversed + 1] = item
      if type(id) == "string" then seen[id] = true end
    end
  end
  local items, count = {}, #reversed
  for i = 1, count do items[i] = reversed[count + 1 - i] end
  return items
end

local function text_of(value)
  return type(value) == "string" and value or ""
end

-- What a page is told from another by; nil if it cannot be.
local function signature(items)
  local words = {}
  for i, item in ipairs(items) do
    if type(item.id) ~= "string" then return nil end
    words[i] = item.id .. " " .. text_of(item.eTag)
  end
  return words[1] and table.concat(words, "\n")
end

-- Why a feed must be left and begun again -------------------------------------

local STARTS_OVER = {}
for _, code in ipairs {
  "resyncRequired", "resyncChangesApplyDifferences",
  "resyncChangesUploadDifferences", "syncStateNotFound",
} do
  STARTS_OVER[code:lower()] = true
end

local function is_resync(code)
  return type(code) == "string" and STARTS_OVER[code:lower()] or false
end

-- The reason why the place is forgotten, or nil. Codes count more than the
-- status: SyncStateNotFound was seen with several.
local function reason_of(err)
  if is_resync(err.inner_code) then return err.inner_code end
  if is_resync(err.code) then return err.code end
  if err.status == 410 then return err.code or "resyncRequired" end
end

-- The feed --------------------------------------------------------------------

---@class graphsocket.delta
---@field cursor string|nil the deltaLink, once the last page was given
---@field pages integer given so far
---@field began_at number|nil epoch seconds by Graph's clock, of the first page
---@field is_broken boolean the chain repeats or has no end
local methods = {}
local metatable = { __name = "graphsocket.delta", __index = methods }

-- The user's drive by its id where that is known: see client:_endpoint.
local function start_url(client, what)
  local target = what.is_me and client._my_drive or what
  return client._base_url .. target.delta_path
end

--- Begins an enumeration. Nothing is asked yet: next() does.
---@param client graphsocket.client
---@param what graphsocket.resource
---@param opts table scope; link (a place to go on from); without one from:
---  "now" (no items, only the place) or "beginning" (everything there is)
---@return graphsocket.delta
function delta.new(client, what, opts)
  local url = opts.link or start_url(client, what)
  if not opts.link and opts.from == "now" then url = url .. "?token=latest" end
  return setmetatable({
    began_at = nil,
    cursor = nil,
    is_broken = false,
    pages = 0,
    _client = client,
    _contents = chain(nil),
    _empty = 0,                 -- pages without items, in a row
    _fault = nil,               -- error that the next call returns
    _is_link = opts.link ~= nil, -- the URL is one that the service made
    _is_silent = not opts.link and opts.from == "now",
    _links = chain(url),
    _scope = opts.scope,
    _url = url,
    _what = what,
  }, metatable)
end

local function protocol_error(answer, message)
  return errors.new {
    kind = "protocol",
    message = "a page of the feed cannot be used: " .. message,
    status = answer.status,
    request_id = answer.headers["request-id"],
    client_request_id = answer.client_request_id,
  }
end

-- Says what a refusal means to the feed.
local function judge(self, err, answer)
  local reason = reason_of(err)
  if reason then
    -- A feed can begin anew, whatever the status.
    err.retryable = true
    return nil, err, {
      reason = reason, location = answer and answer.headers.location,
    }
  end
  -- What the service made up itself is no mistake of ours: the feed can be
  -- begun elsewhere.
  if err.status == 400 and self._is_link then err.retryable = true end
  -- service-facts 9; the answer is for the next enumeration.
  if err.code == "notSupported" and self._what.is_me then
    self._client:_find_my_drive { scope = self._scope, retries = 0 }
  end
  return nil, err
end

-- The reason why the chain is broken off behind this page, or nil.
local function endless(self, items, next_link)
  if step(self._links, next_link) > 0 then
    return "its nextLink leads in circles"
  end
  self._empty = #items == 0 and self._empty + 1 or 0
  local content = signature(items)
  if content and step(self._contents, content) >= SAME_PAGES then
    return "its pages repeat under new links"
  end
  if self._empty >= delta.MAX_EMPTY or self.pages >= delta.MAX_PAGES then
    return "it does not end"
  end
end

-- token=latest was not understood, so the place is not known: everything is
-- gone through, without a word, to where it ends.
local function go_through_all(self)
  self._url = start_url(self._client, self._what)
  self._links = chain(self._url)
end

-- Takes a page's link in. Returns true, or nil and what is wrong.
local function follow(self, items, json)
  local next_link = json["@odata.nextLink"]
  local delta_link = json["@odata.deltaLink"]
  if type(next_link) == "string" then
    local link, message = delta.check_link(self._client, next_link)
    if not link then return nil, "nextLink: " .. message end
    self._url, self._is_link = link, true
    local why = endless(self, items, link)
    self.is_broken = why ~= nil
    self._fault = why and ("the feed is broken off: " .. why)
    return true
  end
  if delta_link == nil or type(delta_link) == "userdata" then
    return nil, "it has neither a nextLink nor a deltaLink"
  end
  local link, message = delta.check_link(self._client, delta_link)
  if link then
    self.cursor = link
    return true
  end
  -- Only a feed that began with latest gets latest for an answer.
  if self._is_silent and self.pages == 0 and type(delta_link) == "string"
    and delta_link:find("latest", 1, true) then
    go_through_all(self)
    return true
  end
  return nil, "deltaLink: " .. message
end

--- Asks for the next page. Waits. After the last one the field `cursor` is set.
---@return table[]|nil items, to be delivered in their order
---@return graphsocket.error|nil
---@return table|nil refusal the place is forgotten: reason, and location or nil
function methods:next()
  if self._fault then
    return nil, errors.new { kind = "protocol", message = self._fault }
  end
  local client = self._client
  local answer, err, refused = client:_request {
    url = self._url, scope = self._scope, retries = 0,
  }
  if not answer then return judge(self, err, refused) end
  local items, message = read_items(answer.json.value)
  local ok = items ~= nil
  if items then ok, message = follow(self, items, answer.json) end
  if not ok then return nil, protocol_error(answer, message) end
  self.pages = self.pages + 1
  self.began_at = self.began_at or client:_server_time()
  return self._is_silent and {} or items
end

return delta
