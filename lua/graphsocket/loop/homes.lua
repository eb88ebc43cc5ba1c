--- Where tasks, waiters and pumps live.
--
-- A home is a part of the host whose coroutines run without those of other
-- parts: a controller of cqueues. Most hosts have one home only. Since nobody
-- knows whether another home will ever run again, each in which somebody waits
-- has a pump of its own; whichever wakes first does the work of all.
-- A home can be lost (a controller is closed), and with it its coroutines, which
-- never say so; here they are forgotten. Homes are referenced weakly.

local homes = {
  host = nil, -- the adapter: here() -> home and is_lost(home), where it has them
}

local function weak()
  return setmetatable({}, { __mode = "k" })
end

local ONLY = "host" -- the home in a host that has one

local tasks = weak() -- home -> number of tasks that began and have not ended
-- Waiters that are neither tasks nor pumps themselves -> home. Weak, since a
-- coroutine that its host forgets never says so.
local parked = weak()
local pumped = weak() -- homes that have a pump

--- The home of the running coroutine.
---@return any home
function homes.here()
  local host = homes.host
  return host and host.here and host.here() or ONLY
end

local function is_lost(home)
  local host = homes.host
  return host.is_lost ~= nil and host.is_lost(home)
end

--- Whether the home and its coroutines are gone.
---@param home any
---@return boolean
homes.is_lost = is_lost

local function forget_lost()
  for _, list in ipairs { tasks, pumped } do
    for home in pairs(list) do
      if is_lost(home) then
        list[home] = nil
      end
    end
  end
  for waiter, home in pairs(parked) do
    if is_lost(home) then
      parked[waiter] = nil
    end
  end
end

--- A task begins.
---@param home any|nil where, if it is not lost; nil: here
---@return any home
function homes.enter(home)
  if not home or is_lost(home) then
    home = homes.here()
  end
  tasks[home] = (tasks[home] or 0) + 1
  return home
end

--- A task of that home has ended.
---@param home any
function homes.leave(home)
  local count = (tasks[home] or 1) - 1
  tasks[home] = count > 0 and count or nil
end

--- Somebody waits here.
---@param waiter table
function homes.park(waiter)
  parked[waiter] = homes.here()
end

--- He waits no longer.
---@param waiter table
---@return boolean parked false: he never was
function homes.unpark(waiter)
  local was_parked = parked[waiter] ~= nil
  parked[waiter] = nil
  return was_parked
end

--- Those who wait and are no tasks.
---@return fun(): table|nil
function homes.waiters()
  return pairs(parked)
end

--- Whether there are any.
---@return boolean
function homes.have_waiters()
  return next(parked) ~= nil
end

--- Whether there are tasks, or somebody waits, anywhere.
---@return boolean
function homes.are_busy()
  if homes.host and homes.host.is_lost then
    forget_lost()
  end
  return next(tasks) ~= nil or next(parked) ~= nil
end

--- Whether there are tasks here, or somebody waits here.
---@return boolean
function homes.is_busy_here()
  local here = homes.here()
  if tasks[here] then
    return true
  end
  for _, home in pairs(parked) do
    if home == here then
      return true
    end
  end
  return false
end

--- Notes that a pump runs here.
---@return boolean first false: one does already
function homes.begin_pump()
  local here = homes.here()
  local first = not pumped[here]
  pumped[here] = true
  return first
end

--- The pump here has ended.
function homes.end_pump()
  pumped[homes.here()] = nil
end

--- Whether a coroutine of the host runs a pump, anywhere.
---@return boolean
function homes.have_pump()
  return next(pumped) ~= nil
end

return homes
