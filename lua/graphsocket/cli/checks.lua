--- What has to be right before a notification comes, one by one, in the order in
--- which it is needed; and what to do about the first that is not.
--
-- A check is a function(self) that returns what it has found, or nil, an error
-- and advice. `self` holds what earlier ones have found: values, resource,
-- source, client, base (parts of Graph's URL), answer, endpoint.

local date = require "graphsocket.date"
local errors = require "graphsocket.errors"
local graph = require "graphsocket.cli.graph"
local jwt = require "graphsocket.cli.jwt"
local loop = require "graphsocket.loop"
local proxy = require "graphsocket.proxy"
local request = require "graphsocket.request"
local scope = require "graphsocket.scope"
local text = require "graphsocket.cli.text"

local checks = {}

--- Seconds that the clocks may be apart. Entra refuses more than five minutes.
local MAX_SKEW = 300

--- Seconds for the websocket to be joined.
local JOIN_TIMEOUT = 20

local function usage(message)
  return errors.new { kind = "usage", message = message }
end

local function check_proxy(self)
  local option = self.client._options.proxy
  local found, message = proxy.find(self.base.scheme, self.base.host, option)
  if found == nil then
    return nil, usage(message), "give it by --proxy http://host:port, or use "
      .. "none: --no-proxy"
  end
  self.proxy = found
  return found and ("%s:%d"):format(found.host, found.port) or "none"
end

-- One request without a token, which tells how far the way leads.
local function reach(self)
  if self.answer or self.reach_error then return end
  local fields = self.client:_transport_fields()
  fields.url, fields.method = self.client._base_url .. "/", "GET"
  fields.headers = "User-Agent: " .. self.client._user_agent .. "\r\n"
  self.answer, self.reach_error = request.exchange(fields, self.base,
    self.client._options.proxy, scope.new())
end

local ADVICE = {
  dns = "check the network and the name server (/etc/resolv.conf); where only "
    .. "a proxy resolves names, set https_proxy or --proxy",
  connection = "a firewall may be between, or a proxy be needed: set "
    .. "https_proxy or --proxy",
  tls = "where a firm's proxy reads along, give its certificate authority by "
    .. "--ca-file; a clock that is wrong by days does this too",
}

local PHASES = {
  dns = { dns = true },
  connection = { tcp = true, proxy = true },
  tls = { tls = true },
}

-- The last of the three also answers for what comes after TLS.
local function check_phase(name, found)
  return function(self)
    reach(self)
    local err = self.reach_error
    if err and (PHASES[name][err.phase] or name == "tls") then
      return nil, err, ADVICE[name]
    end
    return found(self)
  end
end

local function target_of(self)
  return self.proxy and self.proxy.host or self.base.host
end

local check_dns = check_phase("dns", target_of)

local check_connection = check_phase("connection", function(self)
  return self.proxy and "through the proxy" or "direct"
end)

local check_tls = check_phase("tls", function(self)
  if self.base.scheme ~= "https" then return "none: plain http" end
  if self.values.no_verify then return "certificates are not checked" end
  return "trusted by " .. (self.values.ca_file or "the system's authorities")
end)

local function check_clock(self)
  local at = date.from_http(self.answer.headers.date)
  if not at then return "Graph does not say its time" end
  local skew = loop.time() - at
  if math.abs(skew) <= MAX_SKEW then
    return ("%s apart"):format(text.duration(math.abs(skew)))
  end
  return nil, errors.new {
    kind = "state", message = ("this clock is %s %s"):format(
      text.duration(math.abs(skew)), skew > 0 and "ahead" or "behind"),
  }, "set it, as with timedatectl set-ntp true: certificates and tokens depend "
    .. "on it"
end

local function check_token(self)
  local token, err = self.source:get {
    scope = scope.new(), context = self.client._auth_context,
  }
  if not token then
    return nil, err, "graphsocket login gets one; or see --token-command, "
      .. "--token-file"
  end
  local claims = jwt.claims(token)
  if not claims then return "from " .. self.source_name end
  local fault = jwt.fault(claims, loop.time())
  if fault then
    return nil, errors.new { kind = "auth", message = fault },
      "get another one: graphsocket login"
  end
  return ("from %s, for %s"):format(self.source_name,
    text.safe(claims.upn or claims.unique_name or claims.name or "a user"))
end

local function check_permission(self)
  local answer, err = self.client:_request {
    path = self.resource .. "?$select=id", retries = 0,
  }
  if answer then return "may read " .. self.resource end
  local advice = "try again later; --verbose of the other commands says more"
  if err.status == 401 then
    advice = "the token is for something else, or revoked: get another one"
  elseif err.status == 403 then
    advice = "the token needs the delegated permission Files.Read, with consent "
      .. "(Sites.Read.All for a site's library)"
  elseif err.status == 404 then
    advice = "this user has no such thing: graphsocket drives shows what there is"
  end
  return nil, err, advice
end

local function check_endpoint(self)
  local found, err = self.client:_endpoint(require("graphsocket.resource")
    .check("doctor", self.resource), { retries = 0 })
  if not found then
    return nil, err, "Graph gives endpoints for drives and document libraries, "
      .. "to signed-in users; it refuses at times what works a minute later"
  end
  self.endpoint = found
  return found._host
end

local function check_websocket(self)
  local over = loop.future()
  local socket = self.endpoint:open {
    reconnection = false, timeout = JOIN_TIMEOUT,
  }
  socket:on("connect", function() over:resolve(true) end)
  socket:on("connect_error", function(err) over:resolve(nil, err) end)
  local _, ok, err = over:await()
  socket:disconnect()
  if ok then return "joined " .. socket.namespace end
  return nil, err, ("firewalls and proxies must let %s through as well as "
    .. "Graph, and websockets on it"):format(self.endpoint._host)
end

--- The checks, in their order.
checks.LIST = {
  { "proxy", check_proxy }, { "dns", check_dns },
  { "connection", check_connection }, { "tls", check_tls },
  { "clock", check_clock }, { "token", check_token },
  { "permission", check_permission }, { "endpoint", check_endpoint },
  { "websocket", check_websocket },
}

--- What the checks start from. The token is not asked for yet: that there is
--- none must not hide what is wrong before.
---@param session table
---@param source table|nil
---@param name string where it is from
---@param resource string
---@return table
function checks.start(session, source, name, resource)
  local client = graph.client_with(session, source)
  return {
    values = session.values, resource = resource, source = source,
    source_name = name, client = client, base = client._base,
  }
end

return checks
