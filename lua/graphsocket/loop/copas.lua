--- Host adapter for copas: tasks and the pump are copas threads.
--
-- Waiting for the wake fd goes through copas.receive, which every version of
-- copas has: it is given an object that looks like a socket whose first read
-- times out, so copas waits until its descriptor is readable. (LuaSocket's
-- select takes any object with getfd and dirty.)
-- copas 1 has neither timers nor a way to put a thread to sleep, and the timers
-- of later versions are only exact to a tenth of a second: the alarm of the
-- source stands in for them. A thread of copas 1 sleeps by yielding to a set of
-- our own instead of copas' set of readers: copas pushes it there and forgets
-- it; copas.addthread lets an existing coroutine go on.
-- copas.exit() (since version 4) is heard as stop(). copas.cancelall() (since
-- 4.11) drops every thread without a word, which is noticed as it closes the
-- object above: the home of all that has been is lost then, see homes.lua.

local copas = require "copas"

local adapter = { name = "copas", has_loop = true }

-- What copas takes for a socket. One for each wait: after a timeout copas keeps
-- the thread in the queue of the socket it waited for.
local Socket = {}
Socket.__index = Socket

function Socket:getfd()
  return self.descriptor
end

-- True makes select() take it as readable without a look at the descriptor.
function Socket:dirty()
  return self.forgotten
end

function Socket:receive()
  if self.has_waited then
    return true
  end
  self.has_waited = true
  return nil, "timeout"
end

function adapter.cannot_wait()
  local co, is_main = coroutine.running()
  if not co or is_main then
    return "under copas this works in a thread only: "
      .. "copas.addthread(function() ... end)"
  end
end

local current -- the Socket of the wait under way
local home = {} -- a new one for each cancelall()
local is_watched -- a thread waits for copas.exit()

-- copas 1 closes the last socket of a thread that ends, which does not wait.
function Socket:close()
  if current == self then
    current, home = nil, {}
  end
end

function adapter.here()
  return home
end

function adapter.is_lost(other)
  return other ~= home
end

function adapter.wait(fd, timeout, source)
  local socket = setmetatable({
    descriptor = fd,
    has_waited = false,
    forgotten = false,
  }, Socket)
  current = socket
  if timeout == 0 then
    source.wake() -- the other threads run once
  elseif timeout then
    source.alarm(timeout)
  end
  copas.receive(socket, 1)
  current = nil
end

function adapter.forget()
  if current then
    current.forgotten = true
    current.descriptor = 0 -- any number that is a descriptor
  end
end

-- A thread that waits for the exit does not keep copas.loop() from returning.
local function watch_exit(pump)
  if is_watched or not copas.waitforexit then
    return
  end
  is_watched = true
  copas.addthread(function()
    -- Without copas.loop(), by steps, there is no exit.
    local exits = copas.running
    if exits then
      copas.waitforexit()
    end
    is_watched = false
    if exits and pump.running then
      require("graphsocket.loop").stop()
    end
  end)
end

function adapter.start(pump)
  adapter._pump = pump
  watch_exit(pump)
  copas.addthread(function()
    pump.run_background()
  end)
end

function adapter.spawn(fn, arg)
  copas.addthread(function()
    fn(arg)
  end)
end

local function sleep_until_open(waiter, sleep)
  local co = coroutine.running()
  waiter.on_open = function()
    copas.wakeup(co)
  end
  while not waiter.open do
    sleep(-1)
  end
end

-- copas 1.
local function shelve_until_open(waiter)
  local entry = {}
  local shelf = {
    insert = function() end,
    push = function(_, _, co)
      entry.co = co
    end,
  }
  function entry.run()
    copas.addthread(entry.co)
  end
  waiter.on_open = function()
    adapter._pump.ready(entry)
  end
  while not waiter.open do
    coroutine.yield(entry, shelf)
  end
end

function adapter.park(waiter)
  if copas.wakeup then
    sleep_until_open(waiter, copas.pauseforever or copas.sleep)
  else
    shelve_until_open(waiter)
  end
end

return adapter
