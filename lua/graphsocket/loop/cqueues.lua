--- Host adapter for cqueues: tasks and pumps are coroutines of controllers.
--
-- Each controller in which somebody waits has a pump: the others may be inside
-- of it, and must come to an end, or never be run again. Tasks belong to the
-- controller in which run() is active, else to the one whose pump starts them.
--
-- Waiting is possible in coroutines of a controller only. A coroutine which the
-- program made inside one of these must be made with cqueues.auxlib.wrap, as
-- for everything that waits in cqueues.

local cqueues = require "cqueues"
local condition = require "cqueues.condition"

local adapter = { name = "cqueues", has_loop = true }

function adapter.cannot_wait()
  if not cqueues.running() then
    return "under cqueues this works in a coroutine of a controller only: "
      .. "controller:wrap(function() ... end)"
  end
end

local changed = condition.new()

function adapter.wait(fd, timeout)
  local pollable = { pollfd = fd, events = "r" }
  if timeout then
    cqueues.poll(pollable, changed, timeout)
  else
    cqueues.poll(pollable, changed)
  end
end

function adapter.rouse()
  changed:signal()
end

function adapter.here()
  return (cqueues.running())
end

function adapter.is_lost(controller)
  return cqueues.type(controller) ~= "controller"
end

function adapter.start(pump)
  cqueues.running():wrap(pump.run_background)
end

function adapter.spawn(fn, arg, controller)
  controller:wrap(fn, arg)
end

function adapter.park(waiter)
  local opened = condition.new()
  waiter.on_open = function()
    opened:signal()
  end
  while not waiter.open do
    opened:wait()
  end
end

-- cqueues keeps a descriptor registered with the kernel after a wait.
function adapter.forget(fd)
  if fd then
    cqueues.cancel(fd)
  end
end

return adapter
