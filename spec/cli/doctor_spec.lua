local command = require "spec.cli.command"
local simulator = require "spec.simulator"

describe("graphsocket doctor", function()
  local sim
  setup(function() sim = simulator.start() end)
  teardown(function() sim:stop() end)
  before_each(function()
    sim:reset()
    sim:post("settings", { clock = 0 })
  end)

  -- The first that is wrong, the advice, and the exit code.
  local function diagnose(env, ...)
    local code, out, err = command.run(command.graph(sim, env), "doctor", ...)
    local failed = out:match "FAILED  (%S+)"
    local advice = out:match "what to do: (.*)\n$"
    assert.equal("", err)
    assert.equal(failed == nil, code == 0)
    assert.equal(failed == nil, advice == nil)
    return failed, advice, code, out
  end

  it("finds nothing where all is well", function()
    local failed, _, _, out = diagnose()
    assert.is_nil(failed)
    local names = {}
    for name in out:gmatch "ok      (%S+)" do names[#names + 1] = name end
    assert.equal("proxy dns connection tls clock token permission endpoint websocket",
      table.concat(names, " "))
    assert.falsy(out:find(sim.token, 1, true))
  end)

  it("finds the first that is wrong, and says what to do", function()
    for _, case in ipairs {
      { "proxy", 2, "--no-proxy", { https_proxy = "socks5://127.0.0.1:1" } },
      { "dns", 1, "name server", { GRAPH_BASE_URL = "https://nothing.invalid/v1.0" } },
      { "connection", 1, "firewall", { GRAPH_BASE_URL = "https://127.0.0.1:1/v1.0" } },
      { "tls", 1, "--ca-file", { GRAPH_CA_FILE = "" } },
      { "token", 3, "graphsocket login", { GRAPH_TOKEN = "" } },
      { "permission", 3, "get another one", { GRAPH_TOKEN = "wrong" } },
      { "token", 3, "get another one",
        { GRAPH_TOKEN = "eyJhbGciOiJub25lIn0.eyJleHAiOjF9." } },
      -- {"roles":["Files.Read.All"]}
      { "token", 3, "get another one",
        { GRAPH_TOKEN = "eyJhbGciOiJub25lIn0.eyJyb2xlcyI6WyJGaWxlcy5SZWFkLkFsbCJdfQ." } },
      { "permission", 1, "graphsocket drives", {}, "/drives/unknown/root" },
    } do
      local failed, advice, code = diagnose(case[4], case[5])
      assert.equal(case[1], failed)
      assert.equal(case[2], code)
      assert.truthy(advice:find(case[3], 1, true), advice)
    end
  end)

  it("finds a clock that is wrong", function()
    sim:post("settings", { clock = 7200 })
    local failed, advice, code, out = diagnose()
    assert.equal("clock", failed)
    assert.equal(4, code)
    assert.matches("this clock is %d+ %a+ behind", out)
    assert.matches("timedatectl", advice)
  end)

  it("finds a permission, an endpoint and a websocket that are refused", function()
    sim:fault { on = "any", path = "/me/drive/root", status = 403, code = "accessDenied" }
    local failed, advice = diagnose()
    assert.equal("permission", failed)
    assert.matches("Files.Read", advice)
    sim:fault { on = "subscription", status = 400, code = "invalidRequest" }
    assert.equal("endpoint", (diagnose()))
    sim:fault { on = "namespace", message = "no" }
    failed, advice = diagnose()
    assert.equal("websocket", failed)
    assert.matches("let localhost through", advice)
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
