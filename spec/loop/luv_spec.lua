local battery = require "spec.loop.battery"

local HOST = [[
  local uv = require "luv"
  local function in_host(fn) coroutine.wrap(fn)() end
  local function drive() uv.run() end
  local function finish() end
  local function host_work()
    local co, timer = coroutine.running(), uv.new_timer()
    timer:start(1, 0, function()
      timer:close()
      assert(coroutine.resume(co))
    end)
    coroutine.yield()
  end
]]

describe("luv", function()
  if not battery.has "luv" then
    pending "luv is not installed"
    return
  end

  battery.define("luv", HOST)

  local function run(source)
    return battery.run('loop.host "luv"\n' .. HOST, source)
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
    local rounds = tonumber(run [[
      local real, rounds = uv.run, 0
      uv.run = function(...)
        rounds = rounds + 1
        return real(...)
      end
      loop.sleep(0.3)
      loop.timer(0.01, loop.stop) -- must not make it spin either
      loop.sleep(0.3)
      print(rounds)
    ]])
    assert.is_true(rounds <= 10, rounds .. " rounds")
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
