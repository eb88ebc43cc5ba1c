-- Child processes for specs, in plain Lua: started with a pipe to their stdin,
-- their output kept in files of a scratch folder. A child whose stdin closes
-- is expected to end, so that none outlives a spec that crashed. Every process
-- is waited for: no zombies. Nothing here needs the core but a clock.

local cjson = require "cjson"

local M = {}

local scratch_path
local live = {}   -- processes not yet waited for
local serial = 0

---@param text string
---@return string quoted one word for the shell
local function quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

---@param path string
---@return string|nil content nil if the file cannot be read
function M.read(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local content = file:read "*a"
  file:close()
  return content
end

---@param path string
---@param content string
function M.write(path, content)
  local file = assert(io.open(path, "wb"))
  assert(file:write(content))
  assert(file:close())
end

-- Bytes of a folder's path that leave room for a Unix socket in it, whose path
-- ends at 107.
local LONGEST_FOLDER = 60

-- Makes a folder where TMPDIR says, or in /tmp if that is too far away.
local function make_folder()
  local where = os.getenv "TMPDIR" or ""
  local command = #where > LONGEST_FOLDER and "mktemp -d -p /tmp" or "mktemp -d"
  local pipe = assert(io.popen(command))
  local path = pipe:read "*l"
  pipe:close()
  return path
end

-- Names a file that does not exist yet, in a folder that goes with the run.
---@param name string|nil its last part
---@return string path
function M.scratch(name)
  scratch_path = scratch_path or make_folder()
  serial = serial + 1
  return ("%s/%d-%s"):format(scratch_path, serial, name or "file")
end

function M.remove_scratch()
  if scratch_path then os.execute("rm -rf " .. quote(scratch_path)) end
  scratch_path = nil
end

local process = {}
local process_mt = { __name = "spec.process", __index = process }

-- Starts a program. Its words are not seen by a shell.
---@param words table the program and its arguments; env = { NAME = value }
---@return table process pid, and the methods below
function M.spawn(words)
  local self = setmetatable({
    path = M.scratch "process";
    pid = nil;
    code = nil;   -- exit status, 128 + n after signal n
    signalled = false;
  }, process_mt)
  local command = {}
  for name, value in pairs(words.env or {}) do
    command[#command + 1] = name .. "=" .. quote(value)
  end
  if #command > 0 then table.insert(command, 1, "env") end
  for _, word in ipairs(words) do command[#command + 1] = quote(word) end
  -- The inner shell becomes the program, so that its pid is the program's; not
  -- started with "&", which would make the program ignore Ctrl-C.
  local inner = ("echo $$ >%s.pid; exec %s"):format(self.path,
    table.concat(command, " "))
  self._stdin = assert(io.popen(("sh -c %s >%s.out 2>%s.err; echo $? >%s.code")
    :format(quote(inner), self.path, self.path, self.path), "w"))
  live[self] = true
  M.eventually(function()
    self.pid = tonumber(M.read(self.path .. ".pid") or "")
    return self.pid
  end, words[1] .. " starts")
  return self
end

---@return string text what the process wrote to stdout so far
function process:out() return M.read(self.path .. ".out") or "" end

---@return string text what the process wrote to stderr so far
function process:err() return M.read(self.path .. ".err") or "" end

---@return boolean ended
function process:ended()
  return (M.read(self.path .. ".code") or ""):find "%d" ~= nil
end

---@param text string written to the process's stdin
function process:write(text)
  assert(self._stdin:write(text))
  self._stdin:flush()
end

---@param name string "INT", "TERM", "KILL", "STOP", ...
function process:signal(name)
  self.signalled = true
  os.execute(("kill -%s %d"):format(name, self.pid))
end

-- Waits until the process has ended by itself.
---@return integer code
function process:wait()
  M.eventually(function() return self:ended() end, "the process ends")
  return self:close()
end

-- Waits until the process has ended by itself, for as long as it goes on telling.
---@return integer code
function process:wait_while_it_tells()
  local function told() return #self:out() + #self:err() end
  while not self:ended() do
    local before = told()
    M.eventually(function() return self:ended() or told() > before end,
      "the process goes on or ends: " .. self:err())
  end
  return self:close()
end

-- Closes the process's stdin and waits for its end.
---@return integer code
function process:close()
  if live[self] then
    live[self] = nil
    self._stdin:close()
    self.code = tonumber(M.read(self.path .. ".code"))
  end
  return self.code
end

-- Ends the process, whatever it does.
---@return integer code
function process:kill()
  if not self:ended() then self:signal "KILL" end
  return self:close()
end

-- Waits for a whole line on stdout.
---@return string line
function process:line()
  local line
  M.eventually(function()
    local ended = self:ended() -- first: all its output is there then
    line = self:out():match "^([^\n]*)\n"
    return line or ended
  end, "the process prints a line")
  return line or error("it ended without a line: " .. self:err(), 2)
end

-- Starts a Node service of spec/support: it prints one JSON line that says
-- where it listens, and ends when its stdin closes.
---@param script string below spec/support
---@param ... string arguments
---@return table service a process; info is the decoded line
function M.service(script, ...)
  local self = M.spawn { "node", "spec/support/" .. script, ... }
  self.info = cjson.decode(self:line())
  return self
end

-- Ends a service; one that fails to end in peace is an error.
function process:stop()
  local code = self:close()
  if code ~= 0 and not self.signalled then
    error(("the service ended with status %s: %s"):format(code, self:err()), 2)
  end
end

-- The interpreter that runs this spec, to run another script with.
function M.interpreter()
  local lowest = 0
  while arg[lowest - 1] do lowest = lowest - 1 end
  return arg[lowest]
end

-- Starts a Lua script under the interpreter and the paths of this spec.
---@param source string the script's text
---@param ... string arguments
---@return table process
function M.lua(source, ...)
  local path = M.scratch "script.lua"
  M.write(path, source)
  local words = { M.interpreter(), path, ... }
  words.env = { LUA_PATH = package.path, LUA_CPATH = package.cpath }
  return M.spawn(words)
end

-- Runs a program to its end.
---@param words table as of spawn
---@return integer code
---@return string out
---@return string err
function M.run(words)
  local self = M.spawn(words)
  local code = self:wait()
  return code, self:out(), self:err()
end

-- Kills what a spec left running.
---@return string[] names
function M.reap()
  local left = {}
  for self in pairs(live) do left[#left + 1] = self end
  for i, self in ipairs(left) do
    self:kill()
    left[i] = "process " .. self.pid
  end
  return left
end

return M
