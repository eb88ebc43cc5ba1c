local command = require "spec.cli.command"
local helper = require "spec.helper"
local simulator = require "spec.simulator"

describe("graphsocket subscribe", function()
  local sim, process

  before_each(function() sim, process = simulator.start(), nil end)
  after_each(function()
    if process then process:kill() end
    sim:stop()
  end)

  local function start(...)
    process = command.start(command.graph(sim), "subscribe", "/me/drive/root", ...)
    sim:post("wait", { ["for"] = { sockets = 1 } })
  end

  it("prints a line for each notification", function()
    start()
    sim:post("notify", { count = 2 })
    helper.eventually(function() return #command.lines(process:out()) == 2 end)
    process:signal "TERM"
    assert.equal(143, process:wait())
    for _, line in ipairs(command.lines(process:out())) do
      assert.matches("^%d%d:%d%d:%d%d  changed  https://contoso", line)
    end
  end)

  it("ends after the first one", function()
    start("--once", "--json")
    sim:post("notify", { count = 1 })
    assert.equal(0, process:wait())
    local record = command.records(process:out(), "notification")[1]
    assert.equal(1, record.count)
    assert.equal(sim.ids.list, record.resource)
    assert.equal(record.subscriptionId, record.raw.subscriptionId)
    local states = {}
    for _, state in ipairs(command.records(process:out(), "state")) do
      states[#states + 1] = state.state
    end
    assert.equal("fetching connecting joined", table.concat(states, " "))
  end)
end)
