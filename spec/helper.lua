-- What the specs share: waiting for a condition, counted callbacks, virtual
-- time, captured stderr, child processes (spec/process.lua), and the checks
-- that every spec is under: each expected callback came exactly as often as
-- announced, and a file leaves no fd, thread or process behind.
--
-- busted loads this file once, before the specs, so that the C core below is
-- one for all of them and every engine made of it is known here.

local busted = require "busted"
local core = require "graphsocket.core"
local lfs = require "lfs"
local process = require "spec.process"

local M = {
  spawn = process.spawn;
  service = process.service;
  lua = process.lua;
  run = process.run;
  interpreter = process.interpreter;
  scratch = process.scratch;
  read = process.read;
  write = process.write;
}

-- Seconds after which something that should happen has failed to. Generous,
-- since nothing waits that long unless it is broken: an example that takes two
-- seconds took more than ten where 30 processes wanted two processors.
-- Sanitizers are slow.
M.TEST_TIMEOUT = (tonumber(os.getenv "SPEC_TIMEOUT") or 30) *
  (tonumber(os.getenv "SPEC_SLOWNESS") or 1)

-- "make gc-torture": a full collection after every few bytes.
if os.getenv "SPEC_GC" == "torture" then
  collectgarbage("setpause", 0)
  collectgarbage("setstepmul", 10000)
end

-- "make late": milliseconds that the machine is busy with something else, at most,
-- before this process goes on.
local LATE = tonumber(os.getenv "LATE") or 0

-- The machine's clocks, which freeze() hides from the library.
local machine_now, machine_time = core.now, core.time

-- ---- Waiting ---------------------------------------------------------------

-- The I/O thread and the servers go on meanwhile, Lua does not: what they bring is
-- found in one piece afterwards. Once in a while a machine stalls for longer.
local function be_late()
  if LATE == 0 or core.random() < 0.5 then return end
  local stalls = core.random() < 0.005
  core.poll(-1, core.random() * LATE / 1000 * (stalls and 40 or 1))
end

-- Lets the library work for a moment, in whichever way suits the caller.
local function pump()
  be_late()
  local loop = package.loaded["graphsocket.loop"]
  local running, is_main = coroutine.running()
  if not loop then
    core.poll(-1, 0.002)
  elseif running and not is_main then
    loop.sleep(0.002)
  else
    loop.step(0.002)
  end
end

-- Waits until condition() is true, while the loop runs.
---@param condition fun(): any
---@param what string|nil what is waited for, for the error
---@return any value what condition returned
function M.eventually(condition, what)
  local deadline = machine_now() + M.TEST_TIMEOUT
  while true do
    local value = condition()
    if value then
      be_late()
      return value
    end
    if machine_now() > deadline then
      error(("waited %g s in vain until %s"):format(M.TEST_TIMEOUT,
        what or "the condition holds"), 2)
    end
    pump()
  end
end
process.eventually = M.eventually

-- Waits, with the loop at rest, until value() has changed n times by the work of
-- the I/O thread alone; fails if the loop is woken meanwhile. An event that was
-- under way is over with the first change, before that.
---@param n integer
---@param value fun(): any
function M.asleep(n, value)
  local loop, first = require "graphsocket.loop", value()
  M.eventually(function() return value() ~= first end, "the I/O thread works")
  while loop.step(0) > 0 do end
  local deadline, last = core.now() + M.TEST_TIMEOUT, value()
  while n > 0 do
    if core.poll(loop.fd(), 0.005) then error("the loop is woken", 2) end
    if core.now() > deadline then error("the I/O thread has not worked", 2) end
    local now = value()
    if now ~= last then n, last = n - 1, now end
  end
end

-- ---- Expected callbacks ----------------------------------------------------

local expectations = {}

