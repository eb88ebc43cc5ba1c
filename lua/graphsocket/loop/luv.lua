--- Host adapter for luv (libuv), also inside Neovim: libuv calls us.
--
-- One uv_poll watches the wake fd, one uv_timer stands for the next deadline
-- and for what is ready. They keep uv.run() from returning only while somebody
-- waits for something that can still come; so uv.run() returns when our last
-- socket is closed and the program has no handle left.
--
-- uv.run() is not reentrant: in a callback of libuv nobody can wait, unless in
-- a coroutine, which then yields to whoever resumed it and is resumed by us.

local vim = rawget(_G, "vim")
local uv = vim and (vim.uv or vim.loop) or require "luv"

local adapter = { name = "luv", has_loop = true }

local pump
local poll, watched -- the uv_poll and its descriptor
local timer

function adapter.cannot_wait()
  local co, is_main = coroutine.running()
  if (not co or is_main) and uv.loop_mode() then
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
  timer:start(math.ceil(timeout * 1000), 0, turn)
  if wanted then
    timer:ref()
  else
    timer:unref()
  end
end

function arm()
  -- After stop() the sockets rest; whoever waits, or is ready, does not.
  local timeout = pump.timeout()
  local paused = pump.paused and not next(pump.parked)
  if paused and timeout ~= 0 then
    timeout = nil
  end
  local wanted = (timeout == 0 or not paused) and pump.is_alive()
    and pump.can_happen()
  watch(paused, wanted)
  set_timer(timeout, wanted)
end

function adapter.attach(new_pump)
  pump = new_pump
  arm()
end

adapter.changed = function()
  arm()
end

function adapter.run_until(done)
  arm()
  while not done() do
    if not uv.run("once") and not done() and not pump.can_happen() then
      return false
    end
  end
  return true
end

function adapter.forget()
  close_poll()
end

return adapter
