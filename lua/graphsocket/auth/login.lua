--- Talking to the login service: one POST of a form, and what its errors mean.
-- Knows OAuth 2 (RFC 6749), not which flow is played. No Graph token is sent
-- here, and redirects are not followed: a form holds secrets.

local core = require "graphsocket.core"
local errors = require "graphsocket.errors"
local json = require "graphsocket.json"
local loop = require "graphsocket.loop"
local request = require "graphsocket.request"
local response = require "graphsocket.response"
local source = require "graphsocket.auth.source"
local url = require "graphsocket.url"

local login = {}

local DEFAULT_AUTHORITY = "https://login.microsoftonline.com"

--- Longest silence of each phase for a source that no client uses, in seconds.
local TIMEOUT = 30

--- Check of a text in the options.
---@param text string
---@return string|nil message
function login.check_text(text)
  if text == "" or text:find("%c") then
    return "must not be empty or contain control characters"
  end
end

local function check_scopes(scopes)
  local list = type(scopes) == "table" and scopes or { scopes }
  if #list == 0 then return "must name at least one" end
  for _, text in ipairs(list) do
    if type(text) ~= "string" or login.check_text(text) then
      return 'must be a string, or a list of them, as in { "Files.Read" }'
    end
  end
end

---@class graphsocket.auth.login.options
---@field client_id string the application's id, from its registration
---@field tenant? string the tenant's id or domain, or "common" "organizations" "consumers"
---@field scopes? string|string[] what the token is to allow; `offline_access` is added
---@field authority? string URL of the login service; absent: the cloud's
---@field cache? string path of the file of mode 0600 that keeps the tokens; absent: they are not kept

--- The options of the sources that talk to the login service.
login.options = {
  client_id = {
    type = "string", check = login.check_text,
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
  scopes = {
    type = { "string", "table" }, default = "Files.Read", check = check_scopes,
  },
  authority = {
    type = "string",
    check = function(text)
      local parts, message = url.service(text)
      return message or url.plain_fault(parts)
    end,
  },
  cache = { type = "string", check = login.check_text },
}

local function encode_form(form)
  local parts = {}
  for name, value in pairs(form) do
    parts[#parts + 1] = core.url_escape(name) .. "=" .. core.url_escape(value)
  end
  return table.concat(parts, "&")
end

-- Microsoft's error_description has the sentence first; trace id and time stamp
-- follow on lines of their own.
local function describe(body, status)
  local text = body.error_description
  if type(text) ~= "string" or text == "" then
    return body.error or ("status %d"):format(status)
  end
  return (text:match("^[^\r\n]+"):gsub(" Trace ID:.*$", ""))
end

local function refusal(answer, body, what)
  local status = answer.status
  local code = type(body.error) == "string" and body.error or nil
  return errors.new {
    kind = "auth",
    phase = "login",
    message = ("%s: the login service refused: %s")
      :format(what, describe({
        error = code, error_description = body.error_description,
      }, status)),
    code = code,
    status = status,
    request_id = type(body.trace_id) == "string" and body.trace_id
      or answer.headers["x-ms-request-id"],
    retry_after = response.retry_after(answer.headers, loop.time()),
    retryable = status >= 500 or status == 429
      or code == "temporarily_unavailable" or code == "server_error",
  }
end

--- Sends a form to the login service.
---@param values table authority (or the client's), tenant
---@param ask table context, scope
---@param path string below the tenant, "oauth2/v2.0/token"
---@param form table name -> string
---@param what string for the message
---@return table|nil body
---@return graphsocket.error|nil its code is OAuth's
function login.post(values, ask, path, form, what)
  local context = ask.context or {}
  local authority = values.authority or context.authority or DEFAULT_AUTHORITY
  local parts = assert(url.service(authority))
  local fields = context.fields and context.fields() or {
    verify = true, connect_timeout = TIMEOUT, tls_timeout = TIMEOUT,
    first_byte_timeout = TIMEOUT, idle_timeout = TIMEOUT,
    timeout = 10 * TIMEOUT,
  }
  fields.url = ("%s/%s/%s"):format(parts.base, values.tenant, path)
  fields.method = "POST"
  fields.body = encode_form(form)
  fields.headers = "Content-Type: application/x-www-form-urlencoded\r\n"
    .. "Accept: application/json\r\n"
    .. "User-Agent: " .. (context.user_agent or "graphsocket") .. "\r\n"
  local answer, err =
    request.exchange(fields, parts, context.proxy, ask.scope)
  if not answer then return nil, err end
  local body = json.decode(answer.body or "")
  if type(body) ~= "table" then
    return nil, errors.new {
      kind = "auth", phase = "login", status = answer.status,
      message = what .. ": the login service's answer is not JSON: is there a "
        .. "proxy between, or is authority wrong?",
      retryable = true,
    }
  end
  if answer.status ~= 200 then return nil, refusal(answer, body, what) end
  return body
end

--- The scopes as one string. offline_access is what makes the service give a
--- refresh token.
---@param scopes string|table
---@return string
function login.scopes(scopes)
  if type(scopes) == "table" then scopes = table.concat(scopes, " ") end
  if not (" " .. scopes .. " "):find(" offline_access ", 1, true) then
    scopes = scopes .. " offline_access"
  end
  return scopes
end

--- Reads a token endpoint's success.
---@param body table
---@param what string
---@return table|nil {access_token, expires_in, refresh_token}
---@return graphsocket.error|nil
function login.tokens(body, what)
  if type(body.access_token) ~= "string" then
    return nil, errors.new {
      kind = "auth", phase = "login", retryable = true,
      message = what .. ": the login service gave no access_token",
    }
  end
  return {
    access_token = body.access_token,
    expires_in = source.seconds(body.expires_in) or 3600,
    refresh_token = type(body.refresh_token) == "string"
      and body.refresh_token or nil,
  }
end

--- Plays the refresh token grant (RFC 6749, 6).
---@param values table client_id, client_secret, scopes, authority, tenant
---@param ask table context, scope, claims
---@param refresh_token string
---@return table|nil tokens as of login.tokens
---@return graphsocket.error|nil
function login.refresh(values, ask, refresh_token)
  local what = "refreshing the token"
  local body, err = login.post(values, ask, "oauth2/v2.0/token", {
    grant_type = "refresh_token",
    client_id = values.client_id,
    client_secret = values.client_secret,
    refresh_token = refresh_token,
    scope = login.scopes(values.scopes),
    claims = ask.claims,
  }, what)
  if not body then return nil, err end
  return login.tokens(body, what)
end

return login
