local emitter = require "graphsocket.socketio.emitter"
local loop = require "graphsocket.loop"

local Thing = {}
emitter.extend(Thing, emitter.methods, emitter.any_methods)

local function new()
  return emitter.init(setmetatable({}, { __index = Thing }))
end

describe("an emitter", function()
  local thing, calls

  local function handler(name)
    return function(...) calls[#calls + 1] = { name, ... } end
  end

  before_each(function()
    thing, calls = new(), {}
  end)

  it("calls the handlers of an event in the order of registration", function()
    thing:on("foo", handler "one"):on("foo", handler "two")
    thing:on("bar", handler "other")
    thing:_call("foo", 1, nil, 3)
    assert.same({ { "one", 1, nil, 3 }, { "two", 1, nil, 3 } }, calls)
  end)

  it("calls a handler of once a single time", function()
    thing:once("foo", handler "once")
    thing:_call("foo", 1)
    thing:_call("foo", 2)
    assert.same({ { "once", 1 } }, calls)
    assert.is_false(thing:has_listeners "foo")
  end)

  it("removes a handler of once before it is called", function()
    thing:once("foo", function()
      calls[#calls + 1] = "called"
      thing:_call "foo"
    end)
    thing:_call "foo"
    assert.same({ "called" }, calls)
  end)

  it("removes one registration of a handler, also of once", function()
    local one, two = handler "one", handler "two"
    thing:on("foo", one):on("foo", one):on("foo", two):once("foo", two)
    thing:off("foo", one):off("foo", two)
    thing:_call "foo"
    assert.same({ { "one" }, { "two" } }, calls)
    thing:off("foo", handler "unknown")
    thing:off("unknown", one)
    assert.equal(1, #thing:listeners "foo")
  end)

  it("tells its owner after each change of who listens", function()
    local log = {}
    function thing:_on_listeners_changed()
      log[#log + 1] = tostring(self:has_listeners "foo")
    end
    local one = handler "one"
    thing:on("foo", one):off("foo", one)
    thing:once("foo", one):_call "foo"
    thing:on("foo", one):off "foo"
    thing:on("foo", one):off()
    assert.equal("true false true false true false true false",
      table.concat(log, " "))
  end)

  it("removes all handlers of an event, or of all", function()
    thing:on("foo", handler "foo"):on("bar", handler "bar"):off "foo"
    assert.is_false(thing:has_listeners "foo")
    assert.is_true(thing:has_listeners "bar")
    thing:on_any(handler "any"):off()
    assert.is_false(thing:has_listeners "bar")
    assert.equal(1, #thing:listeners_any())
  end)

  it("is not disturbed by handlers that come and go meanwhile", function()
    local late = handler "late"
    local function two() calls[#calls + 1] = { "two" } end
    thing:on("foo", function()
      thing:off("foo", two):on("foo", late)
    end)
    thing:on("foo", two)
    thing:_call "foo"
    assert.same({ { "two" } }, calls)
    thing:_call "foo"
    assert.same({ { "two" }, { "late" } }, calls)
  end)

  it("calls the next handler after one that raised, and reports it", function()
    local reported
    local on_error = loop.on_error
    loop.on_error = function(err) reported = err end
    thing:on("foo", function() error("oops", 0) end):on("foo", handler "next")
    thing:_call "foo"
    loop.on_error = on_error
    assert.equal("oops", reported)
    assert.same({ { "next" } }, calls)
  end)

  it("can stop at the first that raises, and keep one of once for the next time",
    function()
      local reported, fails = {}, true
      local on_error = loop.on_error
      loop.on_error = function(err) reported[#reported + 1] = err end
      finally(function() loop.on_error = on_error end)
      local function always() return true end
      thing:once("foo", function(...)
        calls[#calls + 1] = { "once", ... }
        if fails then error("oops", 0) end
      end):on("foo", handler "next")
      assert.same({ false, "oops" }, { thing:_call_while(always, "foo", 1) })
      assert.same({ { "once", 1 } }, calls)
      fails = false
      assert.is_true(thing:_call_while(always, "foo", 2))
      assert.is_true(thing:_call_while(always, "foo", 3))
      assert.same({
        { "once", 1 }, { "once", 2 }, { "next", 2 }, { "next", 3 },
      }, calls)
      assert.same({ "oops" }, reported)
      assert.is_true(thing:_call_while(always, "nobody listens"))
    end)

  it("can be told to stop between two of them", function()
    local goes_on = true
    thing:on("foo", function() goes_on = false end):on("foo", handler "next")
    assert.is_nil((thing:_call_while(function() return goes_on end, "foo")))
    assert.same({}, calls)
  end)

  it("lists its handlers in a copy", function()
    local one, two = handler "one", handler "two"
    thing:on("foo", one):once("foo", two)
    local list = thing:listeners "foo"
    assert.same({ one, two }, list)
    list[1] = nil
    assert.equal(2, #thing:listeners "foo")
    assert.same({}, thing:listeners "bar")
  end)

  it("keeps handlers of every event, first those put in front", function()
    local one, two, three = handler "1", handler "2", handler "3"
    for _, family in ipairs { "any", "any_outgoing" } do
      thing["on_" .. family](thing, one)
      thing["prepend_" .. family](thing, two)
      thing["on_" .. family](thing, three)
      assert.same({ two, one, three }, thing["listeners_" .. family](thing))
      thing["off_" .. family](thing, one)
      assert.same({ two, three }, thing["listeners_" .. family](thing))
      thing["off_" .. family](thing)
      assert.same({}, thing["listeners_" .. family](thing))
    end
  end)

  it("raises at the call for what is no handler or no event", function()
    local function message(method, ...)
      local args = { ... }
      local ok, err = pcall(function()
        thing[method](thing, (unpack or table.unpack)(args))
      end)
      assert.is_false(ok)
      assert.matches("emitter_spec", err)
      return err
    end
    assert.matches("bad argument #2 to 'on': give a function to call, got nil",
      message("on", "foo"), 1, true)
    assert.matches("bad argument #2 to 'once'", message("once", "foo", {}), 1,
      true)
    assert.matches("bad argument #2 to 'off'", message("off", "foo", 1), 1,
      true)
    assert.matches("bad argument #1 to 'on': give the name of the event, "
      .. "got number", message("on", 1, print), 1, true)
    assert.matches('call it with a colon, as in socket:on("name", fn)',
      message("on", print), 1, true)
    for _, name in ipairs { "on_any", "prepend_any", "on_any_outgoing",
      "prepend_any_outgoing", "off_any", "off_any_outgoing" } do
      assert.matches(("bad argument #1 to '%s'"):format(name),
        message(name, "foo"), 1, true)
    end
  end)
end)
