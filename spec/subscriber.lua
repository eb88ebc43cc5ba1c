-- A subscription for specs: every event recorded, and the waits between its
-- attempts passed in virtual time.

local helper = require "spec.helper"
local loop = require "graphsocket.loop"
local recorder = require "spec.recorder"

local M = {}

local EVENTS = {
  "connect", "disconnect", "connect_error", "notification", "sync", "renew",
  "state", "error",
}

local subscriber, metatable = recorder.class "spec.subscriber"

local open = setmetatable({}, { __mode = "k" })

-- What a test's subscriptions told, as text, so that secrets can be looked for.
local told = {}

local function tell_text(value, depth)
  told[#told + 1] = tostring(value)
  if type(value) == "table" and depth < 3 and getmetatable(value) == nil then
    for _, inner in pairs(value) do tell_text(inner, depth + 1) end
  end
end

-- Subscribes. Its events are in the order in which they came.
---@param client graphsocket.client
---@param opts table|nil of client:subscribe
---@param resource string|nil "/me/drive/root"
---@return table
function M.start(client, opts, resource)
  local self = setmetatable({
    events = {}; -- {name, arguments…}
    sub = client:subscribe(resource or "/me/drive/root", opts);
  }, metatable)
  open[self.sub] = true
  for _, name in ipairs(EVENTS) do
    self.sub:on(name, function(...)
      self:record(name, ...)
      -- Payloads are the server's; a renewed endpoint holds its URL.
      if name == "renew" then return end
      for i = 1, select("#", ...) do tell_text(select(i, ...), 0) end
    end)
  end
  return self
end

-- Subscribes, and waits until it is joined.
---@return table as of start
function M.joined(client, opts, resource)
  local self = M.start(client, opts, resource)
  self:until_joined()
  return self
end

-- The states that it went through, as "fetching connecting joined".
function subscriber:states()
  return table.concat(self:all "state", " ")
end

-- The detail of the last change to a state.
function subscriber:detail(state)
  for i = #self.events, 1, -1 do
    local event = self.events[i]
    if event[1] == "state" and event[2] == state then return event[3] end
  end
end

function subscriber:syncs()
  return table.concat(self:all "sync", " ")
end

-- Lets the time pass until what it waits for is due.
function subscriber:skip()
  helper.advance(math.max(0, self.sub:stats().next_at - loop.time()) + 0.001)
end

function subscriber:until_state(state)
  helper.eventually(function() return self.sub.state == state end,
    ("the subscription is %s, it is %s"):format(state, self.sub.state))
  helper.advance(0) -- the handlers follow
end

-- Waits until it is joined; waits between attempts pass at once.
function subscriber:until_joined()
  helper.eventually(function()
    if self.sub.state == "waiting" then self:skip() end
    return self.sub.state == "joined"
  end, "the subscription is joined")
  helper.advance(0)
end

-- Waits until it has failed so often to get what it wants.
function subscriber:until_attempts(n)
  helper.eventually(function()
    local stats = self.sub:stats()
    if stats.attempts >= n then return true end
    if stats.state == "waiting" then self:skip() end
  end, n .. " attempts were in vain")
  helper.advance(0)
end

-- Waits for one renewal, and until the replaced line has shown life, for which
-- the simulator must ping quickly, and is closed.
function subscriber:renew()
  local before = self.sub:stats().renewals
  self:skip()
  helper.eventually(function()
    return self.sub:stats().renewals == before + 1
  end, "the subscription is renewed")
  helper.advance(require("graphsocket.subscription").LINGER)
  helper.eventually(function() return not self.sub._old_line end,
    "the replaced line is closed")
end

-- Closes, and makes sure that nothing keeps the loop.
function subscriber:close()
  self.sub:close()
  tell_text(self.sub:stats(), 0)
  tell_text(self.sub, 0)
  loop.run()
end

-- Closes what a test that failed left open, as the next one's run() would wait
-- for it, and mends what it left broken.
---@param sim table the simulator
function M.clean_up(sim)
  for sub in pairs(open) do
    sub:close()
    open[sub] = nil
  end
  sim:post "faults/clear"
  for _, host in ipairs { "graph", "socket" } do
    sim:post("hosts/heal", { host = host })
    sim:post("hosts/start", { host = host })
    sim:post("hosts/certificate", { host = host, name = "server" })
  end
  sim:post("settings", {
    ping_interval = 25000, ping_timeout = 20000, lifetime = 1200, clock = 0,
  })
end

-- Everything that was told since the last call.
---@return string
function M.told()
  local text = table.concat(told, "\n")
  told = {}
  return text
end

return M
