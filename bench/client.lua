-- Receives COUNT events from bench/server.js and prints what they cost, as JSON.
--
--   lua5.4 bench/client.lua PORT COUNT

local core = require "graphsocket.core"
local json = require "graphsocket.json"
local loop = require "graphsocket.loop"
local socketio = require "graphsocket.socketio"

local port, count = arg[1], tonumber(arg[2])
local received, cpu, wall = 0, nil, nil

local socket = socketio.connect("http://127.0.0.1:" .. port)

socket:on("connect", function()
  cpu, wall = os.clock(), core.now()
  socket:emit "go"
end)

socket:on("notification", function()
  received = received + 1
  if received < count then return end
  local status = io.open "/proc/self/status":read "*a"
  print(json.encode {
    cpu_us = ("%.3f"):format((os.clock() - cpu) / count * 1e6),
    wall_us = ("%.3f"):format((core.now() - wall) / count * 1e6),
    peak_mb = ("%.1f"):format(status:match "VmHWM:%s*(%d+)" / 1024),
  })
  socket:disconnect()
end)

loop.run()
