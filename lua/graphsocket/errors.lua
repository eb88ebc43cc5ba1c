--- The one error object of the library.
--
-- Failures of the world are returned as `nil, err`, where `err` is made here.
-- Branch on `err.kind`, never on the text.
--
-- Invariants: `tostring(err)` is one line; whatever came from outside has lost
-- its secrets (tokens, URL queries, cookies) before it is kept, so an error may
-- be logged as it is. Only `data`, which is the peer's own structured word to
-- the program, is kept untouched, and it is never part of the text.
-- This module must not require any other of the project.

local errors = {}

--- Longest message kept, in bytes: an error is a line in a log, not a page.
local MAX_MESSAGE = 600

--- Longest text that is searched for secrets, in bytes; the rest is dropped.
local MAX_TEXT = 16 * 1024

local KINDS = {
  usage = true, auth = true, graph = true, http = true, network = true,
  tls = true, timeout = true, protocol = true, closed = true, state = true,
}

-- Failures of these kinds may pass by themselves, so they are tried again
-- unless the maker of the error knows better.
local RETRYABLE = {
  network = true, tls = true, timeout = true, http = true, protocol = true,
}

-- Names whose value is a secret wherever they stand, as name=value or in JSON.
local SECRET_NAMES = {
  "access_token", "refresh_token", "id_token", "client_secret", "password",
  "assertion", "device_code", "token", "snthgk", "sig", "applicationid",
  "skiptoken", "deltatoken",
}

local SECRET_HEADERS = {
  "authorization", "proxy%-authorization", "cookie", "set%-cookie",
  "x%-ms%-refreshtokencredential",
}

-- A Lua pattern that matches |name| in any letter case.
local function any_case(name)
  return (name:gsub("%a", function(letter)
    return "[" .. letter:lower() .. letter:upper() .. "]"
  end))
end

