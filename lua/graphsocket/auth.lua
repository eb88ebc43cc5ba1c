--- Where tokens come from.
--
--   auth.static(token)            a fixed one
--   auth.command(line)            what a command prints, such as the az tool
--   auth.device_code{…}           a person signs in elsewhere (RFC 8628)
--   auth.refresh_token{…}         a refresh token from elsewhere
--
-- Each gives a source (auth/source.lua), which keeps, checks and shares what it
-- gets, and stands for the option `token`, beside a string or a function.

local options = require "graphsocket.options"
local source = require "graphsocket.auth.source"

local auth = {}

--- A fixed token. Graph's last for about an hour.
---@param token string
---@return table source
function auth.static(token)
  local fault = source.fault(token)
  if fault then error("auth.static: the token " .. fault, 2) end
  return source.new { name = "the token", token = token }
end

--- A token that a command prints: the bare token, or JSON as az, gcloud or an
--- OAuth server give it. Kept until it expires (five minutes if it does not
--- say when).
---@param line string a line for /bin/sh
---@param opts table|nil timeout (seconds, 60)
---@return table source
function auth.command(line, opts)
  if type(line) ~= "string" or line == "" or line:find("%z") then
    error("auth.command: give a command line as a string, such as "
      .. '"az account get-access-token --resource-type ms-graph"', 2)
  end
  local values = options.check("auth.command", opts, {
    timeout = { type = "number", default = 60, min = 0.001, unit = "seconds" },
  })
  return require("graphsocket.auth.command").new(line, values)
end

local function check_text(text)
  if text == "" or text:find("%c") then
    return "must not be empty or contain control characters"
  end
end

local LOGIN = {
  client_id = {
    type = "string", check = check_text,
    required = "give the application's id from its registration",
  },
  tenant = {
    type = "string", default = "common",
    check = function(tenant)
      if not tenant:find("^[%w.-]+$") then
        return 'must be a tenant\'s id or domain, or "common", '
          .. '"organizations", "consumers"'
      end
    end,
  },
  scopes = { type = { "string", "table" }, default = "Files.Read" },
  authority = {
    type = "string",
    check = function(text)
      local url = require "graphsocket.url"
      local parts, message = url.service(text)
      return message or url.plain_fault(parts)
    end,
  },
  cache = { type = "string", check = check_text },
}

--- A person signs in: the prompt says where and with which code. The tokens
--- are kept in `cache`, a file of mode 0600, so that it happens once.
---@param opts table client_id, tenant ("common"), scopes ("Files.Read"), cache
---  (a path), prompt (function(info): user_code, verification_uri, message,
---  expires_in), authority
---@return table source
function auth.device_code(opts)
  local values = options.check("auth.device_code", opts,
    options.merge(LOGIN, { prompt = { type = "function" } }))
  return require("graphsocket.auth.device_code").new(values)
end

--- A refresh token that was got elsewhere. The login service gives a new one
--- with each use: `cache` keeps it.
---@param opts table client_id, refresh_token, client_secret, tenant, scopes,
---  cache, authority
---@return table source
function auth.refresh_token(opts)
  local values = options.check("auth.refresh_token", opts,
    options.merge(LOGIN, {
      refresh_token = {
        type = "string", check = check_text,
        required = "give the refresh token",
      },
      client_secret = { type = "string", check = check_text },
    }))
  return require("graphsocket.auth.refresh_token").new(values)
end

return auth
