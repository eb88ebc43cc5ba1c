--- Tasks: coroutines that the pump runs, and what happens when they end.
--
-- A task is known by its coroutine, so it does not matter who resumed it last:
-- the program may resume a task that called coroutine.yield itself (a callback
-- of luv does), and the task may wait again afterwards. What a task yields to
-- the pump is the token WAIT; anything else is none of our waits.
-- Its function runs in a protected call inside the coroutine, for the same
-- reason: its end and its error are noticed whoever resumed it.
-- In hosts with coroutines of their own (cqueues, copas, nginx) a task is one
-- of these, so that a handler may call what the host offers. In the others a
-- task that has not waited, as most handlers do not, leaves its coroutine to the
-- next task: to make one, with its stack, and to collect it was a seventh of
-- Lua's instructions for an event that comes alone.

local future = require "graphsocket.loop.future"
local guard = require "graphsocket.loop.guard"
local homes = require "graphsocket.loop.homes"
local pump = require "graphsocket.loop.pump"

local unpack = table.unpack or unpack
local status = coroutine.status

local WAIT = {}
local REST = {} -- what a coroutine yields that waits for its next task

local by_coroutine = setmetatable({}, { __mode = "k" })
local interrupted -- Ctrl-C that struck inside a task, see guard.lua
local resting -- the coroutine that waits for its next task
local starting -- the task for which a coroutine was just resumed

local Task = {}
Task.__index = Task
Task.__name = "graphsocket.task"

local function unwrap(ok, ...)
  if ok then
    return ...
  end
  return false, "timeout"
end

--- Waits for the end of the task.
---@param timeout number|nil seconds; nil: no limit
---@return boolean ok
---@return any ... what its function returned; else its error, or "timeout"
function Task:await(timeout)
  return unwrap(self._end:await(timeout))
end

--- Whether it will never end, as the host has closed what it lived in.
---@return boolean
function Task:is_lost()
  return self._home ~= nil and homes.is_lost(self._home)
end

local function finish(task, ok, ...)
  homes.leave(task._home)
  by_coroutine[task.co] = nil
  if ok then
    task._end:resolve(true, ...)
    return pump.changed()
  end
  local failure = ...
  task._end:resolve(false, failure.err)
  if not guard.is_interrupt(failure.err) then
    guard.report(failure.err, failure.traceback)
    return pump.changed()
  end
  if pump.host.spawn then
    error(failure.err, 0) -- out of the host's loop
  end
  interrupted = failure.err
end

local function body(task)
  task.co = coroutine.running()
  by_coroutine[task.co] = task
  local args = task._args
  task._args = nil
  finish(task, guard.try(task._fn, unpack(args, 1, args.n)))
end

-- What the coroutines that we make run: one task, and those that follow it.
local function work()
  while true do
    -- None, if the program resumes a coroutine that it has kept.
    if starting then
      local task = starting
      starting = nil
      body(task)
      -- A coroutine that has waited is known to others, who may look how it
      -- ended.
      if task.has_waited or resting then
        return
      end
      resting = task.co
    end
    coroutine.yield(REST)
  end
end

-- The coroutine for a task.
local function get_coroutine()
  local co = resting
  resting = nil
  -- The program may have closed it.
  return co and status(co) == "suspended" and co or coroutine.create(work)
end

local function resume(entry)
  local co = entry.co
  if status(co) ~= "suspended" then
    return -- somebody else has resumed it meanwhile
  end
  local ok, what = coroutine.resume(co)
  if interrupted then
    local err = interrupted
    interrupted = nil
    error(err, 0)
  end
  if not ok then
    -- A coroutine of the program (luv): tasks keep their errors.
    if guard.is_interrupt(what) then
      error(what, 0)
    end
    guard.report(what, debug.traceback(co))
  elseif what ~= WAIT and what ~= REST and entry._fn
    and not pump.host.has_loop and status(co) == "suspended" then
    guard.report("a task called coroutine.yield: it goes on only if the "
      .. "program resumes it (graphsocket.sleep(0) lets others run)",
      debug.traceback(co))
  end
end

-- Called by the pump: starts the task, or lets it go on.
function Task:run()
  if not self._started then
    self._started = true
    self._home = homes.enter(pump.running)
    if pump.host.spawn then
      return pump.host.spawn(body, self, self._home)
    end
    self.co = get_coroutine()
    starting = self
    resume(self)
    self.has_waited = true
  elseif self.runnable then
    self.runnable = false
    resume(self)
  end
end

-- A coroutine of the program that waits like a task.
local Guest = {}
Guest.__index = Guest

function Guest:run()
  if self.runnable then
    self.runnable = false
    resume(self)
  end
end

local task = {}

--- Runs fn(...) in a new task, from the next turn on.
---@param wait function for its future, see future.lua
---@param fn function
---@param ... any
---@return table task
function task.spawn(wait, fn, ...)
  local new = setmetatable({
    co = nil, -- its coroutine
    runnable = false, -- in the ready list, to be resumed
    has_waited = false, -- or has yielded to somebody else
    _home = nil, -- where it has begun
    _started = false,
    _fn = fn,
    _args = { n = select("#", ...), ... },
    _end = future.new(wait),
  }, Task)
  pump.paused = false
  pump.ready(new)
  return new
end

--- The task whose coroutine this is.
---@param co thread|nil
---@return table|nil
function task.of(co)
  return co and by_coroutine[co]
end

--- Yields to the pump until the waiter is open.
---@param waiter table see future.lua
---@param entry table|nil the task that is running; nil: some other coroutine
function task.yield_until_open(waiter, entry)
  entry = entry
    or setmetatable({ co = coroutine.running(), runnable = false }, Guest)
  waiter.on_open = function()
    entry.runnable = true
    pump.ready(entry)
  end
  -- The program may have resumed the coroutine, instead of the pump.
  while not waiter.open do
    coroutine.yield(WAIT)
  end
  entry.runnable = false
end

return task
