-- Sessions whose connection is cut behind a certain byte: for every byte of a
-- session, in both directions, by an end and by a reset. The same must hold as in
-- emits.lua, and the second connection must do.

local campaign = require "spec.faults.campaign"
local emits = require "spec.faults.emits"
local loop = require "graphsocket.loop"
local socketio = require "graphsocket.socketio"

local cuts = {}

-- One session: joins, emits, is cut somewhere, joins, emits.
local function run(self)
  local cut, server = self.cut, self.world.servers[self.server]
  self.plan = { { name = "cut", cut = cut } }
  self.traits = { duplicates = false, reorders = false }
  self.key = ("cut %s %s %s %s %d"):format(self.server, cut.lane, tostring(cut.rst),
    tostring(self.retries), self.number)
  local wire = self:wire(server.port, self.plan)
  local socket = socketio.connect(("http%s://localhost:%d"):format(server.tls and "s" or "",
    wire.port), {
    ca_file = self.world.servers.ca, force_new = true, reconnection_delay = 0.01, timeout = 10,
    retries = self.retries,
  })
  self:finally(function() socket:close() end)
  emits.follow(self, socket)
  self:await(function() return socket.connected end, "the socket is joined")
  for n = 1, 3 do emits.promise(self, socket, n) end
  self:await(function() return emits.is_answered(self) end, "the events are answered")
  self:await(function() return socket.connected end, "the socket is joined again")
  emits.promise(self, socket, 4)
  emits.conclude(self, socket)
  self.was_cut = wire:counters()["struck.cut"] ~= nil
  wire:check_clean(1 + self.excuses)
end

-- Cuts behind every |step|th byte of one kind of session, until it is too short.
local function sweep(world, fields, step, on_done)
  local n = 0
  while true do
    local reached
    fields.cut.after = n
    local failure = campaign.session(world, function(self)
      run(self)
      reached = self.was_cut
    end, n, 1, fields)
    on_done(failure)
    if failure or not reached then return n end
    n = n + step
  end
end

-- All kinds at once.
---@param world table
---@param given table list of { server, step }
---@return table failures
---@return table counts sessions; bytes up and down, by server
function cuts.run(world, given)
  local failures, counts, workers = {}, { sessions = 0, bytes = {} }, {}
  local function on_done(failure)
    counts.sessions = counts.sessions + 1
    if failure then table.insert(failures, failure) end
  end
  for _, each in ipairs(given) do
    for _, lane in ipairs { "up", "down" } do
      for _, rst in ipairs { false, true } do
        for _, retries in ipairs { false, 3 } do
          table.insert(workers, loop.spawn(function()
            local reached = sweep(world, {
              cut = { lane = lane, rst = rst }, retries = retries or nil, server = each.server,
            }, each.step, on_done)
            counts.bytes[each.server .. " " .. lane] = reached
          end))
        end
      end
    end
  end
  for _, worker in ipairs(workers) do worker:await() end
  return failures, counts
end

return cuts
