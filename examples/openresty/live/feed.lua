--- The last things that happened, in a shared dict: what a page that comes later,
-- or comes back, is shown.
--
-- A ring of entries, numbered from 1. An entry is put under the next free number by
-- one `safe_add`, so there is never a number without its entry, also while
-- the watch moves from one worker to another and both write. The numbers begin
-- anew with the dict, that is with nginx but not with a reload; so an id, which a
-- page keeps, names the dict's birth as well: "1763770000123-17".
-- Only the worker that watches writes; every worker reads.

local cjson = require "cjson.safe"

local feed = {}

local dict = ngx.shared.feed

--- Entries that are kept, and rows that a page shows.
feed.KEPT = 200

--- For init_by_lua: the dict survives a reload, and so must its birth.
function feed.begin()
  dict:safe_add("birth", ("%.0f"):format(ngx.now() * 1000))
end

local function key(number) return "entry " .. number end

-- Puts a text under a number, at the cost of the oldest entries if there is no
-- room: strange names are long in JSON, and must not stop the feed.
local function put(number, text)
  local first = dict:get "first" or 1
  local ok, err = dict:safe_add(key(number), text)
  while err == "no memory" and first < number do
    dict:delete(key(first))
    first = first + 1
    dict:set("first", first)
    ok, err = dict:safe_add(key(number), text)
  end
  return ok, err
end

--- Keeps an entry.
---@param event string
---@param about table
function feed.append(event, about)
  local text = event .. "\n" .. cjson.encode(about)
  local number = dict:get "last" or 0
  local ok, err
  repeat
    number = number + 1
    ok, err = put(number, text)
  until err ~= "exists"
  if not ok then return ngx.log(ngx.WARN, "live: an entry is not kept: ", err) end
  dict:set("last", number)
  local first = number - feed.KEPT + 1
  if (dict:get "first" or 1) < first then
    dict:delete(key(first - 1))
    dict:set("first", first)
  end
end

--- Where a page is that has seen this id.
---@param id string|nil
---@return integer number of the entry; 0: it has seen none that is known here
---@return boolean missed whether entries are lost to it
function feed.find(id)
  local birth, number = (id or ""):match "^(%d+)%-(%d+)$"
  if not birth then return 0, false end
  if birth ~= dict:get "birth" then return 0, true end
  number = tonumber(number)
  return number, number < (dict:get "first" or 1) - 1
end

--- The next entry after a number.
---@param number integer
---@return integer|nil number nil if there is none
---@return string|nil id
---@return string|nil event
---@return string|nil json
function feed.next(number)
  local last = dict:get "last" or 0
  number = math.max(number + 1, dict:get "first" or 1)
  local text = dict:get(key(number))
  -- A dict without room may have thrown an old entry out for something else.
  while not text and number < last do
    number = number + 1
    text = dict:get(key(number))
  end
  if not text then return nil end
  local event, json = text:match "^(.-)\n(.*)$"
  return number, dict:get "birth" .. "-" .. number, event, json
end

--- Keeps something of which only the last is of interest.
---@param name string
---@param about table|nil
function feed.set(name, about)
  dict:set(name, about and cjson.encode(about))
end

---@param name string
---@return table|nil about
function feed.get(name)
  local text = dict:get(name)
  return text and cjson.decode(text) or nil
end

return feed
