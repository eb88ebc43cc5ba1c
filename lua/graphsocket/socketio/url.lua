--- What the URL of a socket means: the JavaScript client's rule (url.ts,
--- index.ts and the constructor of engine.io-client's Socket).
--
--   https://host:port/namespace?query
--
-- The path is the namespace and not a path: the request goes to the option
-- `path` on the same host. The query goes to that request, byte for byte, since
-- it may be a signature of which every byte counts. Without a scheme the URL is
-- https; ws and http differ in name only, as do wss and https; a default port
-- equals none. A fragment is dropped.
--
-- Differences from the JavaScript client, all of them where it loses something
-- without a word: user info is refused (there it is dropped; a header says
-- better what is meant), and the option `query` is added to the URL's query
-- (there the URL's wins and the option is ignored).
--
-- Pure. Messages never contain the URL: its query may be a secret.

local core = require "graphsocket.core"
local urls = require "graphsocket.url"

local url = {}

local SCHEMES = { http = true, ws = true, https = true, wss = true }

--- What the handshake adds itself; in the JavaScript client, too, they replace
--- parameters of the same names.
local OWN_PARAMETERS = { EIO = true, transport = true }

--- What is wrong with a namespace, or nil.
---@param namespace string
---@return string|nil message
function url.namespace_fault(namespace)
  if namespace:sub(1, 1) ~= "/" then
    return 'a namespace begins with "/"'
  elseif namespace:find("[,%c]") then
    return "a namespace contains no comma and no control characters"
  elseif #namespace > 1024 then
    return "a namespace has at most 1024 bytes"
  end
end

local function with_scheme(text)
  if text:find("^//") then return "https:" .. text end
  if text:find("^/") then
    return nil, "the URL has no host: write https://host/namespace"
  end
  local scheme = text:match("^(%a[%w+.-]*)://")
  if not scheme then return "https://" .. text end
  if not SCHEMES[scheme:lower()] then
    return nil, "the scheme of the URL must be http, https, ws or wss"
  end
  return text
end

--- Reads a URL.
---@param text string
---@return table|nil parts scheme, secure, host (an IPv6 address without its
--- brackets), port, namespace, query (nil if none), origin (scheme, host and
--- port as one string: what sockets must share to share a connection)
---@return string|nil message what is wrong with it, without the URL
function url.parse(text)
  local whole, message = with_scheme(text)
  if not whole then return nil, message end
  local parts = core.url_parse(whole)
  if not parts or not parts.host or parts.host == "" then
    return nil, "the URL cannot be understood: write https://host/namespace"
  end
  if parts.user or parts.password then
    return nil, "a user name in the URL is not sent: give it as "
      .. 'extra_headers = { Authorization = "Basic …" } instead'
  end
  local namespace = parts.path
  message = url.namespace_fault(namespace)
  if message then
    return nil, "the path of the URL is the namespace, and " .. message
  end
  local host, port = parts.host, urls.port(parts)
  local shown = host:find(":", 1, true) and "[" .. host .. "]" or host
  return {
    scheme = parts.scheme;
    secure = urls.is_secure(parts);
    host = host;
    port = port;
    namespace = namespace;
    query = parts.query ~= "" and parts.query or nil;
    origin = ("%s://%s:%d"):format(parts.scheme, shown, port);
  }
end

local function value_text(value)
  -- 5.0 is 5 to everybody else.
  if type(value) == "number" then return (("%.14g"):format(value):gsub(",", ".")) end
  return tostring(value)
end

--- Writes query parameters. A string is taken as it is.
---@param query table|string|nil names to strings, numbers or booleans
---@return string|nil text without "?"; nil if there is nothing in it
function url.query_text(query)
  if type(query) ~= "table" then return query ~= "" and query or nil end
  local names = {}
  for name in pairs(query) do names[#names + 1] = name end
  if #names == 0 then return nil end
  -- A table has no order; a request should not change from run to run.
  table.sort(names)
  for i, name in ipairs(names) do
    names[i] = core.url_escape(name) .. "="
      .. core.url_escape(value_text(query[name]))
  end
  return table.concat(names, "&")
end

local function without_own(query)
  local kept = {}
  for pair in query:gmatch("[^&]+") do
    if not OWN_PARAMETERS[pair:match("^[^=]*")] then kept[#kept + 1] = pair end
  end
  return #kept > 0 and table.concat(kept, "&") or nil
end

--- Joins the URL's query and the option's.
---@param ... string|nil texts without "?"
---@return string|nil
function url.join_queries(...)
  local parts = {}
  for i = 1, select("#", ...) do
    local text = select(i, ...)
    -- Almost no query has such a parameter: it is then not touched at all.
    if text and (text:find("EIO", 1, true) or text:find("transport", 1, true))
    then
      text = without_own(text)
    end
    parts[#parts + 1] = text
  end
  return #parts > 0 and table.concat(parts, "&") or nil
end

--- The target of the handshake request.
---@param path string the option `path`
---@param query string|nil
---@param version integer revision of Engine.IO to ask for
---@param slashed boolean|nil false: without a slash behind the path
---@return string
function url.request_target(path, query, version, slashed)
  path = path:gsub("/*$", "")
  if slashed ~= false or path == "" then path = path .. "/" end
  return ("%s?%sEIO=%d&transport=websocket"):format(
    path, query and query .. "&" or "", version)
end

return url
