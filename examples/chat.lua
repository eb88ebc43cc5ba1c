-- A conversation: says what was given line by line, prints what is said, by
-- itself and by others, and leaves after "bye".
--
--   scripts/example chat        against the reference server of the specs
--   lua5.4 examples/chat.lua https://host/chat NAME LINE...

local graphsocket = require "graphsocket"
local socketio = require "graphsocket.socketio"

local url, name = arg[1], arg[2] or "lua"
local lines = {}
for i = 3, #arg do lines[#lines + 1] = arg[i] end
if #lines == 0 then lines = { "hello", "bye" } end

local socket = socketio.connect(url)

socket:on("connect", function()
  print("connected as " .. name)
  -- Lines that are written while the connection is away wait for it; so this
  -- is not repeated at a reconnection.
  while #lines > 0 do socket:send(name, table.remove(lines, 1)) end
end)

socket:on("message", function(from, line)
  print(("%s: %s"):format(from, line))
  if line == "bye" then socket:close() end
end)

socket:on("disconnect", function(reason) print("disconnected: " .. reason) end)
socket:on("connect_error", function(err) print(err) end)

graphsocket.run()
