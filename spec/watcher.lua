-- A watch for specs: every event recorded, and the waits between its rounds
-- passed in virtual time.

local helper = require "spec.helper"
local loop = require "graphsocket.loop"
local recorder = require "spec.recorder"
local watch = require "graphsocket.watch"

local M = {}

local EVENTS = {
  "change", "commit", "sync", "resync", "error", "connect", "disconnect",
  "connect_error", "notification", "state", "renew",
}

-- Those that a test did not close because it failed: they would keep the loop.
local open = {}

local watcher, metatable = recorder.class "spec.watcher"

-- Watches, and records every event. `hooks` are handlers that run before the
-- recording ones, by event.
---@param client graphsocket.client
---@param opts table|nil of client:watch
---@param hooks table|nil
---@param resource string|nil "/me/drive/root"
---@return table
function M.start(client, opts, hooks, resource)
  local self = setmetatable({
    events = {}; -- {name, arguments…}
    watch = assert(client:watch(resource or "/me/drive/root", opts));
  }, metatable)
  open[self] = true
  for _, name in ipairs(EVENTS) do
    if hooks and hooks[name] then self.watch:on(name, hooks[name]) end
    self.watch:on(name, function(...) self:record(name, ...) end)
  end
  return self
end

-- Waits until nothing is looked for any more that the beginning may have hidden.
function watcher:settle()
  local rounds = self.watch:stats().rounds
  helper.advance(watch.SETTLED)
  helper.eventually(function() return self.watch:stats().rounds > rounds end)
  self:until_quiet()
end

-- Watches, and waits until it has joined and has nothing to do, nor will have it
-- if only time passes.
---@return table as of start
function M.quiet(client, opts, hooks, resource)
  local self = M.start(client, opts, hooks, resource)
  self:until_quiet()
  self:settle()
  helper.advance(watch.GAP)
  self:forget()
  return self
end

-- What was delivered, as "name" or "-name" (deleted), in order.
function watcher:changes()
  local names = {}
  for _, item in ipairs(self:all "change") do
    names[#names + 1] = item.deleted and "-" .. item.id or item.name
  end
  return names
end

-- The events' names in order, without those of the connection.
function watcher:story()
  local names = {}
  for _, event in ipairs(self.events) do
    local name = event[1]
    if name == "change" or name == "commit" or name == "sync" or name == "resync"
      or name == "error" then
      names[#names + 1] = name
    end
  end
  return table.concat(names, " ")
end

-- Lets the time pass until the next round is due, if none runs.
function watcher:skip()
  local at = self.watch:stats().next_round_at
  if at then helper.advance(math.max(0, at - loop.time()) + 0.001) end
end

-- Waits until n rounds are durable, and their handlers have run. Waits between
-- rounds pass at once, if `skips`.
function watcher:until_rounds(n, skips)
  helper.eventually(function()
    if self.watch:stats().rounds >= n and self.watch:stats().phase ~= "round" then
      return true
    end
    if skips then self:skip() end
  end, n .. " rounds are over")
end

local function is_quiet(self)
  local stats = self.watch:stats()
  if stats.state == "waiting" and stats.next_at > loop.time() then
    helper.advance(stats.next_at - loop.time())
  end
  if stats.pending and stats.phase ~= "round" then self:skip() end
  return stats.state == "joined" and stats.phase == "idle" and not stats.pending
end

-- Waits until it is joined, has looked after that, and has nothing to do.
function watcher:until_quiet()
  helper.eventually(function()
    if not is_quiet(self) then return false end
    -- What was told of the connection may still be on its way.
    helper.advance(0)
    return is_quiet(self)
  end, "the watch is quiet")
end

-- Waits until so many changes were delivered; waits between rounds pass at once.
function watcher:until_changes(n)
  helper.eventually(function()
    if self:count "change" >= n then return true end
    self:skip()
  end, n .. " changes are delivered")
end

-- The second argument of the n-th change.
function watcher:context(n)
  for _, event in ipairs(self.events) do
    if event[1] == "change" then
      n = n - 1
      if n == 0 then return event[3] end
    end
  end
end

-- Closes, and makes sure that nothing keeps the loop.
function watcher:close()
  open[self] = nil
  self.watch:close()
  loop.run()
end

-- For after_each.
function M.close_all()
  for self in pairs(open) do self.watch:close() end
  open = {}
end

return M
