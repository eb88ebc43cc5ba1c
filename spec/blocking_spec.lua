-- A script that blocks, and one that is interrupted: what the I/O thread is
-- for. The waits here are what is tested, not waits for something to happen.

local core = require "graphsocket.core"
local helper = require "spec.helper"
local simulator = require "spec.simulator"

describe("a handler that blocks", function()
  local sim

  before_each(function()
    -- Dead a second after a ping without a pong.
    sim = simulator.start("--ping-interval", "250", "--ping-timeout", "1000")
  end)
  after_each(function() sim:stop() end)

  it("keeps its connection, and gets what came meanwhile in order", function()
    local socket = assert(sim:client():endpoint "/me/drive/root"):open()
    local got, reasons = {}, {}
    socket:on("notification", function(data)
      got[#got + 1] = data
      if #got == 1 then
        sim:post("notify", { data = "second" })
        sim:post("notify", { data = "third" })
        core.poll(-1, 3) -- more than twice the time that the server allows
      end
    end)
    socket:on("disconnect", function(reason) reasons[#reasons + 1] = reason end)
    helper.eventually(function() return socket.connected end, "the socket is joined")
    sim:post("notify", { data = "first" })
    helper.eventually(function() return #got == 3 end, "three notifications have come")
    assert.same({ "first", "second", "third" }, got)
    assert.same({}, reasons)
    assert.is_true(socket.connected)
    socket:disconnect()
  end)
end)

describe("Ctrl-C", function()
  it("ends a script that waits, at once, with Lua's own error", function()
    local sim = simulator.start()
    local script = helper.lua([[
      local graphsocket = require "graphsocket"
      local url, token, ca = ...
      local client = graphsocket.new { token = token, base_url = url, ca_file = ca }
      local socket = assert(client:endpoint "/me/drive/root"):open()
      socket:on("connect", function() print "connected" io.stdout:flush() end)
      graphsocket.run()
    ]], sim.graph, sim.token, sim.ca)
    assert.equal("connected", script:line())
    script:signal "INT"
    assert.not_equal(0, script:wait())
    assert.matches("interrupted!", script:err())
    sim:stop()
  end)
end)
