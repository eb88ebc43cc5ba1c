--- A client of Microsoft Graph: where it is, with which token, and the rules
--- that all its requests share.
--
-- Every request of a client, of all its subscriptions and watches, passes one
-- throttle and asks one token source. How one request runs is request.lua's
-- business; what a client must not do is send the token anywhere but to the
-- scheme, host and port of its base URL (_own_url decides that).

local core = require "graphsocket.core"
local date = require "graphsocket.date"
local endpoint = require "graphsocket.endpoint"
local loop = require "graphsocket.loop"
local options = require "graphsocket.options"
local request = require "graphsocket.request"
local resource = require "graphsocket.resource"
local source = require "graphsocket.auth.source"
local subscription = require "graphsocket.subscription"
local throttle = require "graphsocket.throttle"
local url = require "graphsocket.url"
local watch = require "graphsocket.watch"

local client = {}

--- The national clouds: Graph's host, and the host that gives tokens for it.
local CLOUDS = {
  global = { "graph.microsoft.com", "login.microsoftonline.com" },
  usgov = { "graph.microsoft.us", "login.microsoftonline.us" },
  ["usgov-dod"] = { "dod-graph.microsoft.us", "login.microsoftonline.us" },
  china = { "microsoftgraph.chinacloudapi.cn", "login.chinacloudapi.cn" },
}

local HINT_403 = "this request works for a signed-in user only: a token of an "
  .. "application by itself is refused; the user needs the delegated "
  .. "permission Files.Read or more, with consent given"

local function check_headers(headers)
  for name in pairs(headers) do
    if type(name) == "string" and name:lower() == "authorization" then
      return 'must not hold Authorization: give the option "token"'
    end
  end
  return options.check_headers(headers)
end

local function check_line(text)
  if text:find("%c") then return "must not contain control characters" end
end

-- A request as a whole may take so many times the longest silence allowed: a
-- server that sends a byte now and then would otherwise hold it for ever.
local WHOLE = 10

local SECONDS = { type = "number", min = 0.001, unit = "seconds" }

---@class graphsocket.client.options : graphsocket.transport.options
---@field token string|function|table a token; a function(force_refresh) that returns one and, if it knows, its life in
---  seconds, or nil and an error; or a source of `graphsocket.auth`
---@field cloud? "global"|"usgov"|"usgov-dod"|"china" whose hosts to use
---@field base_url? string instead of the cloud's; absent: `https://graph.microsoft.com/v1.0` and its like
---@field timeout? number longest silence of each phase of a request: connecting, TLS, first byte, and between two later
---  ones; the whole of it may take ten times as long
---@field connect_timeout? number of that phase alone
---@field tls_timeout? number of that phase alone
---@field first_byte_timeout? number of that phase alone
---@field idle_timeout? number of that phase alone
---@field token_timeout? number for a token function
---@field retries? integer how often a request of `endpoint` is tried again, if its failure may pass
---@field max_requests? integer at once, of the client and all that stands on it
---@field user_agent? string instead of `graphsocket/VERSION`
---@field headers? table<string, string> of every request to Graph

--- The options of graphsocket.new.
client.options = options.merge(options.transport, {
  token = {
    type = { "string", "function", "table" },
    required = "give a string, a function(force_refresh) that returns one, or "
      .. "a graphsocket.auth source",
    check = source.check,
  },
  cloud = {
    default = "global", one_of = { "global", "usgov", "usgov-dod", "china" },
  },
  base_url = {
    type = "string",
    check = function(text)
      local _, message = url.service(text)
      return message
    end,
  },
  -- The longest silence of each phase, not the sum: Graph sometimes stalls for
  -- tens of seconds before its first byte.
  timeout = { type = "number", default = 30, min = 0.001, unit = "seconds" },
  connect_timeout = SECONDS,
  tls_timeout = SECONDS,
  first_byte_timeout = SECONDS,
  idle_timeout = SECONDS,
  token_timeout = {
    type = "number", default = 60, min = 0.001, unit = "seconds",
  },
  retries = { type = "number", default = 3, min = 0, integer = true },
  max_requests = { type = "number", default = 4, min = 1, integer = true },
  user_agent = { type = "string", check = check_line },
  headers = { type = "table", check = check_headers },
})

---@class graphsocket.client
local methods = {}
local metatable = { __name = "graphsocket.client", __index = methods }

function metatable.__tostring(self)
  return ("graphsocket.client (%s)"):format(self._base_url)
end

--- Makes a client. Raises on a mistake in the options.
---@param opts graphsocket.client.options
---@return graphsocket.client
function client.new(opts)
  local where = "graphsocket.new"
  local values = options.check(where, opts, client.options)
  local cloud = CLOUDS[values.cloud]
  local token = values.token
  values.token = nil
  local base = url.service(values.base_url
    or ("https://%s/v1.0"):format(cloud[1]))
  local message = url.plain_fault(base, values.insecure)
  if message then
    error(('%s: option "base_url": %s'):format(where, message), 2)
  end
  local self = {
    _auth_context = nil,     -- what a token source may need of the client
    _base = base,            -- the base URL's parts
    _base_url = base.base,
    _clock_offset = nil,     -- seconds that Graph's clock is ahead of ours
    _my_drive = nil,         -- resource that /me/drive turned out to be
    _options = values,
    _source = source.wrap(token, values.token_timeout),
    _throttle = throttle.new(values.max_requests),
    _user_agent = values.user_agent
      or ("graphsocket/%s (%s)"):format(core.version, _VERSION),
  }
  self._auth_context = {
    authority = "https://" .. cloud[2],
    proxy = values.proxy,
    user_agent = self._user_agent,
    fields = function() return methods._transport_fields(self) end,
  }
  return setmetatable(self, metatable)
