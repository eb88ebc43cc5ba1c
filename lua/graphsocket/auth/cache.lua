--- The file in which tokens outlive the process.
--
-- Mode 0600, replaced as a whole (temporary file, fsync, rename), and not read
-- at all if somebody else may read it: whoever holds the refresh token is the
-- user. A file that cannot be understood, or is another application's, is an
-- error that names it: overwriting it would throw a login away.

local core = require "graphsocket.core"
local errors = require "graphsocket.errors"
local json = require "graphsocket.json"
local loop = require "graphsocket.loop"
local source = require "graphsocket.auth.source"

local cache = {}

local VERSION = 1
local MAX_BYTES = 1024 * 1024
local MODE = 384 -- 0600

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
  if type(saved) ~= "table" or type(saved.version) ~= "number" then
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
    expires_at = math.floor(loop.time() + tokens.expires_in),
  }
  local ok, message = core.file_replace(values.cache, text .. "\n", MODE)
  if ok then return true end
  return nil, state_error(values.cache, "cannot be written: " .. message)
end

-- The access token of the file, if it has life left and is not the one that
-- was refused: another process may have got a new one meanwhile.
local function saved_token(saved, ask)
  local left = (tonumber(saved.expires_at) or 0) - loop.time()
  local is_other = ask.rejected and saved.access_token ~= ask.rejected
  if not saved.access_token or left <= source.MARGIN or ask.claims
    or (ask.force and not is_other) then
    return nil
  end
  return saved.access_token, left
end

--- Makes a source's fetch function that keeps what `obtain` gets.
---@param values table cache (a path, or nil for memory only), client_id, tenant
---@param obtain function(ask, refresh_token|nil) -> tokens | nil, err; tokens
---  are as of login.tokens
---@return function
function cache.through(values, obtain)
  local newest -- the last refresh token seen, for when there is no file
  return function(ask)
    local saved, err = load(values)
    if not saved then return nil, err end
    local token, left = saved_token(saved, ask)
    if token then return token, left end
    local spare = saved.refresh_token or newest
    local tokens
    tokens, err = obtain(ask, spare)
    if not tokens then return nil, err end
    newest = tokens.refresh_token or spare
    tokens.refresh_token = newest
    local saved_ok, save_error = save(values, tokens)
    -- The token is good now, but the next start would have to sign in again.
    if not saved_ok then loop.report(save_error) end
    return tokens.access_token, tokens.expires_in
  end
end

return cache
