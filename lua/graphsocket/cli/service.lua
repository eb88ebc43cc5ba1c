--- What a service tells its manager, systemd's Type=notify: that it is ready,
--- how it is, that it ends; and, for WatchdogSec=, that it is alive.
--
-- Without NOTIFY_SOCKET nothing happens. A manager that cannot be told is no
-- reason to end: it will act by itself.

local core = require "graphsocket.core"
local environment = require "graphsocket.cli.environment"
local loop = require "graphsocket.loop"

local service = {}

local is_ready = false

local function tell(message)
  local socket = environment.get "NOTIFY_SOCKET"
  if socket then core.notify(socket, message) end
end

-- The timer is fired by the loop that the command's handlers run in: a handler
-- that hangs is what the watchdog is there to find.
local function feed_watchdog(seconds)
  tell "WATCHDOG=1"
  loop.timer(seconds, feed_watchdog, seconds)
end

--- The command does what it is there for.
---@param message string how it is, one line
function service.ready(message)
  if is_ready then return service.status(message) end
  is_ready = true
  tell("READY=1\nSTATUS=" .. message)
end

--- How it is.
---@param message string one line
function service.status(message)
  tell("STATUS=" .. message)
end

--- It ends.
function service.stopping()
  tell "STOPPING=1"
end

--- Begins to show life, if the manager wants it from this process: twice in the
--- time that it waits.
function service.start()
  local micros = tonumber(environment.get "WATCHDOG_USEC")
  local pid = environment.get "WATCHDOG_PID"
  if not environment.get "NOTIFY_SOCKET" or not micros or micros <= 0
    or (pid and tonumber(pid) ~= core.pid()) then
    return
  end
  feed_watchdog(micros / 2e6)
end

return service
