-- graphsocket. See bench/README.md for the modes.
--
--   lua5.4 bench/clients/graphsocket.lua burst|latency|idle|hot|crowd URL COUNT [CA]

local core = require "graphsocket.core"
local loop = require "graphsocket.loop"
local measure = require "bench.clients.measure"
local socketio = require "graphsocket.socketio"

local memory, report = measure.memory, measure.report
local mode, url, count, ca_file = arg[1], arg[2], tonumber(arg[3]), arg[4]
local options = { force_new = true, reconnection = false, ca_file = ca_file }

local function connect()
  local socket = socketio.connect(url, options)
  if not options.reconnection then socket:on("connect_error", measure.fail) end
  return socket
end

local modes = {}

function modes.burst()
  local socket, received = connect(), 0
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
  local socket, samples = connect(), {}
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

-- Joins with |count| sockets; each(socket) when it is made, done(fields) when
-- all have joined: with the cost of one.
local function join_all(each, done)
  collectgarbage()
  local before, cpu = memory "VmRSS", os.clock()
  local made, joined = 0, 0
  local function open()
    if made == count then return end
    made = made + 1
    local socket = connect()
    each(socket)
    socket:once("connect", function()
      joined = joined + 1
      open()
      if joined < count then return end
      done({
        connect_us = (os.clock() - cpu) / count * 1e6,
        kb = (memory "VmRSS" - before) / count,
      }, socket)
    end)
  end
  -- So many at once, as a careful program would.
  for _ = 1, math.min(50, count) do open() end
end

local function nothing() end

function modes.idle()
  join_all(nothing, report)
end

local WARM, HOT = 2000, 3000 -- events before those that are measured, and those

function modes.hot()
  join_all(nothing, function(fields, socket)
    local received, cpu = 0, nil
    socket:on("notification", function()
      received = received + 1
      if received == WARM then cpu = os.clock() end
      if received < WARM + HOT then return end
      fields.cpu_us = (os.clock() - cpu) / HOT * 1e6
      report(fields)
    end)
    socket:emit "go"
  end)
end

local ROUNDS = 5 -- of a notification to each socket

-- After all have joined: notifications, a heartbeat, and the end of all of them.
function modes.crowd()
  options.reconnection = true
  local fields, first, step, since
  local received, joined = 0, 0
  local function after(name, next_step, command)
    if name then fields[name] = (os.clock() - since) / count * 1e6 end
    since, step = os.clock(), next_step
    first:emit(command)
  end
  local steps = {}
  function steps.all()
    received = received + 1
    if received < count * ROUNDS then
      return received % count == 0 and first:emit "all"
    end
    fields.notify_us = (os.clock() - since) / received * 1e6
    after(nil, nil, "ping")
    first:once("ponged", function()
      after("pong_us", steps.storm, "kill")
      joined, fields.storm_s = 0, core.now()
    end)
  end
  function steps.storm()
    joined = joined + 1
    if joined < count then return end
    fields.storm_s = core.now() - fields.storm_s
    after("storm_us", nil, "attempts")
    first:once("attempts", function(spread)
      for name, value in pairs(spread) do fields[name] = value end
      report(fields)
    end)
  end
  join_all(function(socket)
    socket:on("notification", steps.all)
    socket:on("connect", function() if step == steps.storm then step() end end)
  end, function(costs, socket)
    fields, first = costs, socket
    fields.rss_mb = memory "VmRSS" / 1024
    after(nil, steps.all, "all")
  end)
end

modes[mode]()
if not measure.is_nginx then loop.run() end
