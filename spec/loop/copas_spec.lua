local battery = require "spec.loop.battery"
local core = require "graphsocket.core"

-- host_work() is a round trip to a server of copas' own: copas 1 has nothing
-- else to wait for.
local HOST = [[
  local copas = require "copas"
  local socket = require "socket"
  local function in_host(fn) copas.addthread(fn) end
  local server = assert(socket.bind("127.0.0.1", 0))
  local _, port = server:getsockname()
  copas.addserver(server, function(peer)
    peer = copas.wrap(peer)
    peer:send(peer:receive() .. "\n")
  end)
  local finished
  local function finish()
    finished = true
    if copas.removeserver then copas.removeserver(server) end
  end
  local function drive()
    if copas.removeserver then return copas.loop() end
    -- copas 1 never thinks that it is done.
    while not finished do copas.step() end
    server:close()
  end
  local function host_work()
    local client = socket.tcp()
    assert(copas.connect(client, "127.0.0.1", port))
    client = copas.wrap(client)
    client:send "hello\n"
    assert(client:receive() == "hello")
    client.socket:close()
  end
]]

describe("copas", function()
  if not battery.has "copas" then
    pending "copas is not installed for this Lua"
    return
  end
  local engine = assert(core.engine())
  local has_alarm = engine.alarm ~= nil
  engine:stop()
  if not (has_alarm or battery.has "timerwheel") then
    pending "this copas has no timers and neither has the core"
    return
  end

  battery.define("copas", HOST)

  it("says where one can wait to those who cannot", function()
    battery.run('loop.host "copas"\n' .. HOST, [[
      for _, fn in ipairs { loop.run, function() loop.sleep(1) end, function() loop.future():await() end } do
        local ok, message = pcall(fn)
        assert(not ok and message:match "in a thread only", message)
      end
    ]])
  end)
end)