-- The text may be a hostile server's: no rule may begin at each byte of a run
-- and look through the rest of it: those that look far begin at the frontier of
-- the run, or take it in whole.
local RULES = {
  -- Credentials in a URL.
  { "(%f[%w+.-][%w+.-]+://)[^%s/?#@\"']*@", "%1…@" },
  -- The query and the fragment of a URL or of a path: the notification URL
  -- authorises by its query alone, and a delta link's is a cursor.
  { "([%w/_.%-%%)%]:~])%?[^%s\"'<>`]+", "%1?…" },
  { "([^%s\"'<>`#]+)(#?[^%s\"'<>`]*)", function(before, fragment)
    return #fragment > 1 and before:find("://", 1, true) and before .. "#…"
  end },
  -- The cursor in OData's function form, delta(token='…').
  { "(%(" .. any_case "token" .. "=)[^%s)]*", "%1…" },
  { "(" .. any_case "bearer" .. "%s+)[^%s\"',;]+", "%1…" },
  { "(" .. any_case "basic" .. "%s+)[%w+/=_-]+=", "%1…" },
  -- A JSON Web Token, wherever it stands.
  { "%f[%w_-][%w_-]+%.[%w_%-.=]+", function(words)
    local at = words:find("eyJ", 1, true)
    return at and words:find(".", at + 4, true) and words:sub(1, at - 1) .. "…"
  end },
}
for _, name in ipairs(SECRET_HEADERS) do
  RULES[#RULES + 1] = { "(" .. any_case(name) .. ":%s*)[^\r\n]*", "%1…" }
end
for _, name in ipairs(SECRET_NAMES) do
  local pattern = any_case(name)
  RULES[#RULES + 1] =
    { "(%f[%w_]" .. pattern .. "=)[^%s&\"'<>,;)]+", "%1…" }
  RULES[#RULES + 1] =
    { "([\"']" .. pattern .. "[\"']%s*:%s*\")[^\"]*", "%1…" }
end

--- Removes what must not be seen from text that came from outside: queries and
--- user names of URLs, bearer tokens, cookies, values of secret names. Control
--- characters become spaces, so that the text is one line.
---@param text any turned into a string
---@return string
function errors.redact(text)
  text = tostring(text)
  if #text > MAX_TEXT then
    -- Of a word that is cut no rule may know any more that it is a secret.
    text = (text:sub(1, MAX_TEXT):match("^(.*)%s") or "") .. " …"
  end
  for i = 1, #RULES do
    text = text:gsub(RULES[i][1], RULES[i][2])
  end
  return (text:gsub("%c+", " "))
end

-- Cuts |text| to |max| bytes without leaving half a UTF-8 character.
local function shorten(text, max)
  if #text <= max then return text end
  local cut = max
  while cut > 1 and text:byte(cut + 1) >= 0x80 and text:byte(cut + 1) < 0xC0 do
    cut = cut - 1
  end
  return text:sub(1, cut) .. "…"
end

local methods = {}
local metatable = { __name = "graphsocket.error", __index = methods }

-- What tostring adds behind the message, in this order.
local DETAILS = {
  { "status", "status %s" },
  { "code", "code %s" },
  { "phase", "in phase %s" },
  { "retry_after", "retry after %s s" },
  { "request_id", "request-id %s" },
}

function metatable.__tostring(err)
  local details = {}
  for _, detail in ipairs(DETAILS) do
    local value = rawget(err, detail[1])
    if value ~= nil then
      if type(value) == "number" then value = ("%.14g"):format(value) end
      details[#details + 1] = detail[2]:format(tostring(value))
    end
  end
  local text = ("%s: %s"):format(err.kind, err.message)
  if #details == 0 then return text end
  return ("%s (%s)"):format(text, table.concat(details, ", "))
end

-- An error may be put into a longer text with "..", as a string could.
function metatable.__concat(left, right)
  return tostring(left) .. tostring(right)
end

--- True if the error is of one of the kinds.
---@param ... string kinds
---@return boolean
function methods:is_kind(...)
  for i = 1, select("#", ...) do
    if self.kind == select(i, ...) then return true end
  end
  return false
end

---@class graphsocket.error
---@field kind string "usage" "auth" "graph" "http" "network" "tls" "timeout"
---  "protocol" "closed" "state"
---@field message string one line, without secrets
---@field code string|nil Graph's or the core's name of the failure
---@field status integer|nil HTTP status
---@field retry_after number|nil seconds that the server asked to wait
---@field request_id string|nil Graph's request-id
---@field retryable boolean whether trying again can help
---@field phase string|nil where it happened: dns tcp proxy tls …
---@field cause any what led to it
---@field data any the server's own words, untouched

--- Makes an error object. Text fields lose their secrets here.
---@param fields table kind and message are required; other fields are kept
---@return graphsocket.error
function errors.new(fields)
  local err = {}
  for name, value in pairs(fields) do
    if type(value) == "string" and name ~= "data" then
      value = shorten(errors.redact(value), MAX_MESSAGE)
    end
    err[name] = value
  end
  assert(KINDS[err.kind], "errors.new: unknown kind")
  err.message = err.message or "failed"
  if err.retryable == nil then
    err.retryable = RETRYABLE[err.kind] or false
  end
  return setmetatable(err, metatable)
end

local FINAL_STATUS = { [400] = true, [401] = true, [403] = true, [404] = true }

--- True if what failed will fail again, however long one waits.
---@param err graphsocket.error
---@return boolean
function errors.is_final(err)
  return not err.retryable
    and (FINAL_STATUS[err.status] or err:is_kind("auth", "usage"))
end

--- True for an object made by errors.new.
---@param value any
---@return boolean
function errors.is(value)
  return getmetatable(value) == metatable
end

--- Makes an error object of the core's table (kind, code, message, phase …).
--- Response headers are left out: they may hold cookies.
---@param fields table
---@return graphsocket.error
function errors.from_fields(fields)
  local copy = {}
  for name, value in pairs(fields) do
    if name ~= "headers" then copy[name] = value end
  end
  if not KINDS[copy.kind] then copy.kind = "network" end
  return errors.new(copy)
end

--- Makes an error object of whatever a user's function gave as its error. An
--- error object passes through unchanged.
---@param value any
---@param kind string the kind, unless `value` is an error object
---@param prefix string|nil put before the text, ": " between
---@return graphsocket.error
function errors.wrap(value, kind, prefix)
  if errors.is(value) then return value end
  local fields = { kind = kind }
  if type(value) == "table" and type(value.message) == "string" then
    fields.message = value.message
    fields.code = type(value.code) == "string" and value.code or nil
    fields.retryable = value.retryable
  elseif value == nil then
    fields.message = "no reason given"
  else
    fields.message = tostring(value)
  end
  if prefix then fields.message = prefix .. ": " .. fields.message end
  return errors.new(fields)
end

return errors
