--- A source of tokens: what every way of getting one has in common.
--
-- A way of getting tokens is one function, fetch. The source keeps its token
-- until shortly before the expiry, runs one fetch at a time however many ask,
-- checks what comes out, and gives up on a fetch that hangs. Each asker waits
-- on its own, so that one may stop waiting; when the last one has, the fetch
-- is cancelled as well.
--
-- Expiries are kept in loop.now() time, which no wrong local clock disturbs.

local errors = require "graphsocket.errors"
local guard = require "graphsocket.loop.guard"
local loop = require "graphsocket.loop"
local scope = require "graphsocket.scope"

local source = {}

--- A token is renewed this long before its end, in seconds, or a tenth of its
--- life if that is less: requests that are under way must not outlive it.
source.MARGIN = 300

-- The tokens, by source: not fields, so that a program that prints a client
-- with all it holds (as debuggers and test frameworks do) prints none.
local tokens = setmetatable({}, { __mode = "k" })

local methods = {}
local metatable = { __name = "graphsocket.auth.source", __index = methods }

function metatable.__tostring(self)
  return ("graphsocket.auth source (%s)"):format(self.name)
end

--- A source may stand where a token function is expected.
function metatable.__call(self, force_refresh, claims)
  return self:token(force_refresh, claims)
end

--- Why a token cannot be sent, or nil.
---@param token any
---@return string|nil message
function source.fault(token)
  if type(token) ~= "string" then
    return "must be a string, got " .. type(token)
  end
  if token == "" then return "must not be empty" end
  if token:find("%c") then
    return "must not contain a newline or another control character: trim it, "
      .. 'as in token:match("%S+")'
  end
  if token:find("^[Bb]earer ") then
    return 'must be the bare token, without "Bearer "'
  end
  if token:find("[^\33-\126]") then
    return "must not contain spaces or bytes beyond ASCII"
  end
end

--- Takes the space around a text away, as files and commands add it.
---@param text string
---@return string
function source.trim(text)
  -- In two steps: in one, a page of nothing but space is looked through from
  -- each of its bytes.
  return (text:match("%S.*") or ""):match(".*%S") or ""
end

--- Reads seconds as login services and programs write them: a number, or one
--- in a string. What is beyond all numbers (1e999) is none.
---@param value any
---@return number|nil
function source.seconds(value)
  local seconds = tonumber(value)
  if seconds and math.abs(seconds) < math.huge then return seconds end
end

--- Makes a source.
---@param fields table name (for messages), fetch(ask) -> token[, expires_in] |
---  nil, err, where ask is {force, rejected, claims, context, scope}; timeout
---  (seconds; nil: fetch bounds itself); or token (a fixed one, not fetch)
---@return table
function source.new(fields)
  local self = setmetatable({
    name = fields.name,
    _fetch = fields.fetch,
    _is_fixed = fields.token ~= nil,
    _timeout = fields.timeout,
    _claims = nil,  -- the challenge that the token answers
    _expires = nil, -- loop.now() seconds; nil: the token is not kept
    _flight = nil,  -- the fetch under way: {force, claims, scope, waiting = {}, count}
  }, metatable)
  tokens[self] = fields.token
  return self
end

--- True for a source.
---@param value any
---@return boolean
function source.is(value)
  return getmetatable(value) == metatable
end

--- Check of the option `token`, for schemas.
---@param token any a string, a function, a table
---@return string|nil message
function source.check(token)
  if type(token) == "string" then return source.fault(token) end
  if type(token) == "table" and not source.is(token) then
    local mt = getmetatable(token)
    if not (mt and mt.__call) then
      return "must be a string, a function or a graphsocket.auth source, got "
        .. "another table"
    end
  end
end

--- Makes a source of the option `token`, which check has passed.
---@param token any
---@param timeout number seconds that a function may take
---@return table
function source.wrap(token, timeout)
  if source.is(token) then return token end
  if type(token) == "string" then
    return source.new { name = "the token", token = token }
  end
  return source.new {
    name = "the token function",
    timeout = timeout,
    fetch = function(ask) return token(ask.force, ask.claims) end,
  }
end

local function auth_error(self, message, fields)
  fields = fields or {}
  fields.kind = fields.kind or "auth"
  fields.message = ("%s %s"):format(self.name, message)
  fields.phase = "token"
  if fields.retryable == nil then fields.retryable = true end
  return errors.new(fields)
end

