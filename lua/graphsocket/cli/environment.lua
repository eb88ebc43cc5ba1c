--- What the environment may say in place of an option: for what stays the same
--- from call to call, and for what must not be an argument.
--
-- An option wins over its variable. A variable that cannot be used is wrong use
-- and is named.

local convert = require "graphsocket.cli.convert"

local environment = {}

--- Variables that stand for options: name, option, converter, what for.
environment.VARIABLES = {
  { "GRAPH_TOKEN", nil, nil, "a token; ends after about an hour" },
  { "GRAPH_TOKEN_COMMAND", "token_command", convert.command,
    "as --token-command" },
  { "GRAPH_TOKEN_FILE", "token_file", nil, "as --token-file" },
  { "GRAPH_BASE_URL", "base_url", convert.service, "as --base-url" },
  { "GRAPH_CLOUD", "cloud", convert.cloud, "as --cloud" },
  { "GRAPH_CA_FILE", "ca_file", convert.readable, "as --ca-file" },
  { "GRAPH_CLIENT_ID", "client_id", convert.line, "as --client-id of login" },
  { "GRAPH_TENANT", "tenant", convert.tenant, "as --tenant of login" },
  { "GRAPH_AUTHORITY", "authority", convert.service,
    "as --authority of login" },
  { "GRAPHSOCKET_SIMULATOR", nil, nil, "the simulator's folder" },
  { "http_proxy, https_proxy, all_proxy, no_proxy", nil, nil,
    "proxies, by curl's rules" },
  { "NO_COLOR", nil, nil, "no colours, if it is not empty" },
  { "XDG_STATE_HOME, XDG_CONFIG_HOME", nil, nil,
    "where login keeps the tokens, and whose they are" },
  { "NOTIFY_SOCKET, WATCHDOG_USEC", nil, nil,
    "set by systemd, for Type=notify and WatchdogSec=" },
}

--- A variable's value; an empty one is none.
---@param name string
---@return string|nil
function environment.get(name)
  local value = os.getenv(name)
  return value ~= "" and value or nil
end

-- Options that say otherwise what a variable's says: where one was given, the
-- variable is not asked.
local RIVALS = {
  token_command = "token_file", token_file = "token_command",
  base_url = "cloud", cloud = "base_url",
}

--- Puts the variables' values where no option was given.
---@param values table
---@param known table option -> true: those that the command has
---@return table|nil values
---@return string|nil message
function environment.apply(values, known)
  local given = {}
  for option, value in pairs(values) do given[option] = value end
  for _, variable in ipairs(environment.VARIABLES) do
    local name, option, converter = variable[1], variable[2], variable[3]
    local is_open = option and known[option] and given[option] == nil
      and given[RIVALS[option]] == nil
    local word = is_open and environment.get(name)
    if word then
      local value, message = word, nil
      if converter then value, message = converter(word) end
      if value == nil then return nil, name .. ": " .. message end
      values[option] = value
    end
  end
  return values
end

return environment
