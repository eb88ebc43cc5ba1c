local emitter = require "graphsocket.socketio.emitter"
local errors = require "graphsocket.errors"
local helper = require "spec.helper"
local loop = require "graphsocket.loop"
local outbox = require "graphsocket.outbox"

describe("graphsocket.outbox", function()
  helper.in_frozen_time()

  local target, seen

  local function new(quiet, max_wait)
    seen = {}
    target = {}
    emitter.extend(target, emitter.methods)
    emitter.init(target)
    for _, name in ipairs { "notification", "state" } do
      target:on(name, function(value, count)
        seen[#seen + 1] = { name, value, count }
      end)
    end
    return outbox.new(target, quiet, max_wait)
  end

  it("hands everything out in its order, later", function()
    local box = new()
    box:tell("state", "a")
    box:notify { 1, 2 }
    box:tell("state", "b")
    assert.same({}, seen)
    helper.advance(0)
    assert.same({ { "state", "a" }, { "notification", 1, 1 },
      { "notification", 2, 1 }, { "state", "b" } }, seen)
  end)

  it("lets who brings notifications wait when too many are there", function()
    local box = new()
    local gate, brought = loop.future(), 0
    target:once("notification", function() gate:await() end)
    local task = loop.spawn(function()
      for i = 1, 5 * outbox.MAX_PENDING do
        box:notify { i }
        brought = i
      end
    end)
    helper.advance(0)
    -- One is with its handler, one was put in by who waits.
    assert.equal(outbox.MAX_PENDING, brought)
    gate:resolve()
    assert.is_true(task:await())
    helper.advance(0)
    assert.equal(5 * outbox.MAX_PENDING, #seen)
    for i = 1, #seen do assert.equal(i, seen[i][2]) end
  end)

  it("hands out nothing that was put in before it was cleared", function()
    local box = new(100)
    box:notify { 1 }
    box:tell("state", "before")
    box:clear()
    box:tell("state", "after")
    helper.advance(200)
    assert.same({ { "state", "after" } }, seen)
  end)

  it("lets nobody wait any more when it is cleared", function()
    local box = new()
    local gate = loop.future()
    target:once("notification", function() gate:await() end)
    local list = {}
    for i = 1, 2 * outbox.MAX_PENDING do list[i] = i end
    local task = loop.spawn(function() box:notify(list) end)
    helper.advance(0)
    box:clear()
    assert.is_true(task:await())
    gate:resolve()
    helper.advance(0)
    assert.same({ { "notification", 1, 1 } }, seen)
  end)

  it("finds one notification for a busy handler, when it coalesces", function()
    local box = new(100)
    local gate = loop.future()
    target:once("state", function() gate:await() end)
    box:tell("state", "busy")
    for i = 1, 3 do
      box:notify { i }
      helper.advance(150)
    end
    gate:resolve()
    helper.advance(0)
    assert.same({ { "state", "busy" }, { "notification", 3, 3 } }, seen)
  end)

  it("reports a final error that nobody listens to", function()
    local box, err = new(), errors.new { kind = "auth", message = "no" }
    box:tell_final(err)
    assert.matches("auth: no",
      helper.capture_stderr(function() helper.advance(0) end), 1, true)
    local heard
    target:on("error", function(given) heard = given end)
    box:tell_final(err)
    helper.advance(0)
    assert.equal(err, heard)
  end)
end)
