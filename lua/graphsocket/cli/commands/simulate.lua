--- graphsocket simulate: runs the Graph simulator, if it is here.
--
-- It is a Node program of the source tree (spec/support) with its packages from
-- npm, so no rock carries it: where it is looked for, and how to get it, is what
-- this command says if it is missing.

local child = require "graphsocket.cli.child"
local environment = require "graphsocket.cli.environment"
local errors = require "graphsocket.errors"

local simulate = {
  name = "simulate",
  summary = "Run the Graph simulator.",
  description = "Runs a model of Microsoft Graph on this machine, to try the "
    .. "other commands without an account: it prints a line of JSON that says "
    .. "where it is, until it is ended. It needs Node 18 and a checkout of "
    .. "graphsocket's source; that is looked for in GRAPHSOCKET_SIMULATOR, in "
    .. "the folder of this program, and in the current folder. What follows -- "
    .. "goes to the simulator; -- --help shows what it knows.",
  examples = { "graphsocket simulate -- --demo" },
  has_own_output = true,
}

function simulate.arguments(command)
  command:argument("options", "Options of the simulator, after --."):args "*"
end

local function exists(path)
  local file = io.open(path, "rb")
  if file then file:close() end
  return file ~= nil
end

-- The source tree that this file is in, if it is in one.
local function own_tree()
  local here = debug.getinfo(1, "S").source:match("^@(.*)$") or ""
  return (here:gsub("lua/graphsocket/cli/commands/[^/]*$", ""))
end

local function places()
  local list = {}
  local given = environment.get "GRAPHSOCKET_SIMULATOR"
  if given then return { (given:gsub("/+$", "")) } end
  list[1] = own_tree() .. "spec/support/simulator"
  list[2] = "spec/support/simulator"
  return list
end

-- Returns the simulator's folder; or nil and what is missing.
local function find()
  local looked = places()
  for _, folder in ipairs(looked) do
    if exists(folder .. "/index.js") then
      if exists(folder .. "/../node_modules/.package-lock.json") then
        return folder
      end
      return nil, ("the simulator in %s lacks its packages: run npm ci "
        .. "--prefix %s/.."):format(folder, folder)
    end
  end
  return nil, ("the simulator is not here (looked for %s): clone graphsocket's "
    .. "source, run npm ci --prefix spec/support in it, and start this command "
    .. "there or set GRAPHSOCKET_SIMULATOR to its spec/support/simulator")
    :format(table.concat(looked, ", "))
end

-- One word for the shell, whatever is in it.
local function quote(word)
  return "'" .. word:gsub("'", "'\\''") .. "'"
end

function simulate.run(session)
  local folder, message = find()
  if not folder then
    return session:fail(errors.new { kind = "state", message = message })
  end
  local words = { "exec node", quote(folder) }
  for _, word in ipairs(session.values.options or {}) do
    words[#words + 1] = quote(word)
  end
  child.prepare()
  session:on_end(function() child.end_all(5) end)
  local code
  code, message = child.run(table.concat(words, " "), {})
  if session:is_over() then return end
  if code == 127 then message = "Node is not installed: it needs node 18" end
  if message then return session:fail(message) end
  return code
end

return simulate
