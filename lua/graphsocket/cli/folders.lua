--- Where the command keeps what outlives it, by the XDG base directory
--- specification: tokens are state, whose they are is configuration.

local environment = require "graphsocket.cli.environment"

local folders = {}

-- The specification has relative paths ignored.
local function base(variable, default)
  local path = environment.get(variable)
  if path and path:sub(1, 1) == "/" then return path end
  local home = environment.get "HOME"
  return home and home .. "/" .. default
end

--- The folder of what must not be lost, or nil without a home.
---@return string|nil
function folders.state()
  local path = base("XDG_STATE_HOME", ".local/state")
  return path and path .. "/graphsocket"
end

--- The folder of what a person set, or nil without a home.
---@return string|nil
function folders.config()
  local path = base("XDG_CONFIG_HOME", ".config")
  return path and path .. "/graphsocket"
end

return folders
