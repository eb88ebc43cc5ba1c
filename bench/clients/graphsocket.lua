-- graphsocket. See bench/README.md for the modes.
--
--   lua5.4 bench/clients/graphsocket.lua burst|latency|idle URL COUNT [CA]

local core = require "graphsocket.core"
local json = require "graphsocket.json"
local loop = require "graphsocket.loop"
local socketio = require "graphsocket.socketio"

local mode, url, count, ca_file = arg[1], arg[2], tonumber(arg[3]), arg[4]
local options = { force_new = true, reconnection = false, ca_file = ca_file }

local function memory(name)
  local file = io.open "/proc/self/status"
  local kilobytes = file:read "*a":match(name .. ":%s*(%d+)")
  file:close()
  return tonumber(kilobytes)
end

local function round(number)
  return math.floor(number * 1000 + 0.5) / 1000
end

local function report(fields)
  for name, value in pairs(fields) do fields[name] = round(value) end
  fields.total_cpu_ms = round(os.clock() * 1000)
  fields.peak_mb = round(memory "VmHWM" / 1024)
  print(json.encode(fields))
  os.exit(true)
end

local modes = {}

function modes.burst()
  local socket, received = socketio.connect(url, options), 0
  local cpu, wall
  socket:on("connect", function()
    cpu, wall = os.clock(), core.now()
    socket:emit "go"
  end)
  socket:on("notification", function()
    received = received + 1
    if received < count then return end
    report {
      cpu_us = (os.clock() - cpu) / count * 1e6,
      wall_us = (core.now() - wall) / count * 1e6,
    }
  end)
end

function modes.latency()
  local socket, samples = socketio.connect(url, options), {}
  socket:on("connect", function() socket:emit "go" end)
  socket:on("notification", function(sent)
    samples[#samples + 1] = core.now() * 1e6 - tonumber(sent) / 1e3
    if #samples < count then return end
    table.sort(samples)
    report {
      p50_us = samples[math.floor(count / 2)],
      p99_us = samples[math.floor(count * 0.99)],
    }
  end)
end

function modes.idle()
  collectgarbage()
  local before, cpu = memory "VmRSS", os.clock()
  local sockets, joined = {}, 0
  local function open()
    if #sockets == count then return end
    local socket = socketio.connect(url, options)
    sockets[#sockets + 1] = socket
    socket:on("connect", function()
      joined = joined + 1
      open()
      if joined < count then return end
      report {
        connect_us = (os.clock() - cpu) / count * 1e6,
        kb = (memory "VmRSS" - before) / count,
      }
    end)
  end
  -- So many at once, as a careful program would.
  for _ = 1, 50 do open() end
end

modes[mode]()
loop.run()
