--- The pump: turns, and the wait between them. State of the whole loop.
--
-- A turn hands the source's events to their sinks, fires the timers that are
-- due and runs the entries that are ready; then the pump waits for the source's
-- wake fd or the next deadline, the way the host does. Nothing ticks: an idle
-- program makes no turn.
--
-- A turn may happen inside a turn (a wait in the middle of a handler, see
-- wait.lua), and everything here bears that: events, timers and entries are
-- taken out before they are run. An entry is a table with a method run(); what
-- it does is the affair of task.lua and wait.lua.
--
-- Only Ctrl-C comes out of a turn as an error; whoever pumps passes it on.

local core = require "graphsocket.core"
local heap = require "graphsocket.loop.timers"
local holds = require "graphsocket.loop.holds"
local homes = require "graphsocket.loop.homes"

local huge = math.huge

local pump = {
  host = nil, -- the adapter, see plain.lua for its contract
  source = nil, -- see loop.attach
  running = nil, -- the home in which run() is active
  stopping = false, -- stop() was called in it
  paused = false, -- stopped, and nothing was started since
  idle = nil, -- the future on which run() waits, in a coroutine of the host
  turning = false, -- a turn is under way
  dispatching = nil, -- the coroutine that hands out events, or "main"
}

local timers = heap.new()
local ready, ready_first, ready_last = {}, 1, 0
local skewed = 0 -- seconds of virtual time
-- Deadlines of the waits under way: home -> seconds. Weak as a home is.
local waiting = setmetatable({}, { __mode = "k" })

--- The running coroutine.
---@return thread|nil nil in the main thread
function pump.coroutine()
  local co, is_main = coroutine.running()
  if not is_main then
    return co
  end
end

-- Clocks ----------------------------------------------------------------------

function pump.now()
  return core.now() + skewed
end

function pump.time()
  return core.time() + skewed
end

function pump.skew(seconds)
  skewed = skewed + seconds
  pump.changed()
end

-- The host --------------------------------------------------------------------

local function load_host(name)
  local ok, adapter = pcall(require, "graphsocket.loop." .. name)
  if ok then
    return adapter
  end
  local missing = tostring(adapter):match "module '([%w_.]+)' not found"
  if not missing or missing:sub(1, 11) == "graphsocket" then
    return nil, tostring(adapter)
  elseif name == "nginx" then
    return nil, "graphsocket.loop 'nginx' works inside nginx only"
  end
  return nil, ("graphsocket.loop '%s' needs the Lua module '%s', which is not "
    .. "installed for this Lua: luarocks --lua-version=%s install %s")
    :format(name, missing, _VERSION:match "%d+%.%d+", name)
end

--- Makes the named adapter the host.
---@param name string
---@return table|nil adapter
---@return string|nil message
function pump.use(name)
  local host, message = load_host(name)
  if not host then
    return nil, message
  end
  if pump.host and pump.host.forget then
    pump.host.forget(pump.source and pump.source.fd())
  end
  pump.host, homes.host = host, host
  if host.attach then
    host.attach(pump)
  end
  return host
end

--- The adapter in use: nginx inside nginx, else plain, unless one was chosen.
---@return table
function pump.pick()
  if not pump.host then
    local host, message = pump.use(rawget(_G, "ngx") and "nginx" or "plain")
    if not host then
      error(message, 0)
    end
  end
  return pump.host
end

--- Starts the I/O thread if nothing is the source of events yet.
---@return table|nil source
---@return table|nil err
function pump.need_source()
  if not pump.source then
    -- Not on top: the engine is built on the loop.
    local ok, err = require("graphsocket.engine").start()
    if not ok then
      return nil, err
    end
  end
  return pump.source
end

-- What there is to do ---------------------------------------------------------

--- The pump has to look again: something is ready, due earlier, or over. In a
--- turn it will anyway.
function pump.changed()
  local host = pump.host
  if pump.turning or not host then
    return
  end
  if host.changed then
    host.changed()
  elseif next(waiting) ~= nil and pump.source then
    for home in pairs(waiting) do
      waiting[home] = nil -- once is enough
    end
    local rouse = host.rouse or pump.source.wake
    rouse()
  end
end

--- Lets the next turn call entry:run().
---@param entry table
function pump.ready(entry)
  ready_last = ready_last + 1
  ready[ready_last] = entry
  pump.changed()
end

-- Whether one of the waits under way would be too long. A host that calls back
-- waits nowhere here, and has to be told.
local function is_before_waits(deadline)
  for _, until_ in pairs(waiting) do
    if deadline < until_ then
      return true
    end
  end
  return next(waiting) == nil
end

--- Lets a turn call timer:fire() once the time is over.
---@param seconds number
---@param timer table
---@return table timer
function pump.add_timer(seconds, timer)
  if seconds ~= huge then
    local first = timers:push(pump.now() + seconds, timer)
    if first and is_before_waits(timer.deadline) then
      pump.changed()
    end
  end
  return timer
end

---@param timer table that may have fired
function pump.cancel_timer(timer)
  timers:cancel(timer)
end

--- Whether an event, a timer or a task can still come by itself.
---@return boolean
function pump.can_happen()
  local source, host = pump.source, pump.host
  return ready_first <= ready_last
    or source ~= nil and (source.active == nil or source.active())
    or timers:next() ~= nil
    or host ~= nil and host.can_happen ~= nil and host.can_happen()
