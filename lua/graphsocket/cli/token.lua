--- Which token a command uses: that of an option, of the environment, or of the
--- last login, in this order. Never an argument: everybody on the machine can
--- read those with ps, and shells write them into their history.

local account = require "graphsocket.cli.account"
local auth = require "graphsocket.auth"
local core = require "graphsocket.core"
local environment = require "graphsocket.cli.environment"
local errors = require "graphsocket.errors"
local source = require "graphsocket.auth.source"

local token = {}

local MAX_BYTES = 256 * 1024

--- What is said to who gives a token as an argument.
token.REFUSAL = "a token is no argument, since ps and the shell's history would "
  .. "show it: use GRAPH_TOKEN, --token-file, --token-command or graphsocket "
  .. "login"

local WHERE_FROM = "no token: run graphsocket login, or give one by "
  .. "--token-command, --token-file or GRAPH_TOKEN"

local function auth_error(message)
  return errors.new {
    kind = "auth", phase = "token", message = message, retryable = false,
  }
end

-- Reads the file whenever a token is wanted: somebody else renews it.
local function from_file(path, warn)
  local is_warned = false
  return source.new {
    name = ('the token file "%s"'):format(path),
    fetch = function()
      local content, message, reason = core.file_read(path, MAX_BYTES, true)
      if reason == "exposed" then
        if not is_warned then
          is_warned = true
          warn(('the token file "%s" may be read by others: chmod 600 it')
            :format(path))
        end
        content, message = core.file_read(path, MAX_BYTES, false)
      end
      if not content then
        return nil, auth_error(('the token file "%s" cannot be read: %s')
          :format(path, message))
      end
      -- No word of its life: it is asked for anew after five minutes.
      return source.trim(content), 300
    end,
  }
end

--- The source of tokens for a command, and where it is from.
---@param values table token_command, token_file
---@param warn fun(message: string)
---@return table|nil source
---@return string|graphsocket.error where it is from; or the error
function token.source(values, warn)
  if values.token_command then
    return auth.command(values.token_command), "--token-command"
  end
  if values.token_file then
    return from_file(values.token_file, warn), "--token-file"
  end
  local given = environment.get "GRAPH_TOKEN"
  if given then
    -- A file that variables are read from may end its lines with a \r.
    given = source.trim(given)
    local fault = source.fault(given)
    -- The library's advice speaks Lua.
    if fault then
      return nil, auth_error("GRAPH_TOKEN " .. fault:gsub(": trim it.*", ""))
    end
    return auth.static(given), "GRAPH_TOKEN"
  end
  local saved, err = account.load()
  if saved then return account.source(saved), "the login" end
  return nil, err or auth_error(WHERE_FROM)
end

return token
