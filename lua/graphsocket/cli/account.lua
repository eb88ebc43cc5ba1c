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
  return nil, state_error "no place to keep a login in: set HOME, or "
    .. "XDG_CONFIG_HOME and XDG_STATE_HOME"
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
  if type(saved) ~= "table" or type(saved.client_id) ~= "string"
    or type(saved.tenant) ~= "string" then
    return nil, state_error(('the login "%s" is damaged: run graphsocket '
      .. "login again"):format(paths.config))
  end
  return {
    client_id = saved.client_id, tenant = saved.tenant,
    scopes = saved.scopes or "Files.Read", authority = saved.authority,
    cache = paths.tokens,
  }
end

-- Writes a file in a folder that may have to be made first.
local function write(path, content)
  local ok, message = core.make_folders(path:match("^(.*)/"))
  if ok then ok, message = core.file_replace(path, content, MODE) end
  if ok then return true end
  return nil, state_error(('"%s" cannot be written: %s'):format(path, message))
end

--- Makes place for a login: its folders are there afterwards, and a cache of
--- other people's tokens is not.
---@param values table client_id, tenant, scopes, authority
---@return table|nil as of load
---@return graphsocket.error|nil
function account.prepare(values)
  local paths, err = account.paths()
  if not paths then return nil, err end
  local before = account.load()
  local ok, message = core.make_folders(paths.tokens:match("^(.*)/"))
  if not ok then
    return nil, state_error(('"%s" cannot be made: %s')
      :format(paths.tokens:match("^(.*)/"), message))
  end
  if not before or before.client_id ~= values.client_id
    or before.tenant ~= values.tenant then
    os.remove(paths.tokens)
  end
  return {
    client_id = values.client_id, tenant = values.tenant,
    scopes = values.scopes, authority = values.authority, cache = paths.tokens,
  }
end

--- Keeps whose the tokens are.
---@param values table as of prepare
---@return boolean|nil true
---@return graphsocket.error|nil
function account.save(values)
  return write(assert(account.paths()).config, json.encode {
    client_id = values.client_id, tenant = values.tenant,
    scopes = values.scopes, authority = values.authority,
  } .. "\n")
end

--- Forgets the login.
---@return boolean was_there
function account.forget()
  local paths = account.paths()
  if not paths then return false end
  local had_config, had_tokens = os.remove(paths.config), os.remove(paths.tokens)
  return (had_config or had_tokens) ~= nil
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
