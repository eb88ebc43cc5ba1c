--- Host adapter for cqueues: tasks and the pump are coroutines of the
--- controller in which run() was called, or of the one that waited first.
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

function adapter.wait(fd, timeout)
  local pollable = { pollfd = fd, events = "r" }
  if timeout then
    cqueues.poll(pollable, timeout)
  else
    cqueues.poll(pollable)
  end
end

function adapter.start(pump)
  cqueues.running():wrap(pump.run_background)
end

function adapter.spawn(fn, arg)
  cqueues.running():wrap(fn, arg)
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
  cqueues.cancel(fd)
end

return adapter
