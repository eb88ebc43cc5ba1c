--- Host adapter for luv (libuv), also inside Neovim: libuv calls us.
--
-- One uv_poll watches the wake fd, one uv_timer stands for the next deadline
-- and for what is ready. They keep uv.run() from returning only while somebody
-- waits for something that can still come; so uv.run() returns when our last
-- socket is closed and the program has no handle left.
--
-- uv.run() is not reentrant: in a callback of libuv nobody can wait, unless in
-- a coroutine, which then yields to whoever resumed it and is resumed by us.
-- Neovim runs the loop itself, by means that luv does not see; there the main
-- chunk waits in vim.wait(), which lets Neovim do its own work meanwhile.

local homes = require "graphsocket.loop.homes"

local vim = rawget(_G, "vim")
local uv = vim and (vim.uv or vim.loop) or require "luv"

local adapter = { name = "luv", has_loop = true }

local LONGEST = 1e9 -- seconds; libuv counts milliseconds in an integer

local pump
local poll, watched -- the uv_poll and its descriptor
local timer
local until_done -- what the run_until() under way waits for

local in_callback = vim and vim.in_fast_event or uv.loop_mode

function adapter.cannot_wait()
  local co, is_main = coroutine.running()
  if (not co or is_main) and in_callback() then
    return "a callback of libuv cannot wait, a coroutine can: "
      .. "coroutine.wrap(function() ... end)()"
  end
end

local arm

local function turn()
  pump.turn()
  arm()
end

local function close_poll()
  if poll then
    poll:stop()
    poll:close()
    poll, watched = nil, nil
  end
end

local function watch(paused, wanted)
  local fd = pump.source and pump.source.fd()
  if fd ~= watched then
    close_poll()
    if fd then
      poll, watched = uv.new_poll(fd), fd
    end
  end
  if not poll then
    return
  end
  if paused then
    poll:stop()
    return
  end
  poll:start("r", turn)
  if wanted then
    poll:ref()
  else
    poll:unref()
  end
end

local function set_timer(timeout, wanted)
  if not timeout then
    if timer then
      timer:stop()
    end
    return
  end
  timer = timer or uv.new_timer()
  -- libuv counts from the time at which its last iteration began.
  uv.update_time()
  timer:start(math.ceil(math.min(timeout, LONGEST) * 1000), 0, turn)
  if wanted then
    timer:ref()
  else
    timer:unref()
  end
end

function arm()
  -- After stop() the sockets rest; whoever waits, or is ready, does not.
  local timeout = pump.timeout()
  local paused = pump.paused and not homes.have_waiters()
  if paused and timeout ~= 0 then
    timeout = nil
  end
  local wanted = (timeout == 0 or not paused) and pump.is_alive()
    and pump.can_happen()
  watch(paused, wanted)
  set_timer(timeout, wanted)
  if until_done and until_done() then
    uv.stop()
  end
end

function adapter.attach(new_pump)
  pump = new_pump
  arm()
end

adapter.changed = function()
  arm()
end

-- Returns false if nothing is left that could end the wait.
local function run_luv(done)
  until_done = done
  local ok, alive = pcall(uv.run)
  until_done = nil
  if not ok then
    error(alive, 0)
  end
  return alive or pump.can_happen()
end

-- Longest that vim.wait() takes; and how often it looks without any event, as a
-- function that a timer has scheduled may have to wait for that (Neovim 0.7).
local WAIT_MS, LOOK_MS = 2 ^ 31 - 1, 200

local function run_neovim(done)
  local _, why = vim.wait(WAIT_MS, done, LOOK_MS)
  if why == -2 then
    error("interrupted!", 0) -- Ctrl-C, see guard.lua
  end
  return true
end

-- uv.stop() ends run(), as stop() does; a wait of the main chunk goes on.
function adapter.run_until(done)
  arm()
  while not done() do
    local possible = (vim and run_neovim or run_luv)(done)
    if not done() and (done == pump.is_finished or not possible) then
      return false
    end
  end
  return true
end

-- luv 1.44 crashes at the end of a program that has closed a handle and not run
-- the loop since.
function adapter.forget()
  close_poll()
  if timer then
    timer:stop()
  end
  if not (vim or in_callback()) then
    uv.run("nowait")
  end
end

return adapter
