local core = require "graphsocket.core"
local graphsocket = require "graphsocket"
local helper = require "spec.helper"
local json = require "graphsocket.json"
local loop = require "graphsocket.loop"

describe("graphsocket", function()
  it("has the names of the contract", function()
    for name, kind in pairs {
      new = "function", run = "function", stop = "function",
      step = "function", spawn = "function", sleep = "function",
      fd = "function", timeout = "function", loop = "function",
      auth = "table", _VERSION = "string",
    } do
      assert.equal(kind, type(graphsocket[name]), name)
    end
    for _, name in ipairs { "static", "command", "device_code",
      "refresh_token" } do
      assert.equal("function", type(graphsocket.auth[name]), name)
    end
    assert.equal(core.version, graphsocket._VERSION)
    assert.equal(json.null, graphsocket.null)
    assert.is_nil(graphsocket.no_such_name)
  end)

  describe("on_error", function()
    before_each(function() graphsocket.on_error = nil end)
    after_each(function() graphsocket.on_error = nil end)

    it("gets the errors of tasks once it is assigned", function()
      local got, trace
      graphsocket.on_error = function(err, traceback)
        got, trace = err, traceback
      end
      graphsocket.spawn(function() error({ kind = "mine" }) end)
      graphsocket.run()
      assert.same({ kind = "mine" }, got)
      assert.matches("init_spec", trace, 1, true)
      assert.equal(loop.on_error, graphsocket.on_error)
    end)

    it("prints by default", function()
      local text = helper.capture_stderr(function()
        graphsocket.spawn(function() error("boom", 0) end)
        graphsocket.run()
      end)
      assert.matches("boom", text, 1, true)
    end)

    it("must be a function", function()
      local ok, message = pcall(function() graphsocket.on_error = "x" end)
      assert.is_false(ok)
      assert.matches("init_spec%.lua:%d+: graphsocket%.on_error must be",
        message)
    end)
  end)

  it("returns from run() when the last task ends", function()
    local ran
    graphsocket.run(function()
      loop.future():await(0.001)
      ran = true
    end)
    assert.is_true(ran)
  end)
end)
