local battery = require "spec.loop.battery"
local hosts = require "spec.loop.hosts"

local host = hosts["copas"]

describe("copas", function()
  if host:missing() then
    pending(host:missing())
    return
  end

  battery.define(host)

  it("says where one can wait to those who cannot", function()
    host:run [[
      for _, fn in ipairs { loop.run, function() loop.sleep(1) end, function() loop.future():await() end } do
        local ok, message = pcall(fn)
        assert(not ok and message:match "in a thread only", message)
      end
    ]]
  end)

  -- What only later versions have; Debian's is 1.2.
  local copas = require "copas"

  it("hears copas.exit() as stop()", function()
    if not copas.exit then
      pending "this copas has no exit()"
      return
    end
    assert.equal("run returned\nloop returned\nagain\n", host:run [[
      copas.removeserver(server)
      loop.hold {}
      in_host(function() loop.run() print "run returned" end)
      in_host(function() loop.sleep(0.01) copas.exit() end)
      copas.loop()
      print "loop returned"
      in_host(function()
        loop.run(function() loop.sleep(0.001) print "again" loop.stop() end)
      end)
      copas.loop()
    ]])
  end)

  it("goes on after copas.cancelall(), without what was cancelled", function()
    if not copas.cancelall then
      pending "this copas has no cancelall()"
      return
    end
    assert.equal("cancelled\nslept\ntask\nover\n", host:run [[
      local never, held = loop.future(), {}
      in_host(function() loop.run(function() loop.hold(held) never:await() end) end)
      in_host(function() never:await() end)
      in_host(function() loop.sleep(0.02) copas.cancelall() end)
      copas.loop()
      print "cancelled"
      loop.release(held)
      in_host(function()
        loop.sleep(0.01)
        print "slept"
        loop.run(function() loop.sleep(0.001) print "task" end)
        print "over"
      end)
      copas.loop()
    ]])
  end)
end)
