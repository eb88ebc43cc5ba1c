--- Values as they may lie in the shared dict: plain, and without secrets.
--
-- A dict is shared by all that runs in an nginx, and easily dumped by a status
-- page. So what a source tells loses what authorises by itself: the query of
-- every URL (that of a notification URL is a password), and the download links
-- of drive items. A webUrl keeps its query, as it opens nothing without a
-- sign-in and is useless without it.

local core = require "graphsocket.core"
local errors = require "graphsocket.errors"
local json = require "graphsocket.json"

local portable = {}

local DROPPED = {
  ["@microsoft.graph.downloadUrl"] = true,
  ["@content.downloadUrl"] = true,
  ["@microsoft.graph.uploadUrl"] = true,
  uploadUrl = true,
  notification_url = true,
  notificationUrl = true,
  raw = true, -- what was made of it is there, beside it
}

-- What of an error says something elsewhere; its cause may be anything.
local OF_ERROR = {
  "kind", "message", "code", "status", "retry_after", "request_id", "retryable",
  "phase",
}

--- Deeper than anything that JSON brings.
local MAX_DEPTH = 100

--- An error object as a plain table; anything else as it is.
---@param value any
---@return any
function portable.error(value)
  if not errors.is(value) then return value end
  local plain = {}
  for _, name in ipairs(OF_ERROR) do plain[name] = value[name] end
  return plain
end

local function without_query(text)
  if not text:find "^%a[%w+.-]*://" then return text end
  return (text:gsub("[?#].*", ""))
end

-- JSON has neither NaN nor infinity.
local function finite(number)
  return number - number == 0 and number or nil
end

local function plain_text(text, name)
  if not core.utf8_valid(text) then text = text:gsub("[\128-\255]", "?") end
  return name == "webUrl" and text or without_query(text)
end

local function is_kept(name)
  return type(name) == "number"
    or type(name) == "string" and name:sub(1, 1) ~= "_" and not DROPPED[name]
end

local copy

-- |above|: the tables that this one is in; one that is in itself is left out.
local function copy_table(value, depth, above)
  if depth > MAX_DEPTH or above[value] then return nil end
  if errors.is(value) then value = portable.error(value) end
  above[value] = true
  local plain = {}
  for key, inner in pairs(value) do
    if is_kept(key) then plain[key] = copy(inner, key, depth, above) end
  end
  above[value] = nil
  return json.is_array(value) and json.array(plain) or plain
end

function copy(value, name, depth, above)
  local kind = type(value)
  if kind == "string" then return plain_text(value, name) end
  if kind == "number" then return finite(value) end
  if kind == "table" then return copy_table(value, depth + 1, above) end
  if kind == "boolean" or value == json.null then return value end
end

--- A copy of what a source tells: JSON can say it, whatever that was.
---@param value any
---@return any
function portable.copy(value)
  return copy(value, nil, 0, {})
end

return portable
