--- One request to Graph, from its first attempt to its answer.
--
-- Theory of operation. A request is in one state; every wait of a state is a
-- scope:wait, so cancelling works from each of them, and none blocks Lua.
--
--   state   | what happens                              | next
--   --------+-------------------------------------------+---------------------
--   turn    | the client's throttle lets it pass        | token
--   token   | the token source is asked                 | send; wait; failed
--   send    | one HTTP exchange                         | judge
--   judge   | 2xx                                       | done
--           | 401, no token was forced yet              | turn, with a new token
--           | a redirect that stays on the Graph host   | turn, other URL
--           | may pass by itself, attempts are left     | wait
--           | anything else                             | failed
--   wait    | Retry-After, or back-off with jitter; a   | turn
--           | pause of all is waited for by the throttle|
--
-- The token is put into a request in one place, send(), which refuses any URL
-- that is not of the client's own scheme, host and port.

local core = require "graphsocket.core"
local engine = require "graphsocket.engine"
local errors = require "graphsocket.errors"
local json = require "graphsocket.json"
local loop = require "graphsocket.loop"
local proxy = require "graphsocket.proxy"
local response = require "graphsocket.response"
local scope = require "graphsocket.scope"

local unpack = table.unpack or unpack

local request = {}

--- First back-off and the longest, in seconds.
local BACKOFF, BACKOFF_MAX = 1, 60

--- Redirects followed on one host.
local MAX_REDIRECTS = 5

--- Seconds of the n-th back-off: doubled each time, and spread over half of it
--- to either side, so that clients that failed together do not come back
--- together.
---@param n integer from 1
---@return number
function request.backoff(n)
  local delay = math.min(BACKOFF_MAX, BACKOFF * 2 ^ (n - 1))
  return delay * (0.5 + core.random())
end

-- A version 4 UUID (RFC 9562, 5.4): Graph logs it beside its own request-id.
local function uuid()
  local bytes = { core.random_bytes(16):byte(1, 16) }
  bytes[7] = 0x40 + bytes[7] % 16
  bytes[9] = 0x80 + bytes[9] % 64
  local hex = ("%02x"):rep(16):format(unpack(bytes))
  return table.concat({
    hex:sub(1, 8), hex:sub(9, 12), hex:sub(13, 16), hex:sub(17, 20),
    hex:sub(21),
  }, "-")
end

-- Runs one HTTP exchange and waits for it. Shared with the login service's
-- requests, which carry no Graph token.
---@param fields table of the core's request, without the proxy
---@param parts table of core.url_parse
---@param proxy_option string|boolean|nil
---@param the_scope table
---@return table|nil answer {status, headers (a table), body}
---@return graphsocket.error|nil
function request.exchange(fields, parts, proxy_option, the_scope)
  local through, message = proxy.find(parts.scheme, parts.host, proxy_option)
  if through == nil then
    return nil, errors.new { kind = "usage", message = message }
  end
  fields.proxy = through and through.url or nil
  local start_error
  local ended, answer, err = the_scope:wait(function(done)
    local cancel, failure = engine.request_start(fields, done)
    if not cancel then
      start_error = failure
      done()
    end
    return cancel
  end)
  if not ended then return nil, scope.cancellation() end
  err = start_error or err
  if err then return nil, errors.wrap(err, "network") end
  answer.headers = response.headers(answer.headers)
  return answer
end

