--- Where tokens come from.
--
--   auth.static(token)            a fixed one
--   auth.command(line)            what a command prints, such as the az tool
--   auth.device_code{…}           a person signs in elsewhere (RFC 8628)
--   auth.refresh_token{…}         a refresh token from elsewhere
--
-- Each gives a source (auth/source.lua), which keeps, checks and shares what it
-- gets, and stands for the option `token`, beside a string or a function.

local options = require "graphsocket.options"
local source = require "graphsocket.auth.source"

local auth = {}

--- A fixed token. Graph's last for about an hour.
---@param token string
---@return table source
function auth.static(token)
  local fault = source.fault(token)
  if fault then error("auth.static: the token " .. fault, 2) end
  return source.new { name = "the token", token = token }
end

--- A token that a command prints: the bare token, or JSON as az, gcloud or an
--- OAuth server give it. Kept until it expires (five minutes if it does not
--- say when).
---@param line string a line for /bin/sh
---@param opts graphsocket.auth.command.options|nil
---@return table source
function auth.command(line, opts)
  if type(line) ~= "string" or line == "" or line:find("%z") then
    error("auth.command: give a command line as a string, such as "
      .. '"az account get-access-token --resource-type ms-graph"', 2)
  end
  local command = require "graphsocket.auth.command"
  return command.new(line, options.check("auth.command", opts, command.options))
end

--- A person signs in: the prompt says where and with which code. The tokens
--- are kept in `cache`, a file of mode 0600, so that it happens once.
---@param opts graphsocket.auth.device_code.options
---@return table source
function auth.device_code(opts)
  local device_code = require "graphsocket.auth.device_code"
  return device_code.new(
    options.check("auth.device_code", opts, device_code.options))
end

--- A refresh token that was got elsewhere. The login service gives a new one
--- with each use: `cache` keeps it.
---@param opts graphsocket.auth.refresh_token.options
---@return table source
function auth.refresh_token(opts)
  local refresh_token = require "graphsocket.auth.refresh_token"
  return refresh_token.new(
    options.check("auth.refresh_token", opts, refresh_token.options))
end

return auth
