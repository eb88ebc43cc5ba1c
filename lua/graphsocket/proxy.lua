--- Which proxy a request or a websocket goes through: the option, or else the
--- environment by curl's rules, for both alike.
--
-- curl's rules (curl(1), "ENVIRONMENT"): http_proxy in lower case only, since a
-- CGI server sets HTTP_PROXY from a request's header; https_proxy and
-- all_proxy in either case, lower first; no_proxy is a list of hosts, of
-- domains that cover what is below them, of addresses and CIDR blocks, or "*".
-- ws counts as http, wss as https.
--
-- Only HTTP proxies work: libwebsockets speaks to no other.

local core = require "graphsocket.core"
local url = require "graphsocket.url"

local proxy = {}

local SCHEMES = { http = "http", ws = "http", https = "https", wss = "https" }

local function environment(...)
  for i = 1, select("#", ...) do
    local name = select(i, ...)
    local value = os.getenv(name)
    if value and value ~= "" then return value, name end
  end
end

local function from_environment(scheme)
  if SCHEMES[scheme] == "http" then
    return environment("http_proxy", "all_proxy", "ALL_PROXY")
  end
  return environment("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
end

local function in_block(address, block, bits)
  address, block, bits = url.ipv4(address), url.ipv4(block), tonumber(bits)
  if not address or not block or not bits or bits > 32 then return false end
  local size = 2 ^ (32 - bits)
  return math.floor(address / size) == math.floor(block / size)
end

local function is_covered(host, entry)
  if entry == "*" then return true end
  local block, bits = entry:match("^([%d.]+)/(%d+)$")
  if block then return in_block(host, block, bits) end
  entry = entry:gsub("^%.", ""):gsub("%.$", ""):gsub("[%[%]]", "")
  if entry == "" then return false end
  if host == entry then return true end
  if url.is_address(host) then return false end
  return host:sub(-#entry - 1) == "." .. entry
end

local function is_exempt(host)
  local list = environment("no_proxy", "NO_PROXY")
  if not list then return false end
  host = host:lower():gsub("%.$", "")
  for entry in list:lower():gmatch("[^%s,]+") do
    if is_covered(host, entry) then return true end
  end
  return false
end

--- Reads a proxy URL. "host:port" without a scheme is an HTTP proxy, as it is
--- for curl, and the port is then 1080 if it is absent, also as for curl.
---@param text string
---@return table|nil {url, host, port}; url has the user name and password
---@return string|nil message what is wrong, without the URL's password
function proxy.parse(text)
  if not text:find("^%a[%w+.-]*://") then text = "http://" .. text end
  local scheme = text:match("^(%a[%w+.-]*):"):lower()
  if scheme ~= "http" then
    return nil, ('is a "%s" proxy, but only http:// proxies work')
      :format(scheme)
  end
  local parts = core.url_parse(text)
  if not parts or not parts.host or parts.host == "" then
    return nil, "is not a URL of the form http://host:port"
  end
  local host = parts.host
  if host:find(":", 1, true) then host = "[" .. host .. "]" end
  local credentials = text:match("^%a+://([^/?#]*)@") or ""
  if credentials ~= "" then credentials = credentials .. "@" end
  local port = parts.port or 1080
  return {
    url = ("http://%s%s:%d"):format(credentials, host, port),
    host = parts.host,
    port = port,
  }
end

--- The proxy for a server.
---@param scheme string http https ws wss
---@param host string
---@param option string|boolean|nil a URL; false or "": none; nil: environment
---@return table|false|nil as of proxy.parse; false for none; nil on an error
---@return string|nil message names where the proxy was set
function proxy.find(scheme, host, option)
  local text, source = option, 'option "proxy"'
  if text == nil then
    text, source = from_environment(scheme)
    if not text or is_exempt(host) then return false end
  elseif text == false or text == "" then
    return false
  end
  local parsed, message = proxy.parse(text)
  if not parsed then
    return nil, ("the proxy of %s %s: give another, or none")
      :format(source, message)
  end
  return parsed
end

return proxy
