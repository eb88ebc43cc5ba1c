local loop = require "graphsocket.loop"
local virtual = require "spec.loop.virtual"

virtual.begin()

describe("a held object", function()
  local function held()
    local weak = setmetatable({}, { __mode = "v" })
    weak.object = {}
    loop.hold(weak.object)
    return weak
  end

  local function collect()
    collectgarbage()
    collectgarbage()
  end

  it("lives from hold() on, though nothing else refers to it", function()
    virtual.waits()
    local weak = held()
    collect()
    assert.truthy(weak.object)
    loop.timer(1, function()
      collect()
      assert.truthy(weak.object)
      loop.release(weak.object)
    end)
    loop.run()
    assert.same({}, virtual.reported)
    collect()
    assert.is_nil(weak.object)
  end)

  it("is collected after stop() when the program has dropped it", function()
    virtual.waits()
    local weak = held()
    loop.timer(1, loop.stop)
    loop.run()
    collect()
    assert.is_nil(weak.object)
    loop.run() -- does not wait for it
  end)

  it("keeps the next run() from returning when the program kept it", function()
    virtual.waits()
    local object, released = {}, false
    loop.hold(object)
    loop.timer(1, loop.stop)
    loop.run()
    collect()
    loop.timer(1, function() released = true loop.release(object) end)
    loop.run()
    assert.is_true(released)
  end)

  it("lives between steps", function()
    virtual.waits()
    local weak = held()
    loop.step(0)
    collect()
    assert.truthy(weak.object)
    loop.stop()
    collect()
    assert.is_nil(weak.object)
  end)
end)
