--- Host adapter for nginx (ngx_lua, OpenResty): the pump is a timer, tasks are
--- light threads, a wait in a request is a semaphore. The contract is on top of
--- plain.lua.
--
-- A worker of nginx is never blocked: the I/O thread wakes it through a private
-- Unix socket, which the pump reads with a cosocket. That read needs no
-- `resolver`, no `lua_ssl_*`, and never times out: an idle hour would fill the
-- error log otherwise. Deadlines are alarms of the I/O thread instead.
--
-- Life, in the order of what nginx does to a worker:
--   - The pump starts with the first object that is held, also in init_worker,
--     as a timer with no delay. The I/O thread never starts in the master:
--     threads do not survive fork().
--   - The memory of a timer is freed at its end only (openresty#373), so after
--     LIFETIME the pump hands over to a fresh timer. Events wait in the queue
--     meanwhile. Tasks that are under way stay in the old timer, which ends
--     with the last of them.
--   - A supervisor, ngx.timer.every, starts the pump again if nginx has dropped
--     its timer, as it does past lua_max_running_timers.
--   - When the worker is to exit, nginx calls pending timers at once, so the
--     supervisor knows and wakes the pump. Where nginx drops its calls, the pump
--     looks itself, every second. Within GRACE the sockets are closed, waits of
--     requests end, and the I/O thread is joined; then nothing of ours is left
--     that could keep the old worker.
--
-- Two more things that ngx_lua is peculiar in: light threads of one timer are
-- found by a walk over all that it ever had, so they are used again instead of
-- made anew; and a read that finds bytes lets nobody else run, so in a burst
-- the pump has to sleep. That is for a millisecond, as ngx.sleep(0) logs a
-- warning each time unless nginx is patched as OpenResty's is.

local core = require "graphsocket.core"
local guard = require "graphsocket.loop.guard"
local homes = require "graphsocket.loop.homes"
local semaphore = require "ngx.semaphore"

local ngx = ngx
local huge, max, min = math.huge, math.max, math.min

local LIFETIME = 300 -- seconds of one timer
local GRACE = 0.8 -- seconds for all that is to be done at the exit
local IDLE_THREADS = 16 -- that a timer keeps for tasks to come
local BLOCKED = 0.1 -- seconds that a handler may keep the worker
local HOGGED = 0.003 -- seconds after which the pump lets nginx turn its loop
local FOREVER = 24 * 3600 -- seconds; nginx counts milliseconds in 32 bits

local adapter = {
  name = "nginx",
  has_loop = true,
  auto = true,
  SUPERVISE = 5, -- seconds between two looks of the supervisor
}

function guard.write(text)
  ngx.log(ngx.ERR, (text:gsub("\n$", "")))
end

local pump
local supervised_at -- when nginx called the supervisor, seconds; nil: none yet
local pending -- the timer that nginx was asked for and has not called yet
local current -- the timer whose pump runs
local timers = {} -- timer -> true: those that have not ended
local leaving -- when GRACE is over; nil: the worker is not to exit

-- The default on_error, which would print raw lines.
function guard.print(err, traceback)
  local where = traceback and traceback ~= "" and "\n" .. traceback or ""
  ngx.log(ngx.ERR, "graphsocket: ", tostring(err), where)
end

-- Where one may wait ----------------------------------------------------------

local YIELDING = {
  rewrite = true, server_rewrite = true, access = true, content = true,
  timer = true, preread = true, ssl_cert = true, ssl_session_fetch = true,
  ssl_client_hello = true,
}

function adapter.cannot_wait()
  local phase = ngx.get_phase()
  if not YIELDING[phase] then
    return ("nginx cannot wait in the phase %s: this works in rewrite_by_lua*, "
      .. "access_by_lua*, content_by_lua*, ssl_certificate_by_lua* and in "
      .. "timers, as ngx.timer.at(0, function() ... end)"):format(phase)
  end
end

--- Why the I/O thread must not start here.
---@return string|nil sentence
---@return boolean|nil misuse it is the program's mistake
function adapter.cannot_start()
  if ngx.get_phase() == "init" then
    return "graphsocket cannot start in init_by_lua*: the workers are forked "
      .. "later, and no thread lives on in them; start it in "
      .. "init_worker_by_lua* or a later phase", true
  elseif ngx.worker.exiting() then
    return adapter.ending()
  elseif not core.claim("nginx." .. ngx.config.subsystem) then
    return "graphsocket runs in another Lua state of this nginx worker "
      .. "already: lua_code_cache is off, which gives each request a state of "
      .. "its own; switch it on", true
  end
end

function adapter.ending()
  if ngx.worker.exiting() then
    return "this worker of nginx is about to exit"
  end
end

-- What ends a timer -----------------------------------------------------------

local exit = ngx.exit

-- ngx.exit ends the timer that calls it with all its light threads, in silence.
-- In a handler that would be the pump and every task: no socket of this worker
-- would be served any more, and no wait would end.
local function exit_elsewhere(status)
  if ngx.get_phase() == "timer" and ngx.ctx.is_graphsocket then
    error("ngx.exit would end every task of graphsocket in this worker: return "
      .. "instead", 2)
  end
  return exit(status)
end

ngx.exit = exit_elsewhere -- luacheck: ignore 122

-- Light threads ---------------------------------------------------------------

local function release(timer)
  timer.busy = timer.busy - 1
  if timer.busy == 0 and timer.over then
    timer.over:post()
  end
end

-- A light thread: runs one task after the other. A killed one never returns.
local function serve(timer, thread)
  local idle = timer.idle
  repeat
    local fn, arg = thread.fn, thread.arg
    thread.fn, thread.arg = nil, nil
    fn(arg)
    release(timer)
    local is_kept = #idle < IDLE_THREADS
    if is_kept then
      idle[#idle + 1] = thread
    end
    while is_kept and not thread.fn do
      thread.called:wait(FOREVER)
    end
  until not is_kept
  timer.threads[thread] = nil
end

function adapter.spawn(fn, arg)
  local timer = current
  local thread = table.remove(timer.idle)
  timer.busy = timer.busy + 1
  if thread then
    thread.fn, thread.arg = fn, arg
    thread.called:post()
    return
  end
  thread = { fn = fn, arg = arg, called = semaphore.new(), co = nil }
  timer.threads[thread] = true
  thread.co = ngx.thread.spawn(serve, timer, thread)
end

local function post(waiter)
  waiter.opened:post()
end

-- No closure over a local of the waiting light thread: a request whose client
-- goes away is killed, and ngx_lua takes its locals away under the closure.
function adapter.park(waiter)
  waiter.opened, waiter.on_open = semaphore.new(), post
  while not waiter.open do
    waiter.opened:wait(FOREVER)
  end
end

--- A sleep that begins when the worker's I/O thread has ended, and not in a task
--- of ours: a request may finish; a timer of the program's own ends here, in
--- silence, as one that sleeps in a loop would keep the old worker for ever.
---@param seconds number
function adapter.sleep_late(seconds)
  if ngx.get_phase() == "timer" then
    exit(ngx.OK)
  end
  ngx.sleep(max(seconds, 0.001))
end

-- Handlers that block ---------------------------------------------------------

-- nginx looks at the clock once a turn of its loop, so this is how long it has
-- not turned; a handler that waited has let it turn meanwhile.
local function since_turn()
  return core.time() - ngx.now()
end

local function check(began, subject)
  local blocked = min(core.now() - began, since_turn())
  if blocked > BLOCKED then
    ngx.log(ngx.WARN, ("graphsocket: a handler of %s kept this worker from its "
      .. "requests for %.2f s: let it wait by cosockets, or do less at a time")
      :format(tostring(subject), blocked))
  end
end

adapter.stopwatch = { now = core.now, check = check }

-- The pump --------------------------------------------------------------------

local function warn(...)
  ngx.log(ngx.WARN, "graphsocket: ", ...)
end

-- Connects the wake socket of a timer.
local function connect(source)
  local path, why = source.listen()
  if not path then
    return nil, why
  end
  local socket = ngx.socket.tcp()
  socket:settimeout(FOREVER * 1000)
  local connected
  connected, why = socket:connect("unix:" .. path)
  -- Also cleans up after a connect that failed.
  local accepted, refused = source.accept()
  if connected and accepted then
    return socket
  end
  socket:close()
  return nil, connected and refused or why
end

-- The wake socket cannot be had: nginx is short of worker_connections, say.
local function wait_without_socket(timer, why, timeout)
  if not timer.has_warned then
    timer.has_warned = true
    warn("no wake socket (", why, "), events are looked for once a second")
  end
  ngx.sleep(max(0.001, min(timeout or huge, 1))) -- less is ngx.sleep(0)
end

local function set_alarm(timer, source, seconds)
  local now = core.now()
  -- An alarm that comes too early does no harm, and costs less than another.
  -- One that is due has rung, perhaps: libuv counts in milliseconds.
  if not timer.alarm or timer.alarm < now + 0.002
    or now + seconds < timer.alarm then
    timer.alarm = now + seconds
    source.alarm(seconds)
  end
end

-- Seconds that the pump may wait without a look at whether the worker exits:
-- as long as the supervisor is heard of it has no need to.
local function seconds_to_look()
  return max(1, supervised_at + 2 * adapter.SUPERVISE - core.now())
end

-- One step of the end: the servers are told, then what is under way may finish.
local function leave(source)
  if not leaving then
    leaving = core.now() + GRACE
    source.leave()
  end
  local is_busy = not source.has_left() or homes.are_busy()
  if is_busy and core.now() < leaving then
    return
  end
  source.stop()
  for waiter in homes.waiters() do
    waiter:fire()
  end
end

function adapter.wait(_, timeout, source)
  local timer = current
  if ngx.worker.exiting() then
    leave(source)
    if pump.source ~= source then
      return
    end
    timeout = min(timeout or huge, leaving - core.now())
  elseif pump.now() > timer.ends then
    return "leave"
  end
  if timeout == 0 or since_turn() > HOGGED then
    return ngx.sleep(0.001)
  end
  if timer.source ~= source then
    timer.source, timer.alarm = source, nil
    local socket, why = connect(source)
    if not socket then
      timer.source = nil
      return wait_without_socket(timer, why, timeout)
    end
    timer.socket, timer.has_warned = socket, false
  end
  set_alarm(timer, source, min(timeout or huge, seconds_to_look()))
  if not timer.socket:receiveany(4096) then
    timer.source = nil -- that I/O thread was stopped
  end
end

-- Waits for the tasks of a timer whose pump has ended; at the exit not for long.
local function wait_for_tasks(timer)
  timer.over = semaphore.new()
  while timer.busy > 0 and not ngx.worker.exiting() do
    timer.over:wait(FOREVER)
  end
  local deadline = core.now() + GRACE / 4
  local left = GRACE / 4
  while timer.busy > 0 and left > 0 do
    timer.over:wait(left + 0.001) -- less than 1 ms is no wait to nginx
    left = deadline - core.now()
  end
  for thread in pairs(timer.threads) do
    ngx.thread.kill(thread.co)
  end
end

local function run(_, timer)
  if pending ~= timer then
    return -- it comes too late, there is another
  end
  pending, current = nil, timer
  ngx.ctx.is_graphsocket = true -- luacheck: ignore 122
  timer.ends = pump.now() + LIFETIME
  timers[timer] = true
  local ok, err = pcall(pump.run_background)
  if timer.socket then
    timer.socket:close()
  end
  wait_for_tasks(timer)
  timers[timer] = nil
  if not ok then
    error(err, 0)
  end
end

local function supervise()
  supervised_at = core.now()
  if ngx.worker.exiting() then
    if pump.source then
      pump.source.wake()
    end
    for timer in pairs(timers) do
      if timer.over then
        timer.over:post()
      end
    end
    return
  end
  if pending and pending.is_late then
    pending = nil -- nginx has dropped it
    homes.end_pump()
  elseif pending then
    pending.is_late = true
  end
  if not homes.have_pump() and pump.is_wanted() then
    pump.start()
  end
end

function adapter.start(new_pump)
  pump = new_pump
  if not supervised_at then
    -- Without it nobody would try again: whoever needs the loop is told.
    local ok, why = ngx.timer.every(adapter.SUPERVISE, supervise)
    if not ok then
      error(("nginx gives graphsocket no timer (%s): raise "
        .. "lua_max_pending_timers"):format(why), 0)
    end
    supervised_at = core.now()
  end
  local timer = {
    alarm = nil, -- when the I/O thread wakes us at the latest
    busy = 0, -- tasks that have not ended
    ends = nil, -- when the next one takes over
    has_warned = false,
    idle = {}, -- light threads without a task
    is_late = false, -- the supervisor has seen it pending
    over = nil, -- its pump has ended: a semaphore for the last task
    socket = nil, -- the cosocket to the I/O thread of source
    source = nil,
    threads = {}, -- light thread -> true
  }
  pending = timer
  local ok, why = ngx.timer.at(0, run, timer)
  if not ok then
    pending = nil
    homes.end_pump()
    warn("no timer for the pump (", why, "), the next attempt is in ",
      adapter.SUPERVISE, " s")
  end
end

return adapter
