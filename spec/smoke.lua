-- Run from an installed tree alone (scripts/check-rock): no file of the
-- repository is on the path. Shows that every part loads and that the I/O
-- thread starts, works and ends.
--
--   lua spec/smoke.lua

local graphsocket = require "graphsocket"
local socketio = require "graphsocket.socketio"
local core = require "graphsocket.core"

local function check(ok, what)
  if not ok then error("smoke: " .. what, 2) end
end

-- Nobody listens on port 1: an error of the world, given back and not raised.
local client = graphsocket.new {
  base_url = "http://127.0.0.1:1/v1.0";
  token = "smoke";
  retries = 0;
}
local endpoint, err = client:endpoint "/me/drive/root"
check(endpoint == nil, "an endpoint from a closed port")
check(err.kind == "network", "the kind of error is " .. tostring(err.kind))
check(not tostring(err):find("smoke", 1, true), "the token is in the error")

-- A mistake of the programmer raises, and names what was meant.
local ok, message = pcall(graphsocket.new, { tokn = "smoke" })
check(not ok and tostring(message):find("token", 1, true), "an unknown option was taken")

local connect_error
local socket = socketio.connect("http://127.0.0.1:1/", { reconnection = false })
socket:on("connect_error", function(reason)
  connect_error = reason
  socket:close()
end)
graphsocket.run()
check(connect_error and connect_error.kind == "network", "no connect_error of kind network")

print(("  %s, graphsocket %s: it works"):format(jit and jit.version or _VERSION, core.version or ""))
