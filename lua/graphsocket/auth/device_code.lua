--- Sign-in on another device (RFC 8628).
--
-- Theory of operation. fetch tries, in this order: the access token of the
-- cache, its refresh token, and a person. The person's part:
--
--   ask for a code; show it; then every `interval` seconds ask for the token:
--     authorization_pending        go on
--     slow_down                    interval + 5 s, for good (3.5)
--     no answer                    interval doubled (3.5), Retry-After honoured
--     a token                      done
--     declined, expired, others    failed

local cache = require "graphsocket.auth.cache"
local errors = require "graphsocket.errors"
local guard = require "graphsocket.loop.guard"
local login = require "graphsocket.auth.login"
local loop = require "graphsocket.loop"
local options = require "graphsocket.options"
local scope = require "graphsocket.scope"
local source = require "graphsocket.auth.source"

local device_code = {}

--- Seconds between two questions if the service gives none (3.2), and the least
--- that is taken from it: zero would be a flood.
local INTERVAL, INTERVAL_MIN = 5, 1

--- Longest interval that failures lead to, in seconds.
local INTERVAL_MAX = 60

--- Life of a code that does not say, in seconds.
local LIFE = 900

---@class graphsocket.auth.device_code.options : graphsocket.auth.login.options
---@field prompt? fun(info: table) tells the person: `user_code`, `verification_uri`, `message`, `expires_in` (seconds);
---  absent: the message is printed on stderr

--- The options of auth.device_code.
device_code.options =
  options.merge(login.options, { prompt = { type = "function" } })

local WHAT = "device login"

-- What a person can do about the codes that end the login; Microsoft's spelling
-- beside the RFC's.
local ENDINGS = {
  access_denied = "the sign-in was declined",
  authorization_declined = "the sign-in was declined",
  expired_token = "the code expired before anybody signed in: start again",
  code_expired = "the code expired before anybody signed in: start again",
}

local function failure(message, code, is_retryable)
  return errors.new {
    kind = "auth", phase = "token", code = code,
    message = WHAT .. ": " .. message, retryable = is_retryable or false,
  }
end

local function default_prompt(info)
  io.stderr:write(info.message, "\n")
end

-- Shows the code. Returns true, or nil and an error.
local function show(values, body)
  local info = {
    user_code = body.user_code,
    verification_uri = body.verification_uri or body.verification_url,
    message = body.message,
    expires_in = source.seconds(body.expires_in),
  }
  if type(body.device_code) ~= "string" or type(info.user_code) ~= "string"
    or type(info.verification_uri) ~= "string" then
    return nil, failure("the login service gave no code", nil, true)
  end
  if type(info.message) ~= "string" then
    info.message = ("To sign in, open %s and enter the code %s")
      :format(info.verification_uri, info.user_code)
  end
  local ok, failed = guard.try(values.prompt or default_prompt, info)
  if ok then return true end
  if guard.is_interrupt(failed.err) then error(failed.err, 0) end
  return nil, failure("the prompt function raised an error: "
    .. tostring(failed.err))
end

-- Asks for the token until there is one. Returns tokens, or nil and an error.
local function poll(values, ask, body)
  local interval =
    math.max(INTERVAL_MIN, source.seconds(body.interval) or INTERVAL)
  local ends_at = loop.now() + (source.seconds(body.expires_in) or LIFE)
  local pause = interval
  while true do
    if not ask.scope:sleep(math.min(pause, ends_at - loop.now())) then
      return nil, scope.cancellation()
    end
    if loop.now() >= ends_at then
      return nil, failure(ENDINGS.expired_token, "expired_token")
    end
    local answer, err = login.post(values, ask, "oauth2/v2.0/token", {
      grant_type = "urn:ietf:params:oauth:grant-type:device_code",
      client_id = values.client_id,
      device_code = body.device_code,
    }, WHAT)
    if answer then return login.tokens(answer, WHAT) end
    if err.code == "slow_down" then
      interval = interval + 5
    elseif err.code ~= "authorization_pending" then
      if not err.retryable then
        local ending = ENDINGS[err.code]
        return nil, ending and failure(ending, err.code) or err
      end
      interval = math.max(interval, math.min(INTERVAL_MAX, interval * 2))
    end
    pause = math.max(interval, err.retry_after or 0)
  end
end

local function sign_in(values, ask)
  local body, err = login.post(values, ask, "oauth2/v2.0/devicecode", {
    client_id = values.client_id,
    scope = login.scopes(values.scopes),
  }, WHAT)
  if not body then return nil, err end
  local shown, problem = show(values, body)
  if not shown then return nil, problem end
  return poll(values, ask, body)
end

-- Refusals of a refresh token that only a person can mend.
local NEEDS_PERSON = {
  invalid_grant = true, interaction_required = true, consent_required = true,
  login_required = true,
}

--- Makes a source; see auth.device_code.
---@param values table
---@return table
function device_code.new(values)
  local fetch = cache.through(values, function(ask, refresh_token)
    if not refresh_token then return nil end
    local tokens, err = login.refresh(values, ask, refresh_token)
    if err and NEEDS_PERSON[err.code] then return nil end
    return tokens, err
  end, function(ask) return sign_in(values, ask) end)
  -- No time-out of the whole: a person takes minutes, and the code's own
  -- expiry ends the wait.
  return source.new { name = WHAT, fetch = fetch }
end

return device_code
