local battery = require "spec.loop.battery"
local hosts = require "spec.loop.hosts"
local simulator = require "spec.simulator"

local host = hosts["cqueues"]

describe("cqueues", function()
  if host:missing() then
    pending(host:missing())
    return
  end

  battery.define(host)

  local function run(source)
    return host:run(source)
  end

  it("says where one can wait to those who cannot", function()
    run [[
      for _, fn in ipairs { loop.run, function() loop.sleep(1) end, function() loop.future():await() end } do
        local ok, message = pcall(fn)
        assert(not ok and message:match "in a coroutine of a controller only", message)
      end
    ]]
  end)

  it("serves the coroutines of two controllers", function()
    assert.equal("inner\nouter\n", run [[
      local inner, over = cqueues.new(), loop.future()
      inner:wrap(function() loop.sleep(0.01) print "inner" over:resolve() end)
      cq:wrap(function() assert(inner:loop()) end)
      cq:wrap(function() loop.sleep(0.01) over:await() print "outer" end)
      drive()
    ]])
  end)

  it("lets an inner controller end while the outer one waits for it", function()
    assert.equal("inner is done\nouter\n", run [[
      local signal = loop.future()
      cq:wrap(function()
        local inner = cqueues.new()
        inner:wrap(function() loop.sleep(0.01) end)
        assert(inner:loop())
        print "inner is done"
        signal:resolve()
      end)
      cq:wrap(function() signal:await() print "outer" end)
      drive()
    ]])
  end)

  it("works in a new controller after one was closed in the middle of everything", function()
    assert.equal("waited\ntask\ntimer\nrun returned\n", run [[
      local held, never = {}, loop.future()
      cq:wrap(loop.run, function() loop.hold(held) loop.sleep(0.02) never:await() end)
      cq:wrap(function() never:await() end)
      cq:wrap(function() loop.sleep(0.01) end)
      for _ = 1, 3 do assert(cq:step(0.05)) end
      cq:close()
      cq = cqueues.new()
      cq:wrap(function()
        loop.sleep(0.03)
        print "waited"
        loop.release(held)
        loop.run(function()
          print "task"
          loop.hold(held)
          loop.timer(0.01, function() print "timer" loop.release(held) end)
        end)
        print "run returned"
      end)
      drive()
    ]])
  end)

  it("hands on what comes when the handler before was lost with its controller", function()
    assert.equal("lost\nnext\nlast\n", run [[
      local queue = loop.queue()
      cq:wrap(function()
        queue:push(function() print "lost" loop.sleep(3600) end)
        queue:push(function() print "next" end)
        loop.sleep(3600)
      end)
      for _ = 1, 3 do assert(cq:step(0.05)) end
      cq:close()
      cq = cqueues.new()
      cq:wrap(function()
        queue:push(function() print "last" end)
        loop.run()
      end)
      drive()
    ]])
  end)

  it("goes on with a client whose requests were lost with their controller", function()
    local sim = simulator.start()
    finally(function() sim:stop() end)
    assert.equal("endpoint\n", run(([[
      local graphsocket = require "graphsocket"
      local is_first = true
      local client = graphsocket.new { base_url = %q, ca_file = %q, token = function()
        if is_first then
          is_first = false
          loop.sleep(3600)
        end
        return %q
      end }
      for _ = 1, 4 do -- as many as a client has at once
        cq:wrap(function() client:endpoint "/me/drive/root" end)
      end
      repeat assert(cq:step(0.05)) until not is_first and client._throttle._running == 4
      cq:close()
      cq = cqueues.new()
      cq:wrap(function()
        local endpoint, err = client:endpoint "/me/drive/root"
        print(endpoint and "endpoint" or err)
      end)
      drive()
    ]]):format(sim.graph, sim.ca, sim.token)))
  end)

  it("waits in a controller though another one is not run any more", function()
    assert.equal("waited\nresponse\n", run [[
      cq:wrap(function() loop.sleep(3600) end)
      for _ = 1, 3 do assert(cq:step(0.01)) end
      local second = cqueues.new()
      second:wrap(function()
        loop.sleep(0.01)
        print "waited"
        assert(select(2, engine.request(REFUSED)).kind == "network")
        print "response"
      end)
      assert(second:loop())
    ]])
  end)

  it("takes over timers from a controller that ends first", function()
    assert.equal("short\nlong\n", run [[
      local second, over = cqueues.new(), loop.future()
      cq:wrap(function()
        loop.sleep(0.001)
        loop.timer(0.05, function() print "short" over:resolve() end)
      end)
      second:wrap(function() over:await() loop.sleep(0.001) print "long" end)
      cq:wrap(function() assert(second:loop()) end)
      drive()
    ]])
  end)

  it("waits in a coroutine made with auxlib.wrap", function()
    assert.equal("1\n", run [[
      local auxlib = require "cqueues.auxlib"
      cq:wrap(function()
        print(auxlib.wrap(function() loop.sleep(0.01) coroutine.yield(1) end)())
      end)
      drive()
    ]])
  end)
end)
