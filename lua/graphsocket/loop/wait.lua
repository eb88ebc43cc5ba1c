--- How a caller waits, which depends on who it is:
--
--   a task of ours, or under luv any coroutine: yields, the pump resumes it;
--   a coroutine of cqueues, copas, nginx: parks the host's way, while another
--     coroutine of the host runs the pump;
--   anybody else (the main chunk; in a plain program also a coroutine that the
--     program made itself, be it inside a handler): runs the pump, nested,
--     until the wait is over. Handlers and tasks run meanwhile, so nested waits
--     end in the opposite order of their beginning.

local errors = require "graphsocket.errors"
local future = require "graphsocket.loop.future"
local guard = require "graphsocket.loop.guard"
local homes = require "graphsocket.loop.homes"
local pump = require "graphsocket.loop.pump"
local task = require "graphsocket.loop.task"

local wait = {}

--- Raises unless the argument is a number of seconds.
---@param name string of the caller
---@param seconds any
---@param level number as of error()
function wait.check_seconds(name, seconds, level)
  if type(seconds) ~= "number" or seconds ~= seconds then
    error(("bad argument to %s: a number of seconds is needed, not %s")
      :format(name, seconds ~= seconds and "NaN" or type(seconds)), level + 1)
  end
end

-- How the sources of this library begin; "" without debug information.
local OURS = debug.getinfo(1, "S").source:match "^(@.*)loop/wait%.lua$" or ""

-- The line of the program that is to blame, as error() writes it: what waits may
-- be deep in this library.
local function position()
  local level, info = 3, debug.getinfo(3, "Sl")
  while info and (info.what == "C" or info.source:sub(1, #OURS) == OURS) do
    level = level + 1
    info = debug.getinfo(level, "Sl")
  end
  return info and ("%s:%d: "):format(info.short_src, info.currentline) or ""
end

--- Raises if the host does not let anybody wait here.
---@param what string the beginning of the message
function wait.check_place(what)
  local host = pump.pick()
  local why = host.cannot_wait and host.cannot_wait()
  if why then
    error(position() .. what .. ": " .. why, 0)
  end
end

-- Returns false if the waiter would never be opened.
local function block(waiter)
  local host, co = pump.host, pump.coroutine()
  if pump.dispatching == (co or "main") then
    error("a sink must not wait: spawn a task that does", 0)
  end
  local current = task.of(co)
  pump.paused = false
  if host.park then
    if not current then
      homes.park(waiter)
    end
    -- A task of a process that is about to end, ends with it.
    if not (current and host.ending and host.ending()) then
      pump.start()
    end
    host.park(waiter)
  elseif current then
    task.yield_until_open(waiter, current)
  elseif co and host.has_loop then
    homes.park(waiter)
    pump.changed()
    task.yield_until_open(waiter)
  else
    if host.has_loop then
      homes.park(waiter)
    end
    waiter.on_open = pump.changed
    return (host.run_until or pump.run_until)(function()
      return waiter.open
    end)
  end
end

-- What Future:await does until the future is resolved.
local function await(awaited, timeout)
  if timeout ~= nil then
    wait.check_seconds("await", timeout, 3)
  end
  wait.check_place "cannot wait here"
  local waiter = { open = false, on_open = nil, fire = future.open }
  awaited:_add(waiter)
  if timeout then
    pump.add_timer(timeout, waiter)
  end
  local possible = block(waiter)
  if homes.unpark(waiter) and not pump.is_wanted() then
    pump.changed() -- it may have waited for nobody but us
  end
  pump.cancel_timer(waiter)
  awaited:_remove(waiter)
  if possible == false and not awaited:done() then
    error("this wait cannot end: no timer, request or open connection is left",
      3)
  end
end

--- Makes a future.
---@return table future see future.lua
function wait.future()
  return future.new(await)
end

--- Runs fn(...) in a task.
---@param fn function
---@param ... any
---@return table task see task.lua
function wait.spawn(fn, ...)
  return task.spawn(await, fn, ...)
end

local function outcome(awaited, ok, ...)
  if not awaited then
    return nil, errors.new { kind = "closed", message = pump.host.ending() }
  end
  if not ok then
    error((...).err, 0)
  end
  return ...
end

--- Calls fn(...) so that it comes to its end: what it has taken is given back.
--- In a task, where the host may kill its own coroutines in the middle, as nginx
--- does with a request whose client goes away.
---@param fn function
---@param ... any
---@return any ... its results; or nil and an error if the process ends
function wait.shield(fn, ...)
  local host = pump.pick()
  if not host.spawn or task.of(pump.coroutine()) or host.cannot_wait()
    or host.ending and host.ending() then
    return fn(...)
  end
  local source, err = pump.need_source()
  if not source then
    return nil, err
  end
  return outcome(wait.spawn(guard.try, fn, ...):await())
end

--- Waits for some time.
---@param seconds number
function wait.sleep(seconds)
  local host = pump.host
  if host.sleep_late and not pump.source and host.ending()
    and not task.of(pump.coroutine()) then
    return host.sleep_late(seconds)
  end
  future.new(await):await(seconds > 0 and seconds or 0)
end

--- Waits until the pump finds that run() may return.
function wait.until_idle()
  pump.idle = future.new(function(idle)
    local waiter = { open = false, on_open = nil }
    idle:_add(waiter)
    if pump.host.park then
      pump.host.park(waiter)
    else
      task.yield_until_open(waiter)
    end
  end)
  if pump.host.park then
    pump.start()
  end
  wait.nudge()
  pump.idle:await()
end

local NOTHING = { run = function() end }

--- Makes the pump turn once, wherever it waits.
function wait.nudge()
  pump.ready(NOTHING)
end

return wait
