--- The loop: tasks, timers, futures, and run(). One a Lua state.
--
-- This file is the face; behind it
--   pump.lua    turns, and the wait between them; the state of the loop
--   task.lua    coroutines that the pump runs
--   wait.lua    how a caller waits, depending on who it is
--   homes.lua   who works and waits where, in hosts that have several places
--   holds.lua   what keeps run() from returning
--   future.lua  queue.lua  timers.lua  guard.lua   parts, no state
--   plain.lua luv.lua cqueues.lua copas.lua nginx.lua   one host adapter each
-- Nothing but the adapters knows the host.

local guard = require "graphsocket.loop.guard"
local holds = require "graphsocket.loop.holds"
local homes = require "graphsocket.loop.homes"
local pump = require "graphsocket.loop.pump"
local queue = require "graphsocket.loop.queue"
local task = require "graphsocket.loop.task"
local wait = require "graphsocket.loop.wait"

local unpack = table.unpack or unpack
local huge = math.huge

local HOSTS = {
  plain = true, luv = true, cqueues = true, copas = true, nginx = true,
}

local loop = {
  --- Called with each error of a handler, task or sink: as it was raised (error
  --- objects keep their kind), and the traceback of its place. It cannot stop
  --- the loop; what it raises itself is printed. nil: print on standard error.
  ---@type nil|fun(err: any, traceback: string)
  on_error = nil,

  --- loop.report(err, [traceback]): gives an error to on_error.
  report = guard.report,

  --- loop.call(fn, ...) -> true, results | false, err (which was reported).
  call = guard.call,

  --- loop.now() -> seconds, monotonic, also counted while suspended.
  now = pump.now,

  --- loop.time() -> seconds since the epoch.
  time = pump.time,

  --- loop.skew(seconds), for specs: moves both clocks forward.
  skew = pump.skew,

  --- loop.changed(): for the source, whose answer to active() has changed.
  changed = pump.changed,

  --- loop.shield(fn, ...) -> results: fn comes to its end, see wait.lua.
  shield = wait.shield,

  --- loop.future() -> f. f:resolve(...), the first call wins; f:done();
  --- f:await([timeout]) -> true, ... | false, "timeout".
  future = wait.future,
}
guard.owner = loop

local function check_function(value, where, level)
  if type(value) ~= "function" then
    error(("bad argument to %s: a function is needed, not %s")
      :format(where, type(value)), level + 1)
  end
end

-- Tasks and timers ------------------------------------------------------------

--- Runs fn(...) as a task: a coroutine of the loop (in cqueues, copas and nginx
--- one of theirs). It begins with the next turn, never at once. Its error goes
--- to on_error.
---@param fn function
---@param ... any
---@return table task task:await([timeout]) -> true, results | false, its error | false, "timeout"
function loop.spawn(fn, ...)
  check_function(fn, "spawn", 2)
  local new = wait.spawn(fn, ...)
  pump.start_if_auto()
  return new
end

--- The task that is running.
---@return table|nil task task:is_lost() -> boolean: it will never end
function loop.current()
  return task.of(pump.coroutine())
end

--- Waits. Tasks and handlers run meanwhile.
---@param seconds number
function loop.sleep(seconds)
  wait.check_seconds("sleep", seconds, 2)
  wait.check_place "graphsocket.sleep"
  wait.sleep(seconds)
end

local function stopwatch_of_host()
  return pump.host and pump.host.stopwatch
end

--- Makes a queue: q:push(fn, ...) runs fn(...) in a task, after what was pushed
--- before has returned. q:size() -> how many wait.
---@return table queue
function loop.queue()
  return queue.new(wait.spawn, guard.call, stopwatch_of_host)
end

local Timer = {}
Timer.__index = Timer
Timer.__name = "graphsocket.timer"

--- Keeps the function from being called, unless it is running or has run.
function Timer:cancel()
  pump.cancel_timer(self)
  -- What it would have called is not kept alive until it would have been due.
  self._fn, self._args = nil, nil
end

-- In its task: what is due at the same time may have cancelled it meanwhile.
local function run_timer(timer)
  local args = timer._args
  if args then
    return timer._fn(unpack(args, 1, args.n))
  end
end

function Timer:fire()
  wait.spawn(run_timer, self)
end

--- Calls fn(...) in a fresh task after some time. A timer does not keep run()
--- from returning.
---@param seconds number
---@param fn function
---@param ... any
---@return table timer timer:cancel()
function loop.timer(seconds, fn, ...)
  wait.check_seconds("timer", seconds, 2)
  check_function(fn, "timer", 2)
  return pump.add_timer(seconds, setmetatable({
    _fn = fn,
    _args = { n = select("#", ...), ... },
  }, Timer))
end

-- What keeps the loop going ---------------------------------------------------

--- Keeps run() from returning until the object is released. Idempotent. The
--- object is referenced strongly until run() returns or stop() is called, then
--- weakly until the loop runs again.
---@param object table
function loop.hold(object)
  holds.add(object)
  pump.paused = false
  pump.start_if_auto()
  pump.changed()
