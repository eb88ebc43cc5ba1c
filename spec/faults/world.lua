-- The servers of a campaign: the reference servers, the Graph simulator, a proxy
-- and the wires, all with short heartbeats; and the times of the library, which
-- are made short as well.

local engine = require "graphsocket.engine"
local helper = require "spec.helper"
local reference = require "spec.interop.reference"
local request = require "graphsocket.request"
local simulator = require "spec.simulator"
local subscription = require "graphsocket.subscription"
local watch = require "graphsocket.watch"

local world = {}

local HEARTBEAT = { pingInterval = 300, pingTimeout = 4000 }

-- By how much the waits between requests to Graph are shorter.
local HASTE = 50

local SHORT = {
  { watch, "GAP", 0.02 }, { watch, "LAG", { 0.1, 0.2, 0.4 } },
  { subscription, "LASTED", 0.5 }, { subscription, "LINGER", 0.2 },
}

local function shorten(self)
  for i, given in ipairs(SHORT) do
    local owner, name, value = given[1], given[2], given[3]
    self._long[i], owner[name] = owner[name], value
  end
  local backoff = request.backoff
  self._backoff = backoff
  request.backoff = function(n) return backoff(n) / HASTE end
end

local function port_of(url)
  return tonumber(url:match ":(%d+)")
end

local World = {}
local metatable = { __index = World }

---@return table world servers, peers, sim, struck (kind of fault -> count) …
function world.start()
  local sim = simulator.start("--ping-interval", "300", "--ping-timeout", "4000", "--lifetime", "10")
  local self = setmetatable({
    graph_port = port_of(sim.graph);
    proxy_port = nil;
    servers = {};
    sim = sim;
    socket_port = port_of(sim.socket);
    struck = {};
    _long = {};
    _reference = reference.start();
  }, metatable)
  self.servers.ca = self._reference.ca
  for name, given in pairs {
    v4 = { version = 4 }, v4_tls = { version = 4, tls = true }, v2 = { version = 2 },
  } do
    given.options = HEARTBEAT
    self.servers[name] = self._reference:launch(given)
  end
  self.proxy_port = self._reference:peers("proxies/launch", { tls = false }).port
  self.peers = self._reference._peers.info.control
  shorten(self)
  return self
end

-- Waits until no server holds a connection.
function World:until_deserted()
  for name, server in pairs(self.servers) do
    if name ~= "ca" then
      self._reference:post("servers/wait", {
        id = server.id, ["for"] = { connections = 0 }, timeout = 1000 * helper.TEST_TIMEOUT,
      })
    end
  end
  self.sim:post("wait", {
    ["for"] = { sockets = 0, connections = 0 }, timeout = 1000 * helper.TEST_TIMEOUT,
  })
end

function World:stop()
  for i, given in ipairs(SHORT) do given[1][given[2]] = self._long[i] end
  request.backoff = self._backoff
  self._reference:stop()
  self.sim:stop()
  engine.stop()
end

return world