-- Wraps a callback that must be called exactly n times before its test ends;
-- a collection follows each call, as luv's tests do, to find objects that
-- only luck keeps alive.
---@param fn function|nil
---@param n integer|nil 1 by default; 0: never
---@return function callback
function M.expect(fn, n)
  local expected = { count = 0, n = n or 1, where = debug.traceback("", 2) }
  expectations[#expectations + 1] = expected
  local function pass_on(...)
    collectgarbage()
    return ...
  end
  return function(...)
    expected.count = expected.count + 1
    if expected.count > expected.n then
      error(("called %d times, expected %d"):format(expected.count, expected.n), 2)
    end
    if not fn then return pass_on() end
    return pass_on(fn(...))
  end
end

busted.after_each(function()
  local pending = expectations
  expectations = {}
  for _, expected in ipairs(pending) do
    if expected.count < expected.n then
      pcall(M.eventually, function() return expected.count >= expected.n end)
    end
    if expected.count ~= expected.n then
      error(("a callback was called %d times, expected %d%s"):format(
        expected.count, expected.n, expected.where))
    end
  end
end)

-- ---- Virtual time ----------------------------------------------------------

-- Moves the library's clock forward and runs what becomes due.
---@param s number seconds
function M.advance(s)
  local loop = require "graphsocket.loop"
  be_late()
  loop.skew(s)
  for _ = 1, 1000 do
    if loop.step(0) == 0 then return end
  end
  error("the loop finds no rest", 2)
end

-- Stops the library's clocks until thaw(): only advance() moves them then, and
-- nothing is due because the machine was slow. They stop at a whole second, so
-- that seconds are added and taken away without an error of rounding. Not beside
-- a real server, since no wait of a real run() would end.
function M.freeze()
  if core.now ~= machine_now then return end
  local now, time = math.ceil(machine_now()) + 0.0, math.ceil(machine_time()) + 0.0
  core.now = function() return now end
  core.time = function() return time end
end

function M.thaw()
  core.now, core.time = machine_now, machine_time
end

-- The same for each test of a file, or of a describe().
function M.in_frozen_time()
  busted.before_each(M.freeze)
  busted.after_each(M.thaw)
end

-- ---- stderr ----------------------------------------------------------------

-- Calls fn with io.stderr replaced. What C code writes is not seen: for that,
-- run a script with helper.lua.
---@param fn function
---@return string written
function M.capture_stderr(fn)
  local stderr, written = io.stderr, {}
  io.stderr = {   -- luacheck: ignore
    write = function(self, ...)
      for i = 1, select("#", ...) do written[#written + 1] = tostring((select(i, ...))) end
      return self
    end;
    flush = function() return true end;
  }
  local ok, err = pcall(fn)
  io.stderr = stderr   -- luacheck: ignore
  if not ok then error(err, 0) end
  return table.concat(written)
end

-- ---- Nothing is left behind ------------------------------------------------

local engines = setmetatable({}, { __mode = "k" })
local start_engine = core.engine
core.engine = function(...)
  local engine, err = start_engine(...)
  if engine then engines[engine] = true end
  return engine, err
end

-- What this process holds, as the kernel sees it.
---@return table resources fds (map of number to target), threads (count), memory (bytes resident)
function M.resources()
  local fds, threads = {}, 0
  for name in lfs.dir "/proc/self/fd" do
    local target = lfs.symlinkattributes("/proc/self/fd/" .. name, "target")
    -- The folder that is just being listed is no news.
    if target and not target:find "^/proc/%d+/fd$" then fds[name] = target end
  end
  for name in lfs.dir "/proc/self/task" do
    if name:find "%d" then threads = threads + 1 end
  end
  local status = process.read "/proc/self/status"
  return {
    fds = fds;
    threads = threads;
    memory = 1024 * tonumber(status:match "VmRSS:%s*(%d+)");
  }
end

-- How many sockets this process holds.
---@return integer
function M.sockets()
  local count = 0
  for _, target in pairs(M.resources().fds) do
    if target:find "^socket:" then count = count + 1 end
  end
  return count
end

-- Starts what the libraries start once and keep so that it does not count as left
-- behind by the first spec.
local function warm_up()
  local engine = assert(core.engine())
  local threads = M.resources().threads -- that of TSan, which stays, among them
  engine:request { url = "http://localhost:1/", host = "localhost", port = 1 }
  M.eventually(function()
    core.poll(engine:fd(), 0.01)
    return engine:next() == core.RESPONSE
  end, "a first request is answered")
  engine:stop()
  M.eventually(function() return M.resources().threads < threads end,
    "the engine's thread and the one that looked the name up have ended")
  -- The pipe of signals stays as well.
  assert(core.signal("WINCH", "catch"))
  assert(core.signal("WINCH", "default"))
end

local function stop_engines()
  for engine in pairs(engines) do
    engines[engine] = nil
    engine:stop()
  end
end

local function left_behind(before)
  local now, left = M.resources(), {}
  for name, target in pairs(now.fds) do
    if not before.fds[name] then left[#left + 1] = ("fd %s (%s)"):format(name, target) end
  end
  if now.threads > before.threads then
    left[#left + 1] = ("%d threads"):format(now.threads - before.threads)
  end
  return left
end

local before
local on_linux = lfs.attributes("/proc/self/fd", "mode") == "directory"

busted.subscribe({ "file", "start" }, function()
  if on_linux then
    if not before then warm_up() end
    before = M.resources()
  end
  return nil, true
end)

busted.subscribe({ "file", "end" }, function(file)
  stop_engines()
  local left = process.reap()
  if before then
    pcall(M.eventually, function()
      collectgarbage()
      return #left_behind(before) == 0
    end)
    for _, what in ipairs(left_behind(before)) do left[#left + 1] = what end
  end
  if #left > 0 then
    busted.publish({ "failure", "file" }, file, busted.parent(file),
      "left behind: " .. table.concat(left, ", "), {})
  end
  return nil, true
end)

busted.subscribe({ "exit" }, function()
  process.remove_scratch()
  return nil, true
end)

return M
