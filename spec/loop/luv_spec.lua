local battery = require "spec.loop.battery"
local hosts = require "spec.loop.hosts"

local host = hosts["luv"]

describe("luv", function()
  if host:missing() then
    pending(host:missing())
    return
  end

  battery.define(host)

  local function run(source)
    return host:run(source)
  end

  it("needs no run(): uv.run() drives it, and returns with our last socket", function()
    assert.equal("released\nreturned\n", run [[
      local held = {}
      loop.hold(held)
      loop.timer(0.02, function() print "released" loop.release(held) end)
      uv.run()
      print "returned"
    ]])
  end)

  it("does not keep uv.run() going for a timer alone", function()
    assert.equal("returned\n", run [[
      loop.timer(3600, print, "due")
      uv.run()
      print "returned"
    ]])
  end)

  it("fires timers while the program keeps uv.run() going", function()
    assert.equal("due\n", run [[
      local timer = uv.new_timer()
      timer:start(3600000, 0, print)
      loop.timer(0.01, function() print "due" timer:close() end)
      uv.run()
    ]])
  end)

  it("lets a task wait for longer than libuv can count", function()
    assert.equal("meanwhile\n", run [[
      loop.spawn(loop.sleep, 1e300)
      uv.new_timer():start(10, 0, function() print "meanwhile" uv.stop() end)
      uv.run()
    ]])
  end)

  it("lets the main chunk wait while libuv runs the rest", function()
    assert.equal("tick\nslept\nnil\tnetwork\n", run [[
      uv.new_timer():start(1, 0, function() print "tick" end)
      loop.sleep(0.02)
      print "slept"
      local response, err = engine.request(REFUSED)
      print(response, err.kind)
    ]])
  end)

  it("does not spin while the main chunk waits", function()
    local turns = tonumber(run [[
      local pump = require "graphsocket.loop.pump"
      local turn, turns = pump.turn, 0
      function pump.turn()
        turns = turns + 1
        return turn()
      end
      loop.sleep(0.3)
      loop.timer(0.01, loop.stop) -- must not make it spin either
      loop.sleep(0.3)
      print(turns)
    ]])
    assert.is_true(turns <= 10, turns .. " turns")
  end)

  it("returns from run() when the program calls uv.stop(), and can be run again", function()
    assert.equal("stopped\nslept\nreleased\n", run [[
      local held = {}
      loop.hold(held)
      uv.new_timer():start(1, 0, uv.stop)
      loop.run()
      print "stopped"
      uv.new_timer():start(1, 0, uv.stop)
      loop.sleep(0.02) -- a wait has to give a result
      print "slept"
      loop.timer(0.001, function() print "released" loop.release(held) end)
      loop.run()
    ]])
  end)

  it("lets the main chunk wait for what a callback of libuv resolves", function()
    assert.equal("true\tresolved\n", run [[
      local future = loop.future()
      uv.new_timer():start(1, 0, function() future:resolve "resolved" end)
      print(future:await())
    ]])
  end)

  it("keeps uv.run() going for a connection that was begun outside of it", function()
    assert.equal("CONNECT\n", run [[
      local socketio = require "graphsocket.socketio"
      local socket = socketio.connect("http://127.0.0.1:1", { reconnection = false })
      socket:on("connect_error", function(err) print(err.code) end)
      uv.run()
    ]])
  end)

  it("is left for another host, with nothing behind it in libuv's loop", function()
    assert.equal("slept\nnil\tnetwork\n", run [[
      loop.timer(3600, print, "due")
      engine.request(REFUSED)
      loop.host "plain"
      loop.sleep(0.01)
      print "slept"
      uv.run()
      local response, err = engine.request(REFUSED)
      print(response, err.kind)
    ]])
  end)

  it("runs libuv itself in run(), which ends with our work, not with the program's", function()
    assert.equal("task\nreturned\n", run [[
      local timer = uv.new_timer()
      timer:start(3600000, 0, print)
      loop.run(function() loop.sleep(0.01) print "task" end)
      print "returned"
      timer:close()
      uv.run()
    ]])
  end)

  it("tells a callback of libuv that it cannot wait, but its coroutines can", function()
    assert.equal("slept\n", run [[
      uv.new_timer():start(1, 0, function()
        local ok, message = pcall(loop.sleep, 1)
        assert(not ok and message:match "a callback of libuv cannot wait", message)
        coroutine.wrap(function() loop.sleep(0.001) print "slept" end)()
      end)
      uv.run()
    ]])
  end)

  it("gives an error in a coroutine that it resumed to on_error", function()
    run [[
      coroutine.wrap(function() loop.sleep(0.001) error "lost otherwise" end)()
      uv.run()
      assert(#reported == 1 and reported[1]:match "lost otherwise")
    ]]
  end)

  it("delivers nothing after stop(), until something is started again", function()
    assert.equal("stopped\nagain\n", run [[
      loop.hold {}
      loop.timer(0.001, loop.stop)
      uv.run()
      print "stopped"
      loop.run(function() loop.sleep(0.001) print "again" loop.stop() end)
      uv.run()
    ]])
  end)
end)
