--- Commands of the user's, run while everything else goes on.
--
-- Data goes into the environment and the standard input, never into the words
-- of the shell: a file may be called "; rm -rf ~". What a command prints goes
-- where ours goes. A command is in a process group of its own: it is asked to
-- end when we end (SIGTERM), and killed if it does not.

local core = require "graphsocket.core"
local errors = require "graphsocket.errors"
local loop = require "graphsocket.loop"
local signals = require "graphsocket.cli.signals"

local child = {}

local live = {} -- processes that run
local is_ending = false

--- Sets what is needed to run commands, once.
function child.prepare()
  signals.watch_children()
end

--- Runs a command, and waits for its end.
---@param line string for /bin/sh
---@param environment table name -> string
---@param input string|nil its standard input
---@return integer|nil code its exit code
---@return string|nil message
function child.run(line, environment, input)
  if is_ending then return nil, "this command is ending" end
  local list = {}
  for name, value in pairs(environment) do
    -- No variable can hold a NUL.
    list[#list + 1] = name .. "=" .. tostring(value):gsub("%z", "")
  end
  local process, message = core.process(line, {
    environment = list, input = input, inherit = true,
  })
  if not process then return nil, "it cannot be started: " .. message end
  live[process] = true
  local code = process:code()
  while not code do
    signals.await_child()
    if not live[process] then return nil, "it was killed" end
    code = process:code()
  end
  live[process] = nil
  process:close()
  return code
end

--- As run; nil and an error unless the command ends with 0.
---@param line string
---@param environment table
---@param input string|nil
---@return boolean|nil true
---@return graphsocket.error|nil code "commandFailed"
function child.must_run(line, environment, input)
  local code, message = child.run(line, environment, input)
  if code == 0 then return true end
  if code then
    message = code > 128 and ("it was ended by signal %d"):format(code - 128)
      or ("it ended with exit code %d"):format(code)
  end
  return nil, errors.new {
    kind = "state", code = "commandFailed", retryable = true,
    message = "the command failed: " .. message,
  }
end

--- Ends the commands that run, and lets no other begin.
---@param patience number seconds until they are killed
function child.end_all(patience)
  is_ending = true
  for process in pairs(live) do process:terminate() end
  local deadline = loop.now() + patience
  while next(live) and loop.now() < deadline do loop.sleep(0.02) end
  child.kill_all()
end

--- Ends the commands that run, at once.
function child.kill_all()
  is_ending = true
  local killed = live
  live = {}
  for process in pairs(killed) do process:close() end
end

return child
