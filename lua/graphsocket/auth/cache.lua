--- The file in which tokens outlive the process.
--
-- Mode 0600, replaced as a whole (temporary file, fsync, rename), and not read
-- at all if somebody else may read it: whoever holds the refresh token is the
-- user. A file that cannot be understood, or is another application's, is an
-- error that names it: overwriting it would throw a login away.
--
-- Processes may share the file. A login service may accept a refresh token once
-- only, so of two that need another token one refreshes, under the lock
-- "<path>.lock", and the other then finds what it got. No lock is held while a
-- person signs in, which takes minutes.

local core = require "graphsocket.core"
local errors = require "graphsocket.errors"
local json = require "graphsocket.json"
local login = require "graphsocket.auth.login"
local loop = require "graphsocket.loop"
local scope = require "graphsocket.scope"
local source = require "graphsocket.auth.source"

local cache = {}

local VERSION = 1
local MAX_BYTES = 1024 * 1024
local MODE = 384 -- 0600

--- Longest wait for another process, in seconds. One that refreshes is done
--- before, unless it hangs: then rather two refresh than none.
local LOCK_WAIT = 60

--- First and longest pause between two looks at the lock, in seconds.
local LOOK, LOOK_MAX = 0.02, 0.5

local function state_error(path, message)
  return errors.new {
    kind = "state", message = ('token cache "%s" %s'):format(path, message),
  }
end

-- Loads what was saved for the same application: an empty table if there is no
-- file; or nil and an error.
local function load(values)
  local path = values.cache
  if not path then return {} end
  local text, message, reason = core.file_read(path, MAX_BYTES, true)
  if not text then
    if reason == "absent" then return {} end
    if reason == "exposed" then
      return nil, state_error(path,
        "may be read or written by others: chmod 600 it, or remove it and sign "
        .. "in again")
    end
    return nil, state_error(path, "cannot be read: " .. message)
  end
  local saved = json.decode(text)
  if type(saved) ~= "table" or type(saved.version) ~= "number"
    or type(saved.access_token or "") ~= "string"
    or type(saved.refresh_token or "") ~= "string" then
    return nil, state_error(path, "is damaged: remove it and sign in again")
  end
  if saved.version > VERSION then
    return nil, state_error(path, "was written by a newer graphsocket")
  end
  if saved.client_id ~= values.client_id or saved.tenant ~= values.tenant then
    return nil, state_error(path,
      "belongs to another client_id or tenant: give another path")
  end
  return saved
end

-- Returns true, or nil and an error.
local function save(values, tokens)
  if not values.cache then return true end
  local text = json.encode {
    version = VERSION,
    client_id = values.client_id,
    tenant = values.tenant,
    refresh_token = tokens.refresh_token,
    access_token = tokens.access_token,
    scopes = login.scopes(values.scopes), -- what the access token allows
    expires_at = math.floor(loop.time() + tokens.expires_in),
  }
  local ok, message = core.file_replace(values.cache, text .. "\n", MODE)
  if ok then return true end
  return nil, state_error(values.cache, "cannot be written: " .. message)
end

-- The access token of the file, if it is of use: it allows what is wanted, has
-- life left, and is not the one that was refused, as another process may have got
-- a new one meanwhile.
local function saved_token(values, saved, ask)
  local token = saved.access_token
  if source.fault(token) or saved.scopes ~= login.scopes(values.scopes) then
    return nil
  end
  local left = (source.seconds(saved.expires_at) or 0) - loop.time()
  local is_other = ask.rejected and token ~= ask.rejected
  if left <= source.MARGIN or ask.claims or (ask.force and not is_other) then
    return nil
  end
  return token, left
end

-- Waits for the file's lock. Returns a function that gives it back; or nil and
-- an error if the operation was cancelled. Where no lock can be made, saving
-- will say why.
local function take_lock(path, the_scope)
  if not path then return function() end end
  local ends_at, pause = loop.now() + LOCK_WAIT, LOOK
  local target = core.file_target(path) or path
  while true do
    local lock, _, holder = core.file_lock(target .. ".lock")
    if lock then
      core.file_sweep(path)
      return function() lock:close() end
    end
    if not holder or loop.now() >= ends_at then return function() end end
    if not the_scope:sleep(pause) then return nil, scope.cancellation() end
    pause = math.min(LOOK_MAX, pause * 2)
  end
end

--- Makes a source's fetch function that keeps what it gets. Tokens are as of
--- login.tokens.
---@param values table cache (a path, or nil for memory only), client_id, tenant
---@param renew function(ask, refresh_token|nil) -> tokens | nil, err; nil alone
---  if only a person can help
---@param sign_in nil|function(ask) -> tokens | nil, err: asks the person
---@return function
function cache.through(values, renew, sign_in)
  local newest -- the last refresh token seen, for when there is no file

  local function keep(tokens)
    newest = tokens.refresh_token or newest
    tokens.refresh_token = newest
    local ok, err = save(values, tokens)
    -- The token is good now, but the next start would have to sign in again.
    if not ok then loop.report(err) end
    return tokens.access_token, tokens.expires_in
  end

  -- With the lock. Returns a token and its life; or nil and an error, or nil
  -- alone if only a person can help.
  local function refresh(ask)
    local saved, err = load(values)
    if not saved then return nil, err end
    local token, left = saved_token(values, saved, ask)
    if token then return token, left end
    local tokens
    newest = saved.refresh_token or newest
    tokens, err = renew(ask, newest)
    if not tokens then return nil, err end
    return keep(tokens)
  end

  return function(ask)
    local saved, unlock, tokens, err
    saved, err = load(values)
    if not saved then return nil, err end
    local token, life = saved_token(values, saved, ask)
    if token then return token, life end
    unlock, err = take_lock(values.cache, ask.scope)
    if not unlock then return nil, err end
    token, life = refresh(ask)
    unlock()
    if token or life or not sign_in then return token, life end
    tokens, err = sign_in(ask)
    if not tokens then return nil, err end
    unlock, err = take_lock(values.cache, ask.scope)
    if not unlock then return nil, err end
    token, life = keep(tokens)
    unlock()
    return token, life
  end
end

return cache
