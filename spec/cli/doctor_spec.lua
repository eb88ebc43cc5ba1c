-- What there is to find is in checks_spec.lua.

local command = require "spec.cli.command"
local simulator = require "spec.simulator"

describe("graphsocket doctor", function()
  local sim
  setup(function() sim = simulator.start() end)
  teardown(function() sim:stop() end)

  it("finds nothing where all is well", function()
    local code, out, err = command.run(command.graph(sim), "doctor")
    assert.equal("", err)
    assert.equal(0, code)
    local names = {}
    for name in out:gmatch "ok      (%S+)" do names[#names + 1] = name end
    assert.equal("proxy dns connection tls clock token permission endpoint websocket",
      table.concat(names, " "))
    assert.falsy(out:find(sim.token, 1, true))
  end)

  it("gives records for programs", function()
    local _, out = command.run(command.graph(sim, { GRAPH_TOKEN = "wrong" }),
      "doctor", "--json")
    local records = command.records(out, "check")
    local last = records[#records]
    assert.equal("permission", last.name)
    assert.is_false(last.ok)
    assert.equal(401, last.status)
    assert.equal("string", type(last.advice))
  end)
end)