end

--- Takes hold() back. Idempotent.
---@param object table
function loop.release(object)
  holds.remove(object)
  pump.changed()
end

--- Makes |source| the one source of events. Its functions: fd() -> the wake fd,
--- readable while events wait; dispatch() -> count hands events to their sinks;
--- wake() makes the fd readable once; and optionally alarm(seconds), which does
--- so later, active(), which tells whether an event can still come, and for
--- nginx listen(), accept(), leave(), has_left() and stop() (engine.lua).
---@param source table|nil nil: none
function loop.attach(source)
  if pump.source and pump.source ~= source and pump.host
    and pump.host.forget then
    pump.host.forget(pump.source.fd())
  end
  pump.source = source
  pump.changed()
end

--- The host: whose loop this one runs in.
---@param name string|nil "plain" "luv" "cqueues" "copas" "nginx": use it
---@return string name of the one in use
function loop.host(name)
  if name == nil then
    return pump.pick().name
  end
  if not HOSTS[name] then
    error(("unknown loop '%s': use plain, luv, cqueues, copas or nginx")
      :format(tostring(name)), 2)
  end
  local host = pump.host
  if host and host.name == name then
    return name
  end
  if host and (pump.running or pump.turning or homes.have_pump()
    or homes.are_busy()) then
    error(("the loop is %s already: choose another before the first task")
      :format(host.name), 2)
  end
  local _, message = pump.use(name)
  if message then
    error(message, 2)
  end
  pump.changed()
  return name
end

--- Why a source must not start here, if it must not.
---@return string|nil sentence
---@return boolean|nil misuse it is the program's mistake
function loop.cannot_start()
  local host = pump.pick()
  if host.cannot_start then
    return host.cannot_start()
  end
end

--- That the process is about to end, if it is: nothing new is to begin.
---@return string|nil sentence
function loop.ending()
  local host = pump.pick()
  return host.ending and host.ending()
end

-- Running ---------------------------------------------------------------------

local function run_here(main)
  if main then
    wait.spawn(main)
  end
  local host = pump.host
  if host.park or host.has_loop and pump.coroutine() then
    wait.until_idle()
  else
    (host.run_until or pump.run_until)(pump.is_finished)
  end
end

--- Runs the loop until nothing is left to wait for, or stop() is called. An
--- error of a task ends only the task, also that of main: it goes to on_error.
--- In cqueues, copas and nginx to be called in a coroutine of theirs.
---@param main function|nil runs as the first task
function loop.run(main)
  if main ~= nil then
    check_function(main, "run", 2)
  end
  local is_running = pump.running and not homes.is_lost(pump.running)
  if is_running or loop.current() then
    error("graphsocket.run() is running already: handlers and tasks are run by "
      .. "it and need no other", 2)
  end
  wait.check_place "graphsocket.run"
  pump.running, pump.stopping, pump.paused = homes.here(), false, false
  holds.grip()
  local ok, err = pcall(run_here, main)
  pump.running, pump.stopping, pump.idle = nil, false, nil
  pump.paused = true
  holds.loosen()
  pump.changed()
  if not ok then
    error(err, 0)
  end
end

--- Makes run() return. Sockets stay open until they are closed or collected.
function loop.stop()
  pump.paused = true
  if pump.running then
    pump.stopping = true
    wait.nudge()
  else
    holds.loosen()
    pump.changed()
  end
end

--- For a loop of one's own: runs what is due; waits if there was nothing.
---@param timeout number|nil seconds to wait at most; 0: do not wait; nil: until something happens
---@return number count of events, timers and tasks that ran
function loop.step(timeout)
  if timeout ~= nil then
    wait.check_seconds("step", timeout, 2)
  end
  local host = pump.pick()
  if host.has_loop then
    error("graphsocket.step() is for the plain loop: " .. host.name
      .. " drives graphsocket itself", 2)
  end
  pump.paused = false
  holds.grip()
  local deadline = pump.now() + (timeout or huge)
  local count = pump.turn()
  while count == 0 do
    local left = deadline - pump.now()
    if left <= 0 or left == huge and not pump.can_happen() then
      break
    end
    pump.wait(left)
    count = pump.turn()
  end
  return count
end

--- Seconds until step() has something to do without any event; 0: now; nil:
--- only an event can bring work. Should that change before the next step(), as
--- another coroutine spawns a task, the fd becomes readable.
---@return number|nil seconds
function loop.timeout()
  local timeout = pump.timeout()
  pump.announce_wait(timeout)
  return timeout
end

--- The fd to poll for reading in a loop of one's own, which then calls step(0).
--- Starts the I/O thread.
---@return number|nil fd
---@return table|nil err
function loop.fd()
  local source, err = pump.need_source()
  if not source then
    return nil, err
  end
  return source.fd()
end

--- With events() and timeout() it makes the module an object for cqueues.poll().
---@return number|nil fd
function loop.pollfd()
  return (loop.fd())
end

--- See pollfd().
---@return string events always "r"
function loop.events()
  return "r"
end

return loop
