--- A websocket endpoint that Graph gave out: the subscription object of
--- Microsoft's page, and the socket that is opened on it.
--
-- The notification URL authorises by itself, so it is as secret as a password:
-- it is a field for the program to read, and no text of this module shows more
-- of it than the host. Where it may lead is decided before anybody dials:
-- https or wss, no user name, no address literal.

local core = require "graphsocket.core"
local date = require "graphsocket.date"
local errors = require "graphsocket.errors"
local options = require "graphsocket.options"
local socket_url = require "graphsocket.socketio.url"
local url = require "graphsocket.url"

local endpoint = {}

---@class graphsocket.endpoint
---@field id string|nil of the subscription
---@field notification_url string a secret
---@field expires_at number|nil epoch seconds, by Graph's clock
---@field resource string the path that was asked for
---@field raw table the body, decoded

local methods = {}
local metatable = { __name = "graphsocket.endpoint", __index = methods }

function metatable.__tostring(self)
  local expiry = self.expires_at and date.to_iso(self.expires_at) or "unknown"
  return ("graphsocket.endpoint (%s on %s, expires %s)")
    :format(self.resource, self._host, expiry)
end

-- A host is below a domain of the list: at a dot, or the same.
local function is_listed(host, list)
  for _, domain in ipairs(list) do
    domain = domain:lower():gsub("^%.", "")
    if host == domain or host:sub(-#domain - 1) == "." .. domain then
      return true
    end
  end
  return false
end

--- Why no socket may be opened on a notification URL.
---@param parts table of core.url_parse
---@param is_insecure boolean
---@param hosts table|nil domains, as in { "svc.ms" }
---@return string|nil message
function endpoint.host_fault(parts, is_insecure, hosts)
  local host = parts.host
  if parts.user or parts.password then
    return "holds a user name, which Graph's never do"
  end
  if url.is_loopback(host) then return nil end
  if not url.is_secure(parts) and not is_insecure then
    return ("is %s:// and not https:// (set insecure = true if %s is yours)")
      :format(parts.scheme, host)
  end
  if url.is_address(host) and not is_insecure then
    return "names an address and not a host, which Graph's never do"
  end
  if hosts and not is_listed(host, hosts) then
    return ("leads to %s, which the option notification_hosts does not name")
      :format(host)
  end
end

-- Returns the URL's parts, or nil and what is wrong.
local function read_url(text, is_insecure, hosts)
  if text == nil then
    return nil, "the answer has no notificationUrl: Graph gives one for "
      .. "drives and document libraries, not for other lists"
  end
  local parts = type(text) == "string" and core.url_parse(text)
  if not parts or not parts.host or parts.host == "" then
    return nil, "the notificationUrl is not a URL (http, https, ws or wss, with "
      .. "a host)"
  end
  local fault = endpoint.host_fault(parts, is_insecure, hosts)
  if fault then return nil, "the notificationUrl " .. fault end
  -- To open it must not raise: it is no mistake of the script.
  fault = socket_url.namespace_fault(parts.path)
  if fault then
    return nil, "the path of the notificationUrl is no namespace: " .. fault
  end
  return parts
end

--- Makes an endpoint of Graph's answer.
---@param client table
---@param what graphsocket.resource
---@param answer table of request.run
---@param hosts table|nil notification_hosts
---@return graphsocket.endpoint|nil
---@return graphsocket.error|nil
function endpoint.new(client, what, answer, hosts)
  local raw = answer.json
  local parts, message =
    read_url(raw.notificationUrl, client._options.insecure, hosts)
  if not parts then
    return nil, errors.new {
      kind = "protocol",
      message = what.path .. ": " .. message,
      status = answer.status,
      request_id = answer.headers["request-id"],
      client_request_id = answer.client_request_id,
    }
  end
  return setmetatable({
    id = type(raw.id) == "string" and raw.id or nil,
    notification_url = raw.notificationUrl,
    expires_at = date.from_iso(raw.expirationDateTime),
    resource = what.path,
    raw = raw,
    _client = client,
    _host = parts.host,
  }, metatable)
end

--- Opens a Socket.IO socket on the endpoint. Starts connecting and returns at
--- once; the client's TLS and proxy options hold unless `opts` has its own.
---@param opts graphsocket.socket.options|nil
---@return graphsocket.socket
function methods:open(opts)
  if getmetatable(self) ~= metatable then
    error("call endpoint:open(…) with a colon", 2)
  end
  options.check("endpoint:open", opts, options.socket)
  local merged = options.pick(self._client._options, options.transport)
  for name, value in pairs(opts or {}) do merged[name] = value end
  -- Two endpoints on one host are two subscriptions: never one connection.
  merged.force_new = true
  local socketio = require "graphsocket.socketio"
  return socketio.connect(self.notification_url, merged)
end

return endpoint
