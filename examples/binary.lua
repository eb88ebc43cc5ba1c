-- Bytes in events: sent anywhere among the arguments, received as values that
-- keep them apart from text.
--
--   scripts/example binary        against the reference server of the specs

local graphsocket = require "graphsocket"
local socketio = require "graphsocket.socketio"

local socket = socketio.connect(arg[1])

local function hex(value)
  return (tostring(value):gsub(".", function(c) return ("%02x"):format(c:byte()) end))
end

graphsocket.spawn(function()
  local file = {
    name = "picture.png",
    head = socketio.binary "\137PNG\r\n",
    parts = { socketio.binary "\0\1", socketio.binary "\254\255" },
  }
  local back, text = socket:timeout(10):emit_with_ack("echo", file, "text")
  if not back then error(text) end
  print("head", hex(back.head), #back.head .. " bytes")
  print("parts", hex(back.parts[1]), hex(back.parts[2]))
  print("is binary", socketio.is_binary(back.head), socketio.is_binary(text))
  socket:close()
end)

graphsocket.run()
