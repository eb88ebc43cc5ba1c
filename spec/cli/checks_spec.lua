-- What graphsocket doctor finds, and advises. How it tells of that is in
-- doctor_spec.lua.

local command = require "spec.cli.command"
local simulator = require "spec.simulator"

describe("the checks of graphsocket doctor", function()
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

  it("find the first that is wrong, and say what to do", function()
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

  it("find a clock that is wrong", function()
    sim:post("settings", { clock = 7200 })
    local failed, advice, code, out = diagnose()
    assert.equal("clock", failed)
    assert.equal(4, code)
    assert.matches("this clock is %d+ %a+ behind", out)
    assert.matches("timedatectl", advice)
  end)

  it("find a permission, an endpoint and a websocket that are refused", function()
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
end)
