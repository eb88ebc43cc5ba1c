local battery = require "spec.loop.battery"

local HOST = [[
  local cqueues = require "cqueues"
  local cq = cqueues.new()
  local function in_host(fn) cq:wrap(fn) end
  local function drive() assert(cq:loop()) end
  local function finish() end
  local function host_work() cqueues.sleep(0.001) end
]]

describe("cqueues", function()
  if not battery.has "cqueues" then
    pending "cqueues is not installed"
    return
  end

  battery.define("cqueues", HOST)

  local function run(source)
    return battery.run('loop.host "cqueues"\n' .. HOST, source)
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
      local inner = cqueues.new()
      inner:wrap(function() loop.sleep(0.01) print "inner" end)
      cq:wrap(function() assert(inner:loop()) end)
      cq:wrap(function() loop.sleep(0.05) print "outer" end)
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