-- Turns what fetch gave into a token and its life, or nil and an error.
local function judge(self, ok, token, second)
  if not ok then
    local raised = token.err
    -- Ctrl-C is no answer of the source.
    if guard.is_interrupt(raised) then error(raised, 0) end
    if errors.is(raised) then return nil, raised end
    return nil, auth_error(self, "raised an error: " .. tostring(raised))
  end
  if token == nil then
    if errors.is(second) then return nil, second end
    if second == nil then
      return nil, auth_error(self, "returned nil and no error: it must return "
        .. "a token, or nil and what is wrong")
    end
    local err = errors.wrap(second, "auth")
    return nil, auth_error(self, "failed: " .. err.message,
      { code = err.code, cause = second })
  end
  local fault = source.fault(token)
  if fault then
    return nil, auth_error(self,
      "gave a token that cannot be used: it " .. fault)
  end
  if second ~= nil and (type(second) ~= "number" or second ~= second) then
    return nil, auth_error(self, "gave an expires_in that is no number of "
      .. "seconds, but a " .. type(second))
  end
  return token, second
end

function methods:_land(flight, token, err)
  if flight.landed then return end
  flight.landed = true
  if flight.timer then flight.timer:cancel() end
  if self._flight == flight then self._flight = nil end
  for done in pairs(flight.waiting) do done(token, err, flight) end
  flight.waiting = {}
end

function methods:_keep(token, expires_in, claims)
  tokens[self], self._expires, self._claims = token, nil, claims
  if expires_in then
    self._expires =
      loop.now() + expires_in - math.min(source.MARGIN, expires_in * 0.1)
  end
end

-- Begins a fetch in a task of its own: it belongs to all who wait for it.
function methods:_start(ask)
  local flight = {
    force = ask.rejected ~= nil or ask.force or false, claims = ask.claims,
    scope = scope.new(), waiting = {}, count = 0, landed = false, timer = nil, task = nil,
  }
  self._flight = flight
  if self._timeout then
    flight.timer = loop.timer(self._timeout, function()
      self:_land(flight, nil, auth_error(self,
        ("did not answer within %.14g s"):format(self._timeout),
        { kind = "timeout" }))
      flight.scope:cancel()
    end)
  end
  flight.task = loop.spawn(function()
    local token, second = judge(self, guard.try(self._fetch, {
      force = flight.force, rejected = ask.rejected, claims = ask.claims,
      scope = flight.scope, context = ask.context,
    }))
    -- A fetch that was given up must not overwrite its successor's token.
    if flight.landed then return end
    if token then
      self:_keep(token, second, ask.claims)
      self:_land(flight, token)
    else
      self:_land(flight, nil, second)
    end
  end)
  return flight
end

-- Waits for the fetch under way, beginning one if there is none. Returns a token
-- or nil, an error or nil, and the fetch.
function methods:_join(ask)
  local ended, token, err, landed = ask.scope:wait(function(done)
    local flight = self._flight
    -- A fetch that was lost with what it lived in brings nothing any more.
    if not flight or flight.task:is_lost() then flight = self:_start(ask) end
    flight.waiting[done] = true
    flight.count = flight.count + 1
    return function()
      flight.waiting[done] = nil
      flight.count = flight.count - 1
      if flight.count == 0 and not flight.landed then
        if self._flight == flight then self._flight = nil end
        if flight.timer then flight.timer:cancel() end
        flight.landed = true
        flight.scope:cancel()
      end
    end
  end)
  if not ended then
    return nil, scope.cancellation()
  end
  return token, err, landed
end

-- Whether what a fetch brought is for this ask: one that was under way may not
-- have known of the refusal, nor of the challenge that came with it.
local function is_for(ask, token, flight)
  if ask.claims and flight.claims ~= ask.claims then return false end
  return token ~= ask.rejected or flight.force
end

--- Gives a token. Waits.
---@param ask table scope; context (of the client, for the sources that speak to
---  a login service); rejected (the token that Graph refused: another is
---  wanted); claims (JSON text of a claims challenge); force
---@return string|nil token
---@return graphsocket.error|nil
function methods:get(ask)
  local kept = tokens[self]
  if self._is_fixed then
    if not ask.rejected then return kept end
    return nil, auth_error(self, "was refused, and there is no other", {
      code = "cannotRefresh", retryable = false,
    })
  end
  -- Somebody else may have replaced the refused token meanwhile, as one challenge
  -- meets all the requests that were under way.
  local is_fresh = kept and self._expires and loop.now() < self._expires
    and kept ~= ask.rejected
  local is_answer = not ask.claims
    or ask.rejected and ask.claims == self._claims
  if is_fresh and is_answer and not ask.force then return kept end
  local token, err, flight = self:_join(ask)
  if token and not is_for(ask, token, flight) then
    token, err = self:_join(ask)
  end
  return token, err
end

--- Gives a token, for a script's own use. Waits.
---@param force_refresh boolean|nil do not use the one that is kept
---@param claims string|nil JSON text of a claims challenge
---@return string|nil token
---@return number|graphsocket.error|nil seconds of life left, if known; or an
---  error
function methods:token(force_refresh, claims)
  local token, err = self:get {
    scope = scope.new(), force = force_refresh and true or nil,
    claims = claims, context = nil,
  }
  if not token then return nil, err end
  return token, self._expires and math.max(0, self._expires - loop.now())
end

return source
