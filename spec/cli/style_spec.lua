-- Colours, on pseudo terminals of script(1).

local command = require "spec.cli.command"
local simulator = require "spec.simulator"

describe("kinds of changes have colours", function()
  local sim
  setup(function() sim = simulator.start() end)
  teardown(function() sim:stop() end)

  -- What a terminal shows of one change.
  local function shown(env, more)
    local process = command.terminal(command.graph(sim, env),
      "graphsocket watch /me/drive/root --from beginning --once" .. (more or ""))
    assert.equal(0, process:wait(), process:out())
    return process:out()
  end

  it("on a terminal", function()
    assert.matches("\27%[32mcreated\27%[0m", shown())
    assert.matches("\27%[32mcreated\27%[0m", shown { NO_COLOR = "" })
  end)

  it("unless NO_COLOR is set", function()
    local out = shown { NO_COLOR = "1" }
    assert.matches("  created  /", out)
    assert.not_matches("\27%[%d+m", out)
  end)

  it("unless the terminal knows no control sequences, which has no status line either", function()
    local process = command.terminal(command.graph(sim, { TERM = "dumb" }),
      "graphsocket watch /me/drive/root --from beginning --timeout 0.5")
    assert.equal(124, process:wait())
    assert.matches("  created  /", process:out())
    assert.not_matches("\27", process:out())
  end)

  it("unless the output goes elsewhere", function()
    local out = shown(nil, " | cat")
    assert.matches("  created  /", out)
    assert.not_matches("\27%[32m", out)
  end)
end)
