-- Acknowledgements, both ways: with a callback, waiting for them, with a limit
-- of time, again until they come, and giving one to the server.
--
--   scripts/example acks        against the reference server of the specs

local graphsocket = require "graphsocket"
local socketio = require "graphsocket.socketio"

local socket = socketio.connect(arg[1])

-- The server asks; the handler's last argument answers.
socket:on("question", function(text, answer) answer(text:upper()) end)

graphsocket.spawn(function()
  -- A callback; emit() itself does not wait.
  socket:emit("echo", "one", function(reply) print("callback", reply) end)

  -- In a task the caller can wait instead.
  print("waited", socket:emit_with_ack("echo", "two"))

  -- Nobody answers: the error says so.
  local _, err = socket:timeout(0.2):emit_with_ack "never"
  print("in vain", err.kind)

  socket:once("answered", function(reply)
    print("the server got", reply)
    socket:close()
  end)
  socket:emit("ask", "three")
end)

graphsocket.run()

-- Events that must arrive: sent one by one, each until it is acknowledged.
local patient = socketio.connect(arg[1], { retries = 5, ack_timeout = 0.2 })
graphsocket.spawn(function()
  print("after tries", patient:emit_with_ack("flaky", 3, tostring(patient)))
  patient:close()
end)

graphsocket.run()
