-- The command as a process of its own, for specs: with an environment that has
-- nothing of the one who runs them.

local helper = require "spec.helper"

local M = {}

-- What the command must not find, and what it needs to run from the tree.
local function environment(more)
  local env = {
    LUA_PATH = package.path, LUA_CPATH = package.cpath,
    HOME = helper.scratch "home", XDG_STATE_HOME = "", XDG_CONFIG_HOME = "",
    GRAPH_TOKEN = "", GRAPH_TOKEN_COMMAND = "", GRAPH_TOKEN_FILE = "",
    GRAPH_BASE_URL = "", GRAPH_CLOUD = "", GRAPH_CA_FILE = "",
    GRAPH_CLIENT_ID = "", GRAPH_TENANT = "", GRAPH_AUTHORITY = "",
    http_proxy = "", https_proxy = "", HTTPS_PROXY = "", all_proxy = "",
    ALL_PROXY = "", NO_COLOR = "", NOTIFY_SOCKET = "", WATCHDOG_USEC = "",
    TERM = "xterm",
  }
  for name, value in pairs(more or {}) do env[name] = value end
  return env
end

-- The environment of a command that speaks to a simulated Graph.
function M.graph(sim, more)
  local env = {
    GRAPH_TOKEN = sim.token, GRAPH_BASE_URL = sim.graph, GRAPH_CA_FILE = sim.ca,
  }
  for name, value in pairs(more or {}) do env[name] = value end
  return env
end

-- Starts it.
---@param env table
---@param ... string words
---@return table process
function M.start(env, ...)
  local words = { helper.interpreter(), "bin/graphsocket", ... }
  words.env = environment(env)
  return helper.spawn(words)
end

-- Runs it to its end; its standard input is `input`, or empty.
---@param env table input = text
---@param ... string words
---@return integer code
---@return string out
---@return string err
function M.run(env, ...)
  local input = env.input
  env.input = nil
  local process = M.start(env, ...)
  if input then process:write(input) end
  process._stdin:close()
  process._stdin = { close = function() end }
  local code = process:wait()
  return code, process:out(), process:err()
end

-- Runs a line of the shell in which "graphsocket" is the command; where it is
-- all of the line, the process is the command itself.
---@param env table
---@param line string
---@return table process
function M.shell(env, line)
  local words = { "bash", "-c",
    ('graphsocket() { exec %q %q "$@"; }; %s'):format(helper.interpreter(),
      "bin/graphsocket", line) }
  words.env = environment(env)
  return helper.spawn(words)
end

-- The command as words of a shell's line.
function M.words()
  return ("%s %s"):format(helper.interpreter(), "bin/graphsocket")
end

-- The same in a pseudo terminal of 80 columns; what it shows is out().
---@param env table
---@param line string of the shell; "graphsocket" is the command
---@return table process
function M.terminal(env, line)
  local words = { "script", "-qefc",
    "stty cols 80; " .. line:gsub("graphsocket", M.words(), 1), "/dev/null" }
  words.env = environment(env)
  return helper.spawn(words)
end

-- The lines of a text.
function M.lines(text)
  local list = {}
  for line in text:gmatch "[^\n]+" do list[#list + 1] = line end
  return list
end

-- The JSON lines of a text, those of one type if it is given.
function M.records(text, kind)
  local cjson = require "cjson"
  local list = {}
  for _, line in ipairs(M.lines(text)) do
    local record = cjson.decode(line)
    if not kind or record.type == kind then list[#list + 1] = record end
  end
  return list
end

return M
