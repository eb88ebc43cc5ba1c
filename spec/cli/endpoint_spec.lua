local command = require "spec.cli.command"
local simulator = require "spec.simulator"

describe("graphsocket endpoint", function()
  local sim
  setup(function() sim = simulator.start() end)
  teardown(function() sim:stop() end)
  before_each(function() sim:reset() end)

  it("shows an endpoint, and its URL only if asked to", function()
    local env = command.graph(sim)
    local code, out, err = command.run(env, "endpoint", "/me/drive/root")
    assert.equal(0, code)
    assert.equal("", err)
    assert.matches("^resource  /me/drive/root\nid        %S+\nhost      localhost\n"
      .. "expires   %S+Z %(in %d+ min%)\n$", out)
    code, out = command.run(env, "endpoint", "/me/drive/root", "--show-url")
    assert.equal(0, code)
    assert.matches("\nurl       https://localhost:%d+/notifications%?token=", out)
  end)

  it("gives a record for programs", function()
    local _, out = command.run(command.graph(sim), "endpoint", "/me/drive/root", "--json")
    local records = command.records(out)
    assert.equal(1, #records)
    assert.equal("endpoint", records[1].type)
    assert.equal("/me/drive/root", records[1].resource)
    assert.matches("^%d+%-%d+%-%d+T", records[1].expiresAt)
    assert.is_nil(records[1].url)
    assert.not_matches("token=", out)
  end)

  it("ends with 1 where the network fails, and shows no secret", function()
    local code, out, err = command.run(
      command.graph(sim, { GRAPH_BASE_URL = "https://127.0.0.1:1/v1.0" }),
      "endpoint", "/me/drive/root", "--retries", "0", "--json")
    assert.equal(1, code)
    assert.matches("connection refused", err)
    local record = command.records(out, "error")[1]
    assert.equal("network", record.kind)
    assert.is_true(record.final)
    assert.falsy((out .. err):find(sim.token, 1, true))
  end)

  it("ends with 124 when its time is over", function()
    sim:fault { on = "subscription", hang = true, times = "always" }
    local code, _, err = command.run(command.graph(sim), "endpoint", "/me/drive/root",
      "--timeout", "0.5")
    assert.equal(124, code)
    assert.matches("ended after 0.5 s %(%-%-timeout%)", err)
  end)

  it("checks certificates, unless it is told not to", function()
    local env = command.graph(sim, { GRAPH_CA_FILE = "" })
    local code, _, err = command.run(env, "endpoint", "/me/drive/root", "--retries", "0")
    assert.equal(1, code)
    assert.matches("certificate", err)
    code = command.run(env, "endpoint", "/me/drive/root", "--no-verify")
    assert.equal(0, code)
  end)
end)
