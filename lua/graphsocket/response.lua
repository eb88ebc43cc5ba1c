--- What an answer of Graph means: headers, pauses asked for, claims, and the
--- error object that a refusal becomes.
--
-- Pure: no I/O, and the clock is an argument. Nothing of a header or a body
-- enters an error but what is named here; errors.new takes the secrets out of
-- that.

local base64 = require "graphsocket.base64"
local errors = require "graphsocket.errors"
local json = require "graphsocket.json"
local retry_after = require "graphsocket.retry_after"

local response = {}

--- Reads header lines into a table with names in lower case. Values of a name
--- that comes twice are joined by ", " (RFC 9110, 5.3).
---@param text string|nil "Name: value\r\n" lines
---@return table
function response.headers(text)
  local headers = {}
  for line in (text or ""):gmatch("[^\r\n]+") do
    local name, value = line:match("^([^:%s]+):%s*(.*)$")
    if name then
      -- From the end: "(.-)%s*$" would try each of a million spaces inside.
      value = value:match("^.*%S") or ""
      name = name:lower()
      headers[name] = headers[name] and headers[name] .. ", " .. value or value
    end
  end
  return headers
end

--- The seconds that Retry-After asks for.
---@param headers table of response.headers
---@param now number epoch seconds of the local clock
---@return number|nil seconds
function response.retry_after(headers, now)
  return retry_after.seconds(headers["retry-after"], headers.date, now)
end

--- The claims challenge of a 401 (a conditional access policy asks for a token
--- with them), as JSON text.
---@param headers table
---@return string|nil
function response.claims(headers)
  local challenge = headers["www-authenticate"]
  local claims = challenge and challenge:match('claims="([^"]+)"')
  if not claims then return nil end
  local decoded = base64.decode(claims)
  if decoded and decoded:sub(1, 1) == "{" then return decoded end
  return claims
end

local function text_of(value)
  if type(value) == "string" and value ~= "" then return value end
end

-- The innermost code is the telling one: a 410's outer code is the same for
-- both of its flavours. Graph spells the key in two ways.
local function inner_code(graph_error)
  local code
  local inner = graph_error.innerError or graph_error.innererror
  for _ = 1, 10 do
    if type(inner) ~= "table" then break end
    code = text_of(inner.code) or code
    inner = inner.innerError or inner.innererror
  end
  return code
end

--- Reads Graph's error body.
---@param body string|nil
---@return table {code, message, inner_code}; empty if the body is another thing
function response.error_body(body)
  local decoded = body and #body <= 1024 * 1024 and json.decode(body)
  local graph_error = type(decoded) == "table" and decoded.error
  if type(graph_error) ~= "table" then return {} end
  return {
    code = text_of(graph_error.code),
    message = text_of(graph_error.message),
    inner_code = inner_code(graph_error),
  }
end

local ADVICE = {
  [401] = "the token was refused: it is expired, revoked or for another "
    .. "service; get a new one",
  [404] = "check the id, and that the token's user may see it",
  [429] = "Graph limits the rate: ask less often",
}

local STATUS_TEXT = {
  [400] = "bad request", [401] = "unauthorized", [403] = "access denied",
  [404] = "not found", [408] = "request timeout", [409] = "conflict",
  [410] = "gone", [429] = "too many requests", [500] = "internal server error",
  [502] = "bad gateway", [503] = "service unavailable",
  [504] = "gateway timeout",
}

local RETRYABLE_STATUS = {
  [408] = true, [423] = true, [425] = true, [429] = true, [500] = true,
  [502] = true, [503] = true, [504] = true, [507] = true, [509] = true,
}

--- True if the same request may be answered otherwise a little later.
---@param status integer
---@param code string|nil Graph's
---@return boolean
function response.is_retryable(status, code)
  -- service-facts 9: "notSupported" comes and goes on /me/drive/root.
  if status == 400 then return code == "notSupported" end
  return RETRYABLE_STATUS[status] or status >= 500
end

--- The error object of an answer that is no success.
---@param answer table {status, headers, body} with response.headers applied
---@param what string the request as the message names it, "GET /me/drive"
---@param now number epoch seconds
---@param hint string|nil added to a 403's text
---@return graphsocket.error
function response.error(answer, what, now, hint)
  local status, headers = answer.status, answer.headers
  local known = response.error_body(answer.body)
  local message = ("%s: %s"):format(what, known.message
    or STATUS_TEXT[status] or "the server answered with an error")
  local advice = ADVICE[status]
  if status == 403 then advice = hint end
  if advice then message = message:gsub("%.$", "") .. " (" .. advice .. ")" end
  local kind = known.code and "graph" or "http"
  if status == 401 then kind = "auth" end
  return errors.new {
    kind = kind,
    message = message,
    status = status,
    code = known.code,
    inner_code = known.inner_code,
    retry_after = response.retry_after(headers, now),
    request_id = headers["request-id"],
    client_request_id = answer.client_request_id,
    date = headers.date,
    retryable = response.is_retryable(status, known.code),
  }
end

return response
