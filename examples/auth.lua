-- Credentials: a function is asked before each join, so that a token is never
-- older than the connection. A refusal comes with the server's words and data;
-- it is not retried by itself.
--
--   scripts/example auth        against the reference server of the specs

local graphsocket = require "graphsocket"
local socketio = require "graphsocket.socketio"

local tokens = { "expired", "secret" }

local socket = socketio.connect(arg[1] .. "/auth", {
  auth = function()
    graphsocket.sleep(0.05)   -- as long as it takes to get a token
    local token = table.remove(tokens, 1)
    if not token then return nil, "there are no more tokens" end
    return { token = token }
  end,
})

socket:on("connect_error", function(err)
  print("refused: " .. err.message, err.data and err.data.code)
  if err.code ~= "refused" then return end   -- the others are retried
  socket:connect()
end)

socket:on("connect", function()
  print("admitted to " .. socket.namespace)
  socket:close()
end)

graphsocket.run()
