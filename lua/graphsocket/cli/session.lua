--- One run of a command: what it is given, and how it ends.
--
-- A command ends when its function returns, when finish() is called, when a
-- signal comes, when --timeout is over, or when nobody reads its output any
-- more; the first of these counts. Then what it asked for with on_end() is done,
-- the last first, and what a person should not keep on the screen is cleared. A
-- second signal while that goes on ends the process at once.

local child = require "graphsocket.cli.child"
local core = require "graphsocket.core"
local errors = require "graphsocket.errors"
local exit = require "graphsocket.cli.exit"
local guard = require "graphsocket.loop.guard"
local loop = require "graphsocket.loop"
local output = require "graphsocket.cli.output"
local signals = require "graphsocket.cli.signals"

local session = {}

--- Seconds in which a second signal is the first one.
local SAME_SIGNAL = 0.5

--- Seconds for what was sent to go out.
local LINGER = 1

local methods = {}
local metatable = { __name = "graphsocket.cli.session", __index = methods }

--- Ends the command.
---@param code integer
---@param signal string|nil the name of the one that did it
function methods:finish(code, signal)
  self._over:resolve(code, signal)
end

--- Ends the command with an error.
---@param err any
function methods:fail(err)
  if self._over:done() then return end
  self.out:fail(err)
  self:finish(exit.of(err))
end

--- Whether the command is ending.
---@return boolean
function methods:is_over()
  return self._over:done()
end

--- Has fn(reason) called when the command ends; reason is "signal", "timeout",
--- "output" or "done". It may wait, but not for long.
---@param fn function
function methods:on_end(fn)
  table.insert(self._ends, 1, fn)
end

--- What was sent still goes out before the process ends.
function methods:linger()
  self._lingers = true
end

--- Waits for the command's end.
---@return integer|nil code
function methods:await()
  local _, code = self._over:await()
  return code
end

-- Errors that were raised to stop a watch's round, and are told elsewhere.
local EXPECTED = { commandFailed = true, outputClosed = true }

local function on_error(self)
  return function(err, traceback)
    if errors.is(err) and EXPECTED[err.code] then return end
    self.out:warn(err)
    if not errors.is(err) and traceback then
      io.stderr:write(traceback, "\n")
    end
  end
end

-- A person presses Ctrl-C again when it takes too long. One signal may come as
-- two, though: timeout(1) sends its own to the process and to the group.
local function end_at_once(self, name)
  if loop.now() - self._signalled_at < SAME_SIGNAL then return end
  child.kill_all()
  self.out.status:close()
  core.signal_raise(name)
end

local function catch_signals(self)
  for _, name in ipairs { "HUP", "INT", "TERM" } do
    signals.on(name, function()
      if self._signalled_at then return end_at_once(self, name) end
      self._signalled_at = loop.now()
      if self._over:done() then return end
      self._why = "signal"
      self:finish(nil, name)
    end)
  end
end

local function run_command(self, command)
  local ok, code = guard.try(command.run, self)
  if ok then return self:finish(code or exit.OK) end
  self.out:fail(code.err)
  if not errors.is(code.err) then io.stderr:write(code.traceback, "\n") end
  self:finish(exit.of(code.err))
end

local function start_timeout(self, seconds)
  loop.timer(seconds, function()
    if self._over:done() then return end
    self._why = "timeout"
    self.out:news(("graphsocket: ended after %g s (--timeout)"):format(seconds))
    self:finish(exit.TIMEOUT)
  end)
end

local function main(self, command)
  loop.spawn(run_command, self, command)
  if self.values.timeout then start_timeout(self, self.values.timeout) end
  local _, code, signal = self._over:await()
  for _, fn in ipairs(self._ends) do loop.call(fn, self._why) end
  self.out:finish()
  self._code, self._signal = code, signal
  if not self._lingers then return loop.stop() end
  -- run() returns when nothing is left to be sent, or then.
  loop.timer(LINGER, loop.stop)
end

--- Runs a command to its end.
---@param command table module of cli/commands
---@param values table of arguments.parse
---@return integer|nil code
---@return string|nil signal the name of the one that ended it
function session.run(command, values)
  local self = setmetatable({
    values = values,
    out = nil,
    _code = nil,
    _ends = {},
    _lingers = false,
    _over = loop.future(),
    _signal = nil,
    _signalled_at = nil, -- loop.now() seconds
    _why = "done",
  }, metatable)
  -- A write tells that the reader is gone, and the cursor can be kept.
  core.signal("PIPE", "ignore")
  self.out = output.new(values, function(is_gone, message)
    if self._over:done() then return end
    self._why = "output"
    if is_gone then return self:finish(nil, "PIPE") end
    self:fail(message)
  end)
  loop.on_error = on_error(self)
  catch_signals(self)
  loop.run(function() main(self, command) end)
  return self._code, self._signal
end

return session
