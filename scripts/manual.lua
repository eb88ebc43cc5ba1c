-- Writes man/graphsocket.1 from the parser of the command line, so that the
-- manual and the help cannot say different things.
--
--   lua5.4 scripts/manual.lua        writes it anew (make docs)
--
-- spec/cli/manual_spec.lua finds a page that is stale.

local arguments = require "graphsocket.cli.arguments"
local environment = require "graphsocket.cli.environment"
local exit = require "graphsocket.cli.exit"

local manual = { path = "man/graphsocket.1" }

-- Text for roff: groff(7), "Escapes".
local function escape(text)
  text = text:gsub("\\", "\\e"):gsub("%-", "\\-")
  return (("\n" .. text):gsub("\n([.'])", "\n\\&%1"):sub(2))
end

local function bold(text) return "\\fB" .. escape(text) .. "\\fR" end
local function italic(text) return "\\fI" .. escape(text) .. "\\fR" end

-- "-q, --quiet" and, of an option that takes something, its name.
local function label(option)
  local names = {}
  for i, alias in ipairs(option._public_aliases) do names[i] = bold(alias) end
  local text = table.concat(names, ", ")
  if option._maxargs > 0 then
    text = text .. " " .. italic(option._argname or "VALUE")
  end
  return text
end

local function section(out, title)
  out[#out + 1] = ".SH " .. title:upper()
end

local function definition(out, term, text)
  out[#out + 1] = ".TP"
  out[#out + 1] = term
  out[#out + 1] = escape(text)
end

local function paragraphs(out, text)
  for paragraph in (text .. "\n\n"):gmatch "(.-)\n\n" do
    out[#out + 1] = ".PP"
    -- A line that is set in is shown as it is.
    for line in paragraph:gmatch "[^\n]+" do
      if line:find "^ " then
        out[#out + 1] = ".nf\n.RS"
        out[#out + 1] = escape((line:gsub("^ +", "")))
        out[#out + 1] = ".RE\n.fi"
      else
        out[#out + 1] = escape(line)
      end
    end
  end
end

local function examples(out, lines)
  out[#out + 1] = ".PP\n.nf\n.RS"
  for _, line in ipairs(lines) do out[#out + 1] = escape(line) end
  out[#out + 1] = ".RE\n.fi"
end

-- The options that every command shares are told once.
local function shared_groups(commands)
  local shared = {}
  for _, name in ipairs { "endpoint", "connect" } do
    for _, group in ipairs(commands[name]._groups) do
      if group.name ~= "Options" and group.name ~= "Way to the server" then
        shared[group.name] = group
      end
    end
  end
  return shared
end

local function tell_group(out, group)
  for _, option in ipairs(group) do
    if not option._hidden and option._public_aliases[1] ~= "-h" then
      definition(out, label(option), option._description)
    end
  end
end

local function tell_command(out, command, module, shared)
  local words = { bold("graphsocket " .. module.name) }
  for _, argument in ipairs(command._arguments) do
    words[#words + 1] = italic(argument._name)
  end
  out[#out + 1] = ".SS " .. table.concat(words, " ") .. " [options]"
  paragraphs(out, module.description)
  for _, argument in ipairs(command._arguments) do
    definition(out, italic(argument._name), argument._description)
  end
  local also = {}
  for _, group in ipairs(command._groups) do
    if shared[group.name] then
      also[#also + 1] = ('"%s"'):format(group.name:gsub(" %(.*", ""))
    else
      tell_group(out, group)
    end
  end
  if #also > 0 then
    paragraphs(out, "And the options below: " .. table.concat(also, ", ") .. ".")
  end
  examples(out, module.examples)
end

--- The page.
---@return string
function manual.render()
  local _, commands = arguments.parser()
  local shared = shared_groups(commands)
  local out = {
    '.\\" Written by scripts/manual.lua from the parser in lua/graphsocket/cli.',
    '.TH GRAPHSOCKET 1 "" "graphsocket" "User Commands"',
  }
  section(out, "Name")
  out[#out + 1] = "graphsocket \\- change notifications of OneDrive and "
    .. "SharePoint, and a Socket.IO console"
  section(out, "Synopsis")
  out[#out + 1] = bold "graphsocket" .. " " .. italic "command" .. " [options]"
  section(out, "Description")
  paragraphs(out, "Tells what has changed in a drive or list of Microsoft "
    .. "Graph as soon as the service says so, over a websocket: no public "
    .. "address, no inbound port, no polling. Results go to standard output, "
    .. "everything else to standard error.")
  section(out, "Commands")
  for _, name in ipairs(arguments.COMMANDS) do
    tell_command(out, commands[name],
      require("graphsocket.cli.commands." .. name), shared)
  end
  local names = {}
  for name in pairs(shared) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    section(out, name:gsub(" %(.*", ""))
    tell_group(out, shared[name])
  end
  section(out, "Environment")
  for _, variable in ipairs(environment.VARIABLES) do
    definition(out, bold(variable[1]), variable[4])
  end
  section(out, "Files")
  definition(out, italic "$XDG_STATE_HOME/graphsocket/tokens.json",
    "The tokens of the login, mode 0600; ~/.local/state where the variable is "
    .. "not set.")
  definition(out, italic "$XDG_CONFIG_HOME/graphsocket/login.json",
    "Whose they are; ~/.config where the variable is not set.")
  section(out, "Exit status")
  for _, entry in ipairs(exit.MEANINGS) do
    definition(out, bold(entry[1]), entry[2])
  end
  section(out, "See also")
  out[#out + 1] = escape "docs/guide/command-line.md and docs/reference/cli.md "
    .. "of the source."
  return table.concat(out, "\n") .. "\n"
end

if arg and arg[0] and arg[0]:find "manual%.lua$" then
  local file = assert(io.open(manual.path, "w"))
  assert(file:write(manual.render()))
  assert(file:close())
end

return manual
