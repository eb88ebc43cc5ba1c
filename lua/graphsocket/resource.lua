--- From what a script calls a resource to the paths that Graph knows it by.
--
-- Every form of Microsoft's page (and the two that only older pages and
-- Microsoft's own samples show) is accepted as a path or as a table. An id is
-- checked before it is escaped: a "/" or ".." in it would ask for something
-- else than the script names, and Graph would answer for that.
-- Pure: no I/O, no clock.

local core = require "graphsocket.core"

local resource = {}

local SUFFIX = "/subscriptions/socketIo"

-- Words of a path in capitals are ids; |delta| says where the feed of changes
-- lies; |keys| are those of the table form, of which |flag| must be true.
local FORMS = {
  { path = "/me/drive/root", delta = "delta", keys = "me", flag = "me" },
  { path = "/drives/DRIVE/root", delta = "delta", keys = "drive" },
  { path = "/drives/DRIVE/list", delta = "items/delta", keys = "drive list",
    flag = "list" },
  { path = "/lists/LIST", delta = "items/delta", keys = "list" },
  { path = "/groups/GROUP/drive/root", delta = "delta", keys = "group" },
  { path = "/sites/SITE/lists/LIST/drive/root", delta = "delta",
    keys = "list site" },
  { path = "/sites/SITE/lists/LIST", delta = "items/delta" },
}

local HELP = 'use "/me/drive/root", "/drives/{id}/root", "/drives/{id}/list", '
  .. '"/lists/{id}", "/groups/{id}/drive/root", '
  .. '"/sites/{id}/lists/{id}/drive/root" or "/sites/{id}/lists/{id}", '
  .. "or { me = true }, { drive = id }, { drive = id, list = true }, "
  .. "{ list = id }, { group = id }, { site = id, list = id }"

local function split(path)
  local words = {}
  for word in (path .. "/"):gmatch("([^/]*)/") do words[#words + 1] = word end
  return words
end

for _, form in ipairs(FORMS) do form.words = split(form.path:sub(2)) end

local function is_id(word) return word:find("^%u+$") ~= nil end

-- Returns what is wrong with an id, or nil.
local function id_fault(id)
  if type(id) ~= "string" then
    return "must be a string, got " .. type(id)
  end
  if id == "" then return "must not be empty" end
  if id:find("%c") then return "must not contain control characters" end
  local bad = id:match("[/\\?#]")
  if bad then return ('must not contain "%s"'):format(bad) end
  if id == "." then return 'must not be "."' end
  if id:find("..", 1, true) then return 'must not contain ".."' end
end

-- "," joins the parts of a site id and "!" begins a drive id's second part;
-- both may stand in a path segment (RFC 3986, 3.3), and are left readable as
-- Microsoft's pages show them. The other reserved characters are escaped: ":",
-- "'", "(", "$" mean something to OData.
local function escape(id)
  return (core.url_escape(id):gsub("%%2C", ","):gsub("%%21", "!"))
end

-- A path is percent-encoded by nature: an id pasted from a URL is decoded, so
-- that it is checked for what it means and not escaped twice.
local function unescape(id)
  return (id:gsub("%%(%x%x)", function(hex)
    return string.char(tonumber(hex, 16))
  end))
end

--- How one resource is reached.
---@class graphsocket.resource
---@field path string as "/drives/b!abc/root", escaped
---@field subscription_path string ends in "/subscriptions/socketIo"
---@field delta_path string of the feed of changes
---@field is_me boolean whether it is the signed-in user's own drive
---@field is_list boolean whether the feed has list items, not drive items

-- Returns the resource, or nil and what is wrong with an id.
local function make(form, ids)
  local words = {}
  for i, word in ipairs(form.words) do
    local fault = is_id(word) and id_fault(ids[word])
    if fault then return nil, ("the %s id %s"):format(word:lower(), fault) end
    words[i] = is_id(word) and escape(ids[word]) or word
  end
  local path = "/" .. table.concat(words, "/")
  return {
    path = path,
    subscription_path = path .. SUFFIX,
    delta_path = path .. "/" .. form.delta,
    is_me = form.keys == "me",
    is_list = form.delta == "items/delta",
  }
end

-- Returns the ids if the words of a path fit |form|, else nil.
local function match(form, words)
  if #words ~= #form.words then return nil end
  local ids = {}
  for i, expected in ipairs(form.words) do
    if is_id(expected) then
      ids[expected] = unescape(words[i])
    elseif expected ~= words[i] then
      return nil
    end
  end
  return ids
end

local function parse_path(text)
  local path = text:gsub("^/", "")
  local tail = path:sub(-#SUFFIX)
  if tail == SUFFIX then path = path:sub(1, -#SUFFIX - 1) end
  local fault = path:match("[?#]")
  if fault then
    return nil, ('a resource must not contain "%s"'):format(fault)
  end
  local words = split(path)
  for _, form in ipairs(FORMS) do
    local ids = match(form, words)
    if ids then return make(form, ids) end
  end
  return nil, "unknown resource"
end

local function form_of(given)
  local names = {}
  for name in pairs(given) do names[#names + 1] = tostring(name) end
  table.sort(names)
  local keys = table.concat(names, " ")
  for _, form in ipairs(FORMS) do
    if form.keys == keys then return form end
  end
end

local function parse_table(given)
  local form = form_of(given)
  if not form then return nil, "unknown resource" end
  if form.flag and given[form.flag] ~= true then
    return nil, ("%s must be true in { %s }")
      :format(form.flag, form.keys:gsub(" ", ", "))
  end
  local ids = {}
  for _, word in ipairs(form.words) do ids[word] = given[word:lower()] end
  return make(form, ids)
end

--- Reads a resource.
---@param given any a path or a table
---@return graphsocket.resource|nil
---@return string|nil message what is wrong, naming the forms
function resource.parse(given)
  local parsed, message
  if type(given) == "string" then
    parsed, message = parse_path(given)
  elseif type(given) == "table" then
    parsed, message = parse_table(given)
  else
    message = "a resource must be a path or a table, got " .. type(given)
  end
  if parsed then return parsed end
  return nil, message .. ": " .. HELP
end

--- As parse, but raises.
---@param where string the public function
---@param given any
---@param level integer|nil as of error(), seen from the caller; 2
---@return graphsocket.resource
function resource.check(where, given, level)
  local parsed, message = resource.parse(given)
  if not parsed then
    error(where .. ": " .. message, (level or 2) + 1)
  end
  return parsed
end

return resource
