-- A session of a subscription or a watch with the Graph simulator, through
-- networks that fail on the way to Graph and to the notifications. What must
-- hold:
--   - it is joined again as soon as the network allows it, and says so;
--   - a watch ends with the very items that the drive has: nothing was lost;
--   - each change is told to a subscription by a notification, or by a "sync"
--     that says that one may have been missed;
--   - it makes no connection without a reason that it told.

local loop = require "graphsocket.loop"
local plan = require "spec.faults.plan"

local changes = {}

-- Bytes of an answer of Graph, and of a joined socket, with TLS.
local BYTES = 5000

local OPTIONS = {
  reconnection_delay = 0.02, reconnection_delay_max = 0.2, timeout = 4, lead = 8,
}

-- The drive, and its client, behind wires.
local function connect(self)
  local world, random = self.world, self.random
  local sim = world.sim
  local opts = { timeout = 4 }
  if random:chance(0.1) then
    self.socket_wire = self:wire(world.proxy_port, (plan.make(random, BYTES, random:int(1, 4))))
    self.socket_wire.is_proxy = true
    opts.proxy = ("http://127.0.0.1:%d"):format(self.socket_wire.port)
    self.drive = sim:drive()
  else
    self.socket_wire = self:wire(world.socket_port, (plan.make(random, BYTES, random:int(1, 3))))
    local graph = self:wire(world.graph_port, (plan.make(random, BYTES, random:int(0, 2))))
    opts.base_url = ("https://localhost:%d/v1.0"):format(graph.port)
    self.drive = sim:drive { socket_port = self.socket_wire.port }
  end
  return sim:client(opts)
end

-- Follows what the subscription or watch tells.
local function follow(self, emitter)
  self.told, self.endings = 0, 0
  self:follow(emitter, { "connect", "disconnect", "connect_error", "error", "state" })
  for _, event in ipairs { "disconnect", "connect_error" } do
    emitter:on(event, function() self.endings = self.endings + 1 end)
  end
  emitter:on("state", function(name)
    if name == "renewing" then self.endings = self.endings + 1 end
  end)
  for _, event in ipairs { "notification", "sync" } do
    emitter:on(event, function() self.told = self.told + 1 end)
  end
  self:finally(function() emitter:close() end)
end

-- Creates, changes or deletes an item. Returns what to await for the change.
local function change(self)
  local random, drive, items = self.random, self.drive, self.items
  self.count = self.count + 1
  local name = "item " .. self.count
  local known = self.ids[random:int(1, math.max(1, #self.ids))]
  if known and items[known] and random:chance(0.3) then
    items[known] = name
    drive:update(known, { name = name })
  elseif known and items[known] and random:chance(0.2) then
    items[known] = nil
    drive:delete(known)
  else
    local id = drive:create({ name = name })[1]
    table.insert(self.ids, id)
    items[id] = name
  end
end

-- Changes items until the network is faultless, and some more; each with |after|.
local function change_all(self, after_each)
  local random = self.random
  local more = random:int(1, 3)
  while more > 0 do
    if self.socket_wire:is_clean() then more = more - 1 end
    self:check(not self:is_late(), "waited in vain until the plan is used up")
    after_each(change, self)
    loop.sleep(random:int(10, 120) / 1000)
  end
end

local function prepare(self)
  self.count, self.ids, self.items = 0, {}, {}
  return connect(self)
end

-- Every connection beyond the first faultless one has its reason: an ending that
-- was told, or a renewal. Through a proxy go requests too.
local function check_connections(self)
  if self.socket_wire.is_proxy then return end
  self.socket_wire:check_clean(1 + self.endings + self.excuses)
end

function changes.subscribe(self)
  local sub = prepare(self):subscribe(self.drive.resource, OPTIONS)
  follow(self, sub)
  change_all(self, function(run)
    local before = self.told
    run(self)
    self:await(function() return self.told > before end,
      "the change is told, or a gap; state " .. tostring(sub.state))
  end)
  self:await(function() return sub.connected end, "the subscription is joined again")
  check_connections(self)
end

-- Whether the items that were told of are those that there are.
local function difference(self, seen)
  for id, name in pairs(self.items) do
    if seen[id] ~= name then
      return ("%s is told as %q; it is %q"):format(id, tostring(seen[id]), name)
    end
  end
  for id, name in pairs(seen) do
    if not self.items[id] then return ("%s (%q) is not told as deleted"):format(id, name) end
  end
end

function changes.watch(self)
  local client = prepare(self)
  local opts = { from = "beginning" }
  for name, value in pairs(OPTIONS) do opts[name] = value end
  local watch = assert(client:watch(self.drive.resource, opts))
  local seen = {}
  watch:on("change", function(item)
    if item.root then return end
    seen[item.id] = not item.deleted and item.name or nil
  end)
  follow(self, watch)
  change_all(self, function(run) run(self) end)
  self:await(function() return watch.connected end, "the watch is joined again")
  self:await(function() return not difference(self, seen) end, function()
    return "every change is told: " .. difference(self, seen)
  end)
  check_connections(self)
end

return changes
