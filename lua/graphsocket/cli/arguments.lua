--- From words to values, by argparse; from the same parser come the help, the
--- manual (manual.lua) and the completions.
--
-- A command is a module of cli/commands: name, summary, description, arguments
-- (adds its own to argparse's command), examples (lines that run as they are)
-- and run(session) -> exit code. It is loaded for its part of the parser alone,
-- so it must not require anything slow on top.

local environment = require "graphsocket.cli.environment"
local exit = require "graphsocket.cli.exit"
local graph = require "graphsocket.cli.graph"
local options = require "graphsocket.options"
local token = require "graphsocket.cli.token"

local unpack = table.unpack or unpack

local arguments = {}

--- The commands, in the order of the help.
arguments.COMMANDS = {
  "watch", "subscribe", "endpoint", "drives", "connect", "login", "doctor",
  "simulate", "completion",
}

local DESCRIPTION = "Change notifications of OneDrive and SharePoint, and a "
  .. "Socket.IO console."

local EPILOG = "Exit codes: 0 done, 1 the network or a server failed, 2 wrong "
  .. "use, 3 token or permission, 4 state file, 124 --timeout was over, "
  .. "128 + n ended by signal n.\n\n"
  .. "Example:\n   graphsocket watch /me/drive/root --from beginning --once"

local function output_options(command)
  local quiet = command:flag("-q --quiet", "Results and what ends the command, "
    .. "nothing else.")
  local verbose = command:flag("-v --verbose", "Every step.")
  command:mutex(quiet, verbose)
  command:group("Output",
    command:flag("--json", "One JSON object a line, for programs."), quiet,
    verbose)
end

-- argparse shows what is in no group last, but a command's own options are what
-- a reader looks for first.
local function own_options_first(command)
  local grouped, own = {}, {}
  for _, group in ipairs(command._groups) do
    for _, element in ipairs(group) do grouped[element] = true end
  end
  for _, option in ipairs(command._options) do
    if not grouped[option] then own[#own + 1] = option end
  end
  command:group("Options", unpack(own))
  table.insert(command._groups, 1, table.remove(command._groups))
end

-- argparse shows what a converter says of a value as it is; of several options
-- a reader wants to know which one is meant.
local function name_options(command)
  for _, option in ipairs(command._options) do
    local convert = option._convert
    if convert then
      option:convert(function(word)
        local value, message = convert(word)
        if value ~= nil then return value end
        return nil, ("%s: %s"):format(option._aliases[#option._aliases], message)
      end)
    end
  end
end

-- What argparse would print, and end with 0 whether it arrives or not.
local function print_and_end(content)
  local ok, message = io.stdout:write(content, "\n")
  if ok then ok, message = io.stdout:flush() end
  if ok then os.exit(exit.OK) end
  io.stderr:write("graphsocket: standard output: ", message, "\n")
  os.exit(exit.FAILED)
end

local function add_help(command)
  command:add_help { action = function() print_and_end(command:get_help()) end }
end

local function add_command(parser, name)
  local module = require("graphsocket.cli.commands." .. name)
  local command = parser:command(name, module.description)
  command:summary(module.summary)
  command:help_max_width(80)
  add_help(command)
  module.arguments(command)
  if not module.has_own_output then output_options(command) end
  own_options_first(command)
  name_options(command)
  command:epilog((#module.examples > 1 and "Examples:" or "Example:")
    .. "\n   " .. table.concat(module.examples, "\n   "))
  return command
end

--- Makes the parser. `commands` of the result maps names to argparse's commands.
---@return table parser argparse's
---@return table commands
function arguments.parser()
  local argparse = require "argparse"
  local parser = argparse("graphsocket", DESCRIPTION, EPILOG)
  parser:command_target "command"
  parser:help_max_width(80)
  add_help(parser)
  parser:require_command(true)
  parser:flag("--version", "Print the version."):action(function()
    print_and_end("graphsocket " .. require("graphsocket.core").version)
  end)
  local commands = {}
  for _, name in ipairs(arguments.COMMANDS) do
    commands[name] = add_command(parser, name)
  end
  return parser, commands
end

-- A token that is given as an argument is seen before anything else is: the
-- error must say why, whatever else is wrong.
local function has_token(words)
  for _, word in ipairs(words) do
    if word == "--" then return false end
    if word:find("^%-%-token=") or word == "--token" then return true end
  end
end

-- The options that a command has, by their targets.
local function targets(command)
  local known = {}
  for _, option in ipairs(command._options) do
    known[option._target or option:_get_default_target()] = true
  end
  return known
end

-- What may have been meant by an unknown option, where argparse does not see
-- it: it looks one letter far, and knows no option of a command before that.
local function suggestion(message, command)
  local wrong = message:match("^unknown option '(%-[^']+)'")
  if not wrong or not command then return nil end
  local names = {}
  for _, option in ipairs(command._options) do
    for _, alias in ipairs(option._aliases) do names[alias] = true end
  end
  if names[wrong] then
    return (": give it after the command, as in graphsocket %s %s")
      :format(command._name, wrong)
  end
  local near = wrong:find("^%-%-") and options.nearest(wrong, names)
  return near and (": did you mean '%s'?"):format(near)
end

-- argparse's error as one line that says where to look.
local function explain(message, name, command)
  local number = message:match("^unknown option '(%-[%d.][^']*)'")
  if number then
    message = ("'%s' looks like an option: a value that begins with - is given "
      .. "as in --timeout=%s"):format(number, number)
  end
  local better = suggestion(message, command)
  if better then message = message:match "^[^\n]*" .. better end
  message = message:gsub("\nDid you mean", ": did you mean")
  message = message:gsub("%c", " ")
  if message == "a command is required" then
    message = message .. ": " .. table.concat(arguments.COMMANDS, ", ")
  end
  local whole = name and "graphsocket " .. name or "graphsocket"
  return ("%s: %s (see %s --help)"):format(whole, message, whole)
end

--- Reads the words of the command line, and what the environment adds.
---@param words string[]
---@return table|nil values `command` is its name
---@return string|nil message what is wrong, one line
function arguments.parse(words)
  local parser, commands = arguments.parser()
  local name
  for _, word in ipairs(words) do
    if commands[word] then
      name = word
      break
    end
  end
  local command = commands[name]
  if has_token(words) then return nil, explain(token.REFUSAL, name) end
  local ok, values = parser:pparse(words)
  if not ok then return nil, explain(values, name, command) end
  local message
  values, message = environment.apply(values, targets(command))
  if not values then return nil, explain(message, name) end
  local check = require("graphsocket.cli.commands." .. name).check
  message = graph.check(values) or check and check(values)
  if message then return nil, explain(message, name) end
  return values
end

return arguments
