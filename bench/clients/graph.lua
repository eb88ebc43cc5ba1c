-- graphsocket against the Graph simulator, over TLS. See bench/README.md for
-- the modes.
--
--   lua5.4 bench/clients/graph.lua renewal|enumeration READY COUNT
--
-- READY is the simulator's ready line.

local core = require "graphsocket.core"
local engine = require "graphsocket.engine"
local graphsocket = require "graphsocket"
local json = require "graphsocket.json"
local measure = require "bench.clients.measure"

local memory, report = measure.memory, measure.report
local mode, ready, count = arg[1], json.decode(arg[2]), tonumber(arg[3])
local client = graphsocket.new {
  base_url = ready.graph, token = ready.token, ca_file = ready.ca,
}

local function control(path, fields)
  local answer = assert(engine.request {
    url = ready.control .. path, method = "POST", body = json.encode(fields),
    headers = "Content-Type: application/json\r\n",
  })
  return json.decode(answer.body)
end

-- Bytes that have passed between us and the simulator, those of TLS included.
local function traffic()
  local sum = 0
  for _, host in ipairs { "graph", "socket" } do
    local passed = control("/hosts/traffic", { host = host })
    sum = sum + passed.up + passed.down
  end
  return sum
end

local modes = {}

-- |count| subscriptions: the cost of one of as many renewals as there are
-- subscriptions, heartbeats and all.
function modes.renewal()
  local joined, renewed = 0, 0
  local cpu, bytes, since
  local function on_renew()
    if not cpu then return end
    renewed = renewed + 1
    if renewed < count then return end
    local cpu_us, wall = (os.clock() - cpu) * 1e6, core.now() - since
    graphsocket.spawn(function()
      report {
        cpu_us = cpu_us / count, bytes = (traffic() - bytes) / count,
        a_second = count / wall, rss_mb = memory "VmRSS" / 1024,
      }
    end)
  end
  local function begin()
    bytes = traffic()
    cpu, since = os.clock(), core.now()
  end
  for _ = 1, count do
    local subscription = client:subscribe("/me/drive/root", { lead = 10 })
    subscription:on("renew", on_renew)
    subscription:once("connect", function()
      joined = joined + 1
      if joined == count then graphsocket.spawn(begin) end
    end)
  end
end

-- |count| items that were there before: the cost of one, and what the last nine
-- tenths of them add to the memory.
function modes.enumeration()
  control("/items/generate", { count = count })
  local watch = assert(client:watch("/me/drive/root", { from = "beginning" }))
  local received, cpu, early = 0, nil, nil
  watch:on("change", function()
    received = received + 1
    if received == 1 then cpu = os.clock() end
    if received == math.floor(count / 10) then early = memory "VmRSS" end
  end)
  watch:on("sync", function()
    report {
      cpu_us = (os.clock() - cpu) / received * 1e6,
      rss_mb = memory "VmRSS" / 1024, grown_kb = memory "VmRSS" - early,
    }
  end)
end

graphsocket.spawn(modes[mode])
graphsocket.run()
