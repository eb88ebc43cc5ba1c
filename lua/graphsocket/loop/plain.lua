--- Host adapter for a program without an event loop: blocks in poll().
--
-- The contract of every adapter, a table with
--   name
--   wait(fd, timeout, source)  waits until fd (-1: none) is readable, or for
--       timeout seconds (nil: no limit), or for any other reason; all others
--       of the host run meanwhile. May return "leave": the pump ends, and if it
--       is still wanted `start` is called again. source.alarm(seconds), where
--       there is one, makes fd readable later: for hosts without timers.
-- and, if the host has a loop of its own,
--   has_loop = true
--   cannot_wait() -> nil, or a sentence that says why the caller cannot wait
--       here and what to do about it
-- and, if the host has coroutines which wait in its own way,
--   start(pump)     has a new coroutine of the host call pump.run_background()
--   spawn(fn, arg)  has a new coroutine of the host call fn(arg); called by the
--       pump; fn raises nothing but Ctrl-C
--   park(waiter)    waits in the calling coroutine until waiter.open; the
--       adapter sets waiter.on_open, which is called at that moment, often by
--       the pump, and must not switch coroutines: pump.ready{run = fn} has fn
--       called by the pump, outside of any sink
--   auto            the pump starts with the first held object, without run()
-- or, if the host calls back and has no coroutines,
--   attach(pump)    the adapter was chosen: from now on it calls pump.turn()
--       when pump.source.fd() is readable and when pump.timeout() is over
--   changed()       both have to be looked at again
--   run_until(done) runs the host's loop until done() -> ok; false: it never
--       will
--   forget(fd)      stop using fd, it will be closed
--
-- Ctrl-C: core.poll returns when a signal comes, and Lua's own hook, which the
-- interpreter has set on the main thread, raises at the next instruction.

local core = require "graphsocket.core"

local plain = { name = "plain" }

function plain.wait(fd, timeout)
  core.poll(fd, timeout)
end

return plain