local function header_lines(client, req, token, id)
  local values = {}
  -- By lower-case name, so that an option replaces a header of ours whatever
  -- its letter case, and never doubles it.
  local function add(name, value)
    values[name:lower()] = ("%s: %s\r\n"):format(name, value)
  end
  add("User-Agent", client._user_agent)
  add("Accept", "application/json")
  -- Listed as required by Microsoft's page although it is a GET.
  add("Content-Type", "application/json")
  for name, value in pairs(client._options.headers or {}) do
    add(name, value)
  end
  for name, value in pairs(req.headers or {}) do add(name, value) end
  add("client-request-id", id)
  add("Authorization", "Bearer " .. token)
  local lines = {}
  for _, line in pairs(values) do lines[#lines + 1] = line end
  return table.concat(lines)
end

-- [send] Returns an answer, or nil and an error.
local function send(state)
  local client, req = state.client, state.req
  local parts, message = client:_own_url(state.url)
  if not parts then
    return nil, errors.new {
      kind = "protocol", message = state.what .. ": " .. message,
      retryable = false,
    }
  end
  local fields = client:_transport_fields()
  local id = uuid()
  fields.url = state.url
  fields.method = req.method
  fields.body = req.body
  fields.headers = header_lines(client, req, state.token, id)
  local answer, err =
    request.exchange(fields, parts, client._options.proxy, state.scope)
  if not answer then
    err.client_request_id = id
    err.message = state.what .. ": " .. err.message
    return nil, err
  end
  answer.client_request_id = id
  client:_note_date(answer.headers.date)
  return answer
end

-- A redirect: returns true if it is followed, else the error.
local function redirect(state, answer)
  local location = answer.headers.location
  local target = location and core.url_resolve(state.url, location)
  local problem
  if not target then
    problem = "the server redirects without saying where to"
  elseif state.redirects >= MAX_REDIRECTS then
    problem = "the server redirects in circles"
  else
    local ok, message = state.client:_own_url(target)
    if ok then
      state.redirects, state.url = state.redirects + 1, target
      return true
    end
    problem = "the server redirects, and " .. message
      .. ": not followed, the token goes to the Graph host only"
  end
  return false, errors.new {
    kind = "graph", message = state.what .. ": " .. problem,
    status = answer.status, request_id = answer.headers["request-id"],
    client_request_id = answer.client_request_id, retryable = false,
  }
end

local REDIRECTS = {
  [301] = true, [302] = true, [303] = true, [307] = true, [308] = true,
}

-- [judge] Returns "done", "again" (at once), "wait" or "failed", and an error.
local function judge(state, answer, err)
  if err then
    -- Not for a token source that hangs or fails, nor for a certificate: a
    -- few seconds do not mend that, and who asked waits for the answer.
    local passes = (err.kind == "network" or err.kind == "timeout"
      or err.phase == "login") and err.phase ~= "token"
    return passes and err.retryable and "wait" or "failed", err
  end
  local status = answer.status
  if status >= 200 and status < 300 then return "done" end
  if REDIRECTS[status] then
    local followed, problem = redirect(state, answer)
    return followed and "again" or "failed", problem
  end
  local failure = response.error(answer, state.what, loop.time(),
    state.req.hint)
  if status == 401 and not state.forced then
    state.forced = true
    state.rejected = state.token
    state.claims = response.claims(answer.headers)
    return "again", failure
  end
  local fatal = state.req.is_final and state.req.is_final(failure)
  if failure.retryable and not fatal then return "wait", failure end
  return "failed", failure
end

-- A pause that the server asks for concerns the whole client. A 429 that names
-- no time does so too: going on with other requests would prolong it.
local function pause_of(err, attempt)
  if err.status == 429 then
    return err.retry_after or request.backoff(attempt)
  end
  if err.status == 503 then return err.retry_after end
end

-- [token] Returns true, or nil and an error.
local function take_token(state)
  local token, err = state.client._source:get {
    rejected = state.rejected, claims = state.claims,
    scope = state.scope, context = state.client._auth_context,
  }
  if not token then
    -- The refusal says more than the source that has no other token.
    if state.refusal and err.code == "cannotRefresh" then err = state.refusal end
    return nil, err
  end
  state.token, state.rejected, state.claims = token, nil, nil
  return true
end

-- [wait] Returns true, or nil and an error if there is no further attempt. A
-- pause is waited for by the throttle.
local function wait(state, err, pause)
  if state.attempt > state.retries then return nil, err end
  local delay = pause or err.retry_after or request.backoff(state.attempt)
  state.attempt = state.attempt + 1
  if state.req.on_retry then state.req.on_retry(err, delay) end
  if pause or state.scope:sleep(delay) then return true end
  return nil, scope.cancellation()
end

-- One pass through turn, token, send and judge. Returns "done", "again" or
-- "failed", an error, and the answer if there is one.
local function attempt(state)
  local throttle = state.client._throttle
  local ticket = throttle:enter(state.scope, state.had_turn)
  if not ticket then return "failed", scope.cancellation() end
  state.had_turn = true
  local answer
  local ok, err = take_token(state)
  if ok then answer, err = send(state) end
  local verdict
  verdict, err = judge(state, answer, err)
  local pause = answer and err and pause_of(err, state.attempt)
  if pause then throttle:pause(pause) end
  throttle:leave(ticket, answer ~= nil and not pause)
  if verdict == "wait" then
    ok, err = wait(state, err, pause)
    verdict = ok and "again" or "failed"
  elseif verdict == "again" then
    state.refusal = err
  end
  return verdict, err, answer
end

--- Runs a request to its end. Waits.
---
--- `req`: path (below the base URL) or url (absolute), method ("GET"), headers,
--- body, retries (the client's), scope (to cancel it), hint (for a 403's text),
--- is_final (function(err) -> boolean: do not try again), on_retry
--- (function(err, seconds)), decode (true: the answer's `json` is the body's
--- object).
---@param client table
---@param req table
---@return table|nil answer {status, headers, body, json}
---@return graphsocket.error|nil
---@return table|nil answer the one that the error was made of
function request.run(client, req)
  req.method = req.method or "GET"
  local target = req.url or (client._base_url .. req.path)
  local state = {
    client = client,
    req = req,
    scope = req.scope or scope.new(),
    url = target,
    what = ("%s %s"):format(req.method, errors.redact(req.path or target)),
    retries = req.retries or client._options.retries,
    attempt = 1,
    redirects = 0,
    forced = false,   -- a forced token was asked for
    had_turn = false, -- it goes before those that never had one
    token = nil,
    rejected = nil,   -- the token that a 401 refused
    claims = nil,
    refusal = nil,    -- the error of that 401
  }
  local verdict, err, answer
  repeat
    verdict, err, answer = attempt(state)
  until verdict == "done" or verdict == "failed"
  if verdict == "failed" then return nil, err, answer end
  if req.decode == false then return answer end
  return request.decoded(answer, state.what)
end

--- Decodes the answer's body, which must be a JSON object.
---@param answer table
---@param what string
---@return table|nil answer with `json`
---@return graphsocket.error|nil
function request.decoded(answer, what)
  local body, message = json.decode(answer.body or "")
  if type(body) == "table" and (answer.body:match("^%s*(.)") == "{") then
    answer.json = body
    return answer
  end
  if message then
    message = "the answer is not JSON (" .. message .. ")"
  else
    message = "the answer is JSON, but not an object"
  end
  return nil, errors.new {
    kind = "protocol",
    message = ("%s: %s: is there a proxy or a login page between, or is "
      .. "base_url wrong?"):format(what, message),
    status = answer.status,
    request_id = answer.headers["request-id"],
    client_request_id = answer.client_request_id,
  }
end

return request