end

--- Whether somebody waits for something.
---@return boolean
function pump.is_alive()
  return ready_first <= ready_last or holds.any() or homes.are_busy()
end

--- Whether run() may return. In a host with a loop of its own anything may
--- wake a task; in a plain program only what can_happen() sees.
---@return boolean
function pump.is_finished()
  return pump.stopping or not pump.is_alive()
    or not (pump.host.has_loop or pump.can_happen())
end

--- Whether a pump in the background has a reason to go on here.
---@return boolean
function pump.is_wanted()
  if ready_first <= ready_last or homes.is_busy_here() then
    return true
  end
  return (pump.running == homes.here()
    or pump.host.auto and not pump.paused) and holds.any()
end

--- Seconds until there is something to do without any event.
---@return number|nil 0: now; nil: never
function pump.timeout()
  if ready_first <= ready_last then
    return 0
  end
  local deadline = timers:next()
  if deadline then
    local left = deadline - pump.now()
    return left > 0 and left or 0
  end
end

-- Turns -----------------------------------------------------------------------

local function dispatch()
  if not pump.source then
    return 0
  end
  pump.dispatching = pump.coroutine() or "main"
  local count = pump.source.dispatch()
  pump.dispatching = nil
  return count
end

local function fire_timers()
  local count, now = 0, pump.now()
  local timer = timers:pop(now)
  while timer do
    count = count + 1
    timer:fire()
    timer = timers:pop(now)
  end
  return count
end

-- What becomes ready meanwhile waits for the next turn, so that tasks which
-- wake each other do not keep the events waiting.
local function run_ready()
  local count, last = 0, ready_last
  while ready_first <= last and ready_first <= ready_last do
    local entry = ready[ready_first]
    ready[ready_first] = nil
    ready_first = ready_first + 1
    count = count + 1
    entry:run()
  end
  return count
end

local OUTSIDE = "outside" -- the home of who waits in a loop of his own

--- The program is about to wait that long, until it makes a turn.
---@param timeout number|nil seconds
function pump.announce_wait(timeout)
  waiting[OUTSIDE] = timeout and pump.now() + timeout or huge
end

local function turn_once()
  waiting[OUTSIDE] = nil
  return dispatch() + fire_timers() + run_ready()
end

--- One turn.
---@return number count of events, timers and entries
function pump.turn()
  local outer, outer_dispatching = pump.turning, pump.dispatching
  pump.turning = true
  local ok, count = pcall(turn_once)
  pump.turning, pump.dispatching = outer, outer_dispatching
  if not ok then
    error(count, 0)
  end
  if pump.idle and pump.is_finished() then
    pump.idle:resolve()
  end
  return count
end

--- Waits as the host does until the source wakes us or something is due.
---@param limit number|nil seconds at most
---@return any word what the adapter said
function pump.wait(limit)
  local host, source = pump.host, pump.source
  local timeout = pump.timeout()
  if limit and limit < (timeout or huge) then
    timeout = limit
  end
  -- What else the host waits for must get its turn in a burst as well.
  local has_more = host.can_happen and host.can_happen()
  if timeout == 0 and not host.park and not has_more then
    return
  end
  local here = homes.here()
  waiting[here] = timeout and pump.now() + timeout or huge
  local ok, word = pcall(host.wait, source and source.fd() or -1, timeout,
    source)
  waiting[here] = nil
  if not ok then
    error(word, 0)
  end
  return word
end

--- Runs the pump here until done() says so.
---@param done fun(): boolean
---@return boolean ok false: it never will
function pump.run_until(done)
  while not done() do
    pump.turn()
    if done() then
      break
    end
    if not pump.can_happen() then
      return false
    end
    pump.wait()
  end
  return true
end

-- The pump in the background --------------------------------------------------

-- Without a source, which was stopped then, nothing can wake us: what is ready
-- still runs.
local function wait_in_background()
  if pump.source then
    return pump.wait() ~= "leave"
  end
  return ready_first <= ready_last
end

local function loop_here()
  repeat
    pump.turn()
  until not (pump.is_wanted() and wait_in_background())
end

--- Runs the pump as long as it is wanted: for host.start, which has a coroutine
--- of the host call it. It starts anew by itself if the adapter's wait said
--- "leave".
function pump.run_background()
  local ok, err = pcall(loop_here)
  homes.end_pump()
  if not ok then
    error(err, 0)
  end
  pump.changed() -- a deadline may be left to those of other homes
  if not pump.source then
    if pump.idle then
      pump.idle:resolve()
    end
  elseif pump.is_wanted() then
    pump.start()
  end
end

--- Has a coroutine of the host run the pump here, if none does.
function pump.start()
  local source, err = pump.need_source()
  if not source then
    error(err, 0)
  end
  if not homes.begin_pump() then
    return
  end
  local ok, why = pcall(pump.host.start, pump)
  if not ok then
    homes.end_pump()
    error(why, 0)
  end
end

--- Inside nginx nobody need call run(). A worker that is about to exit takes no
--- more work, and says so only to those who wait for it.
function pump.start_if_auto()
  local host = pump.pick()
  if homes.have_pump() or not host.auto then
    return
  end
  local why, misuse
  if not pump.source then
    why, misuse = host.cannot_start()
  end
  if misuse or not why then
    pump.start()
  end
end

return pump