end

local function check_self(self, name)
  if getmetatable(self) ~= metatable then
    error(("call client:%s(…) with a colon"):format(name), 3)
  end
end

--- Gets a websocket endpoint for a resource. Waits; failures that may pass are
--- tried again, `retries` times.
---@param what string|table the resource
---@return graphsocket.endpoint|nil
---@return graphsocket.error|nil
function methods:endpoint(what)
  check_self(self, "endpoint")
  return self:_endpoint(resource.check("client:endpoint", what), {})
end

--- Subscribes to a resource: notifications, until close(). Returns at once.
---@param what string|table the resource
---@param opts graphsocket.subscription.options|nil
---@return graphsocket.subscription
function methods:subscribe(what, opts)
  check_self(self, "subscribe")
  return subscription.new(self, resource.check("client:subscribe", what),
    options.check("client:subscribe", opts, subscription.options))
end

--- Watches a resource: what changed, each change at least once, until close().
--- Returns at once.
---@param what string|table the resource
---@param opts graphsocket.watch.options|nil
---@return graphsocket.watch|nil
---@return graphsocket.error|nil of kind "state"
function methods:watch(what, opts)
  check_self(self, "watch")
  return watch.new(self, resource.check("client:watch", what),
    options.check("client:watch", opts, watch.options))
end

-- What subscriptions and watches stand on ------------------------------------

--- As endpoint, for a resource that is checked; `opts`: scope, retries,
--- on_retry, notification_hosts.
---@param what graphsocket.resource
---@param opts table
---@return graphsocket.endpoint|nil
---@return graphsocket.error|nil
function methods:_endpoint(what, opts)
  local function ask(target, is_final)
    return self:_request {
      path = target.subscription_path, hint = HINT_403, is_final = is_final,
      scope = opts.scope, retries = opts.retries, on_retry = opts.on_retry,
    }
  end
  local answer, err
  if what.is_me and not self._my_drive then
    -- service-facts 9: "notSupported" on /me/drive/root is got round by the
    -- drive's id, so trying the same again comes after that.
    answer, err = ask(what, function(e) return e.code == "notSupported" end)
    if err and err.code == "notSupported" and self:_find_my_drive(opts) then
      answer, err = ask(self._my_drive)
    end
  else
    answer, err = ask(what.is_me and self._my_drive or what)
    -- The user's drive can be replaced by another; the next time finds out.
    if err and err.status == 404 then self._my_drive = nil end
  end
  if not answer then return nil, err end
  return endpoint.new(self, what, answer, opts.notification_hosts)
end

-- Resolves /me/drive to its id, once. Returns nil if that fails.
function methods:_find_my_drive(opts)
  local answer = self:_request {
    path = "/me/drive?$select=id", scope = opts.scope, retries = opts.retries,
  }
  self._my_drive = answer and resource.parse { drive = answer.json.id }
  return self._my_drive
end

--- Runs one request; see request.run.
---@param req table
---@return table|nil answer
---@return graphsocket.error|nil
---@return table|nil answer of the error
function methods:_request(req)
  -- Cut off in the middle, it would keep its turn of the throttle for ever.
  return loop.shield(request.run, self, req)
end

--- Reads a URL and makes sure that the token may go there.
---@param text string
---@return table|nil parts of core.url_parse
---@return string|nil message
function methods:_own_url(text)
  local parts = core.url_parse(text)
  if not parts then return nil, "a URL of the answer cannot be understood" end
  if parts.user or parts.password then
    return nil, "a URL of the answer holds a user name"
  end
  if not url.is_same_server(parts, self._base) then
    return nil, ("a URL of the answer leads to another server (%s://%s:%d)")
      :format(parts.scheme, parts.host, url.port(parts))
  end
  return parts
end

-- The fields that every HTTP exchange of the client has; a new table each time.
function methods:_transport_fields()
  local values = self._options
  local connect = values.connect_timeout or values.timeout
  local tls = values.tls_timeout or values.timeout
  local first_byte = values.first_byte_timeout or values.timeout
  local idle = values.idle_timeout or values.timeout
  return {
    ca_file = values.ca_file,
    ca_path = values.ca_path,
    crl_file = values.crl_file,
    cert = values.cert,
    key = values.key,
    verify = values.verify,
    local_address = values.local_address,
    connect_timeout = connect,
    tls_timeout = tls,
    first_byte_timeout = first_byte,
    idle_timeout = idle,
    timeout = WHOLE * math.max(connect, tls, first_byte, idle),
  }
end

-- Keeps what the Date header says of the local clock.
function methods:_note_date(text)
  local at = date.from_http(text)
  if at then self._clock_offset = at - loop.time() end
end

--- The time by Graph's clock, as far as it is known: expiries are its times,
--- and a local clock may be wrong by a day.
---@return number epoch seconds
function methods:_server_time()
  return loop.time() + (self._clock_offset or 0)
end

return client
