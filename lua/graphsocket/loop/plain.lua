--- Host adapter for a program without an event loop: blocks in poll().
--
-- The contract of every adapter, a table with
--   name
--   wait(fd, timeout, source)  waits until fd (-1: none) is readable, or for
--       timeout seconds (nil: no limit), or for any other reason; all others
--       of the host run meanwhile. May return "leave": the pump ends, and if it
--       is still wanted `start` is called again. source.alarm(seconds), where
--       there is one, makes fd readable later: for hosts without timers.
--   can_happen() -> whether something beside the source may bring work
--       (optional)
-- and, if the host has a loop of its own,
--   has_loop = true
--   cannot_wait() -> nil, or a sentence that says why the caller cannot wait
--       here and what to do about it
--   cannot_start() -> nil, or a sentence that says why the I/O thread must not
--       start now, and whether that is the program's mistake (optional)
--   ending() -> nil, or a sentence: the process is about to end (optional)
-- and, if the host has coroutines which wait in its own way,
--   start(pump)     has a new coroutine of the host call pump.run_background()
--   spawn(fn, arg, home)  has a new coroutine of the host call fn(arg); called
--       by the pump; fn raises nothing but Ctrl-C
--   here() -> home of the running coroutine, and is_lost(home), in a host whose
--       coroutines live in several homes (homes.lua), and rouse(), which ends
--       the waits under way in all of them
--   park(waiter)    waits in the calling coroutine until waiter.open; the
--       adapter sets waiter.on_open, which is called at that moment, often by
--       the pump, and must not switch coroutines: pump.ready{run = fn} has fn
--       called by the pump, outside of any sink
--   auto            the pump starts with the first held object or task, without
--       run()
--   stopwatch       now() and check(began, subject), called before and after
--       each function of a queue (optional)
-- or, if the host calls back and has no coroutines,
--   attach(pump)    the adapter was chosen: from now on it calls pump.turn()
--       when pump.source.fd() is readable and when pump.timeout() is over
--   changed()       both have to be looked at again
--   run_until(done) runs the host's loop until done() -> ok; false: it never
--       will
--   forget(fd)      stop using fd, it will be closed
--
-- Other descriptors: a program of its own (the command line is one) has its
-- standard input, its signals and its children to wait for beside the source;
-- plain.watch adds them to the one wait. Hosts with a loop have their own ways.
--
-- Ctrl-C: core.poll returns when a signal comes, and Lua's own hook, which the
-- interpreter has set on the main thread, raises at the next instruction.

local core = require "graphsocket.core"
local guard = require "graphsocket.loop.guard"

local plain = { name = "plain" }

local watched = {} -- fd -> function, called while it is readable
local closing = {} -- fd -> function, called when its other end is gone

local function keys(first, from)
  local list = { first }
  for fd in pairs(from) do list[#list + 1] = fd end
  return list
end

function plain.wait(fd, timeout)
  if not next(watched) and not next(closing) then
    core.poll(fd, timeout)
    return
  end
  local ready = core.poll_any(keys(fd >= 0 and fd or nil, watched),
    keys(nil, closing), timeout)
  for _, found in ipairs(ready) do
    local fn = watched[found] or closing[found]
    if fn then guard.call(fn) end
  end
end

--- Has fn() called, in the middle of a wait, whenever the descriptor is
--- readable: it takes what is there, and must not wait. As long as one is
--- watched, run() does not return while a task waits.
---@param fd number
---@param fn function|nil nil: no longer
function plain.watch(fd, fn)
  watched[fd] = fn
end

--- Has fn() called when the other end of the descriptor, which we write to, is
--- gone. It must not wait, and has to take the watch back.
---@param fd number
---@param fn function|nil nil: no longer
function plain.watch_end(fd, fn)
  closing[fd] = fn
end

--- Whether a descriptor can still bring work.
---@return boolean
function plain.can_happen()
  return next(watched) ~= nil
end

return plain
