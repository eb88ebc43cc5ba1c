--- Who signed in with "graphsocket login": the application's id, the tenant and
--- the scopes in a file of the configuration (no secrets), the tokens in a file
--- of the state (auth/cache.lua: mode 0600, replaced as a whole).

local cache = require "graphsocket.auth.cache"
local core = require "graphsocket.core"
local errors = require "graphsocket.errors"
local folders = require "graphsocket.cli.folders"
local json = require "graphsocket.json"
local login = require "graphsocket.auth.login"
local source = require "graphsocket.auth.source"

local account = {}

local MAX_BYTES = 65536
local MODE = 384 -- 0600

--- What the file of a login is called that is not made yet, after its name.
local NEW = ".new"

local function state_error(message)
  return errors.new { kind = "state", message = message }
end

--- Where the two files are. nil, err without a home.
---@return table|nil { config, tokens }
---@return graphsocket.error|nil
function account.paths()
  local config, state = folders.config(), folders.state()
  if config and state then
    return { config = config .. "/login.json", tokens = state .. "/tokens.json" }
  end
  return nil, state_error("no place to keep a login in: set HOME, or "
    .. "XDG_CONFIG_HOME and XDG_STATE_HOME")
end

local function is_login(saved)
  return type(saved) == "table" and type(saved.client_id) == "string"
    and type(saved.tenant) == "string"
    and type(saved.scopes or "") == "string"
    and type(saved.authority or "") == "string"
end

--- Who signed in last.
---@return table|nil { client_id, tenant, scopes, authority, cache }; nil, nil
---  for nobody
---@return graphsocket.error|nil
function account.load()
  local paths = account.paths()
  if not paths then return nil end
  local content, message, reason = core.file_read(paths.config, MAX_BYTES, false)
  if not content then
    if reason == "absent" then return nil end
    return nil, state_error(('the login "%s" cannot be read: %s')
      :format(paths.config, message))
  end
  local saved = json.decode(content)
  if not is_login(saved) then
    return nil, state_error(('the login "%s" is damaged: run graphsocket '
      .. "login again"):format(paths.config))
  end
  return {
    client_id = saved.client_id, tenant = saved.tenant,
    scopes = saved.scopes or "Files.Read", authority = saved.authority,
    cache = paths.tokens,
  }
end

local function make_folder_of(path)
  local folder = path:match("^(.*)/")
  local ok, message = core.make_folders(folder)
  if ok then return true end
  return nil, state_error(('the folder "%s" cannot be made: %s')
    :format(folder, message))
end

--- Makes place for a new login. Its tokens go into a file of their own, so that
--- an old login is there until the new one is.
---@param values table client_id, tenant, scopes, authority
---@return table|nil the options of auth.device_code, without a prompt
---@return graphsocket.error|nil
function account.prepare(values)
  local paths, err = account.paths()
  if not paths then return nil, err end
  for _, path in pairs(paths) do
    local ok
    ok, err = make_folder_of(path)
    if not ok then return nil, err end
  end
  os.remove(paths.tokens .. NEW)
  return {
    client_id = values.client_id, tenant = values.tenant,
    scopes = values.scopes, authority = values.authority,
    cache = paths.tokens .. NEW,
  }
end

--- Puts a new login in the place of the old one.
---@param prepared table of prepare
---@return boolean|nil true
---@return graphsocket.error|nil
function account.commit(prepared)
  local paths = assert(account.paths())
  local ok, message = core.file_replace(paths.config, json.encode {
    client_id = prepared.client_id, tenant = prepared.tenant,
    scopes = prepared.scopes, authority = prepared.authority,
  } .. "\n", MODE)
  if ok then ok, message = os.rename(prepared.cache, paths.tokens) end
  account.discard(prepared)
  if ok then return true end
  return nil, state_error(('the login cannot be kept in "%s": %s')
    :format(paths.config, message))
end

--- Removes what a login that came to nothing has left.
---@param prepared table of prepare
function account.discard(prepared)
  os.remove(prepared.cache)
  os.remove(prepared.cache .. ".lock")
end

-- The numbers of "no such file" and "not a folder", on every Unix.
local ENOENT, ENOTDIR = 2, 20

-- Returns whether the file was there; or nil and an error: it still is.
local function remove(path)
  local ok, message, number = os.remove(path)
  if ok then return true end
  if number == ENOENT or number == ENOTDIR then return false end
  return nil, state_error("the login cannot be removed: " .. message)
end

--- Forgets the login.
---@return boolean|nil was_there
---@return graphsocket.error|nil
function account.forget()
  local paths = account.paths()
  if not paths then return false end
  local had_tokens, err = remove(paths.tokens)
  if err then return nil, err end
  local had_config
  had_config, err = remove(paths.config)
  if err then return nil, err end
  return had_config or had_tokens
end

local NEEDS_PERSON = {
  invalid_grant = true, interaction_required = true, consent_required = true,
  login_required = true,
}

local function sign_in_again(why)
  return errors.new {
    kind = "auth", phase = "token", retryable = false, code = "notSignedIn",
    message = why .. ": run graphsocket login",
  }
end

--- The tokens of a login, for commands that nobody may sit before: who has to
--- sign in again is an error, never a prompt.
---@param values table as of load
---@return table source
function account.source(values)
  return source.new {
    name = "the login",
    fetch = cache.through(values, function(ask, spare)
      if not spare then return nil, sign_in_again "nobody is signed in" end
      local tokens, err = login.refresh(values, ask, spare)
      if err and NEEDS_PERSON[err.code] then
        return nil, sign_in_again("the sign-in is over (" .. err.message .. ")")
      end
      return tokens, err
    end),
  }
end

return account
