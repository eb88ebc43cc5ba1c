--- Questions about URLs that several modules must answer alike: which hosts are
-- this machine, which are addresses, and what is one server.
-- Reading a URL is the core's work (libcurl's); nothing is parsed here.

local core = require "graphsocket.core"

local url = {}

local DEFAULT_PORTS = { http = 80, ws = 80, https = 443, wss = 443 }
local IS_SECURE = { https = true, wss = true }

--- The port that a URL means.
---@param parts table of core.url_parse
---@return integer
function url.port(parts)
  return parts.port or DEFAULT_PORTS[parts.scheme]
end

--- True for https and wss.
---@param parts table
---@return boolean
function url.is_secure(parts)
  return IS_SECURE[parts.scheme] or false
end

--- The 32 bits of a dotted IPv4 address as a number, or nil.
---@param host string
---@return number|nil
function url.ipv4(host)
  local parts = { host:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$") }
  if not parts[1] then return nil end
  local value = 0
  for _, part in ipairs(parts) do
    part = tonumber(part)
    if part > 255 then return nil end
    value = value * 256 + part
  end
  return value
end

--- True for an address literal of either version; an IPv6 one comes without
--- its brackets, as core.url_parse gives it.
---@param host string
---@return boolean
function url.is_address(host)
  return url.ipv4(host) ~= nil or host:find(":", 1, true) ~= nil
end

--- True for this machine. Names below .localhost do not count: what they
--- resolve to is up to the resolver.
---@param host string
---@return boolean
function url.is_loopback(host)
  if host == "localhost" or host == "::1" then return true end
  local address = url.ipv4(host)
  return address ~= nil and math.floor(address / 2 ^ 24) == 127
end

--- True if both URLs mean the same scheme, host and port.
---@param left table of core.url_parse
---@param right table
---@return boolean
function url.is_same_server(left, right)
  return left.scheme == right.scheme and left.host == right.host
    and url.port(left) == url.port(right)
end

--- Why plain text must not be spoken with the host of a URL, or nil if it may.
---@param parts table of core.url_parse
---@param is_insecure boolean|nil the option "insecure"
---@return string|nil message
function url.plain_fault(parts, is_insecure)
  if url.is_secure(parts) or is_insecure or url.is_loopback(parts.host) then
    return nil
  end
  local secure = parts.scheme == "ws" and "wss" or "https"
  return ("%s:// would send secrets in plain text to %s: use %s://, or set "
    .. "insecure = true"):format(parts.scheme, parts.host, secure)
end

--- Reads the URL of a service below which paths are asked for.
---@param text string
---@return table|nil parts of core.url_parse, and `base`: the text without a
---  trailing "/"
---@return string|nil message
function url.service(text)
  local parts = core.url_parse(text)
  if not parts or (parts.scheme ~= "https" and parts.scheme ~= "http") then
    return nil, "must be a URL such as https://graph.microsoft.com/v1.0"
  end
  if parts.query or parts.fragment or text:find("[?#]") then
    return nil, "must not have a query or a fragment"
  end
  if parts.user or parts.password then
    return nil, "must not have a user name or a password"
  end
  parts.base = text:gsub("/+$", "")
  return parts
end

return url
