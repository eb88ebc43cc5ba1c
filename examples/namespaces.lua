-- Several namespaces on one connection: each joins, talks and leaves by itself;
-- the connection ends with the last.
--
--   scripts/example namespaces        against the reference server of the specs

local graphsocket = require "graphsocket"
local socketio = require "graphsocket.socketio"

local manager = socketio.manager(arg[1])

manager:on("open", function() print "one connection is open" end)
manager:on("close", function(reason) print("it is closed: " .. reason) end)

local left = 0
for _, namespace in ipairs { "/", "/chat", "/dynamic-1", "/unknown" } do
  local socket = manager:socket(namespace)
  left = left + 1

  socket:on("connect", function()
    local reply = socket:emit_with_ack("echo", "hello")
    print(namespace .. " says " .. reply)
    left = left - 1
    socket:close()
  end)

  socket:on("connect_error", function(err)
    print(namespace .. " is refused: " .. err.message)
    left = left - 1
  end)
end

graphsocket.run()
print(left .. " are left")
