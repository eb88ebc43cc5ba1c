-- What holds in every host that has a loop of its own. Each test is a script in
-- an interpreter of its own, see hosts.lua.

local assert = require "luassert"
local busted = require "busted"

local battery = {}

-- Defines the tests.
---@param host table of hosts.lua
function battery.define(host)
  local it = busted.it

  local function run(source)
    return host:run(source)
  end

  it("lets a coroutine of the host wait, for a request too, without run()", function()
    run [[
      in_host(function()
        local before = loop.now()
        loop.sleep(0.02)
        assert(loop.now() - before >= 0.02)
        local response, err = engine.request(REFUSED)
        assert(response == nil and err.kind == "network")
        assert(not loop.future():await(0.001))
        print "done"
        finish()
      end)
      drive()
      print "returned"
    ]]
  end)

  it("runs tasks, timers and queues in run(), which returns when all is done", function()
    assert.equal("task\nqueued\ntimer\nrun returned\nhost returned\n", run [[
      in_host(function()
        local held, queue = {}, loop.queue()
        loop.run(function()
          loop.hold(held)
          local task = loop.spawn(function() loop.sleep(0.01) print "task" end)
          queue:push(function()
            task:await()
            print "queued"
            loop.timer(0.01, function() print "timer" loop.release(held) end)
          end)
        end)
        print "run returned"
        finish()
      end)
      drive()
      print "host returned"
    ]])
  end)

  it("lets handlers wait by the host's own means", function()
    assert.equal("in task\nafter\n", run [[
      in_host(function()
        loop.run(function()
          local done = loop.future()
          loop.spawn(function()
            host_work()
            print "in task"
            loop.sleep(0.001)
            host_work()
            done:resolve()
          end)
          done:await()
          print "after"
        end)
        finish()
      end)
      drive()
    ]])
  end)

  it("goes on with the host's own work while graphsocket waits", function()
    run [[
      local worked = 0
      in_host(function()
        while worked < 20 do
          host_work()
          worked = worked + 1
        end
      end)
      in_host(function()
        loop.run(function()
          while worked < 20 do loop.sleep(0.002) end
        end)
        finish()
      end)
      drive()
      assert(worked == 20)
    ]]
  end)

  it("wakes a task from the host's coroutines, and the other way round", function()
    assert.equal("task got x\nhost got y\n", run [[
      local to_task, to_host = loop.future(), loop.future()
      in_host(function()
        host_work()
        to_task:resolve "x"
        local _, value = to_host:await()
        print("host got " .. value)
        finish()
      end)
      in_host(function()
        loop.run(function()
          local _, value = to_task:await()
          print("task got " .. value)
          loop.spawn(function() to_host:resolve "y" end)
        end)
      end)
      drive()
    ]])
  end)

  it("starts what the host's coroutines spawn while the pump waits", function()
    run [[
      local held, done = {}, false
      loop.hold(held)
      in_host(function() loop.run() done = true finish() end)
      in_host(function()
        host_work()
        loop.spawn(function()
          loop.timer(0.001, function() loop.release(held) end)
        end)
      end)
      drive()
      assert(done)
    ]]
  end)

  it("survives an error of a task", function()
    run [[
      in_host(function()
        local task
        loop.run(function()
          task = loop.spawn(error, { kind = "state" })
          loop.sleep(0.01)
          loop.spawn(function() error "second" end)
        end)
        assert(select(2, task:await()).kind == "state")
        assert(#reported == 2 and reported[1].kind == "state")
        assert(reported[2]:match "second")
        finish()
      end)
      drive()
    ]]
  end)

  it("returns from run() after stop(), with objects still held", function()
    assert.equal("stopped\n", run [[
      local held = {}
      in_host(function()
        loop.run(function()
          loop.hold(held)
          loop.sleep(0.01)
          loop.stop()
        end)
        print "stopped"
        finish()
      end)
      drive()
    ]])
  end)

  it("refuses a second run(), and one inside a task", function()
    run [[
      local tried = loop.future()
      in_host(function()
        loop.run(function()
          local ok, message = pcall(loop.run)
          assert(not ok and message:match "running already", message)
          tried:await()
        end)
        finish()
      end)
      in_host(function()
        host_work()
        local ok, message = pcall(loop.run)
        assert(not ok and message:match "running already", message)
        tried:resolve()
      end)
      drive()
    ]]
  end)

  it("refuses step(), and another host while it runs", function()
    run [[
      local ok, message = pcall(loop.step, 0)
      assert(not ok and message:match "is for the plain loop", message)
      in_host(function()
        loop.run(function()
          ok, message = pcall(loop.host, "plain")
          assert(not ok and message:match "choose another before", message)
        end)
        finish()
      end)
      drive()
    ]]
  end)

  it("is not woken while nothing happens", function()
    local turns = tonumber(run [[
      local pump = require "graphsocket.loop.pump"
      local turn, turns, held = pump.turn, 0, {}
      function pump.turn()
        turns = turns + 1
        return turn()
      end
      loop.hold(held)
      in_host(function()
        loop.run(function()
          loop.sleep(0.1) -- all that belongs to the start is over
          local before = turns
          loop.sleep(0.4)
          print(turns - before)
          loop.release(held)
        end)
        finish()
      end)
      drive()
    ]])
    -- The one that ends the sleep; another if a timer of the host was early.
    assert.is_true(turns <= 3, turns .. " turns")
  end)

  it("ends with the engine", function()
    run [[
      in_host(function()
        loop.run(function()
          local _, err = nil, nil
          engine.request_start({ url = "http://127.0.0.1:9/", host = "127.0.0.1", port = 9 },
            function(...) _, err = ... end)
          engine.stop()
          loop.spawn(function() assert(err.kind == "closed") print "told" end)
        end)
        finish()
      end)
      drive()
    ]]
  end)
end

return battery
