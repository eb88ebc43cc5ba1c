local command = require "spec.cli.command"
local helper = require "spec.helper"
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

  it("takes its token from a command, a file or a variable, in this order", function()
    local path = helper.scratch "token"
    helper.write(path, sim.token .. "\n")
    os.execute("chmod 600 " .. path)
    local none = command.graph(sim, { GRAPH_TOKEN = "" })
    local bad = command.graph(sim, { GRAPH_TOKEN = "wrong" })
    for _, case in ipairs {
      { none, "--token-file", path },
      { bad, "--token-file", path },
      { bad, "--token-command", "cat " .. path },
      { command.graph(sim, { GRAPH_TOKEN = "", GRAPH_TOKEN_FILE = path }) },
      { command.graph(sim, { GRAPH_TOKEN = "", GRAPH_TOKEN_COMMAND = "cat " .. path }) },
    } do
      local code, _, err = command.run(case[1], "endpoint", "/me/drive/root",
        (table.unpack or unpack)(case, 2))
      assert.equal("", err)
      assert.equal(0, code)
    end
  end)

  it("says that a token file may be read by others", function()
    local path = helper.scratch "token"
    helper.write(path, sim.token)
    os.execute("chmod 644 " .. path)
    local code, _, err = command.run(command.graph(sim, { GRAPH_TOKEN = "" }),
      "endpoint", "/me/drive/root", "--token-file", path)
    assert.equal(0, code)
    assert.matches("may be read by others: chmod 600", err)
  end)

  it("ends with 3 where no token is, or a wrong one", function()
    for _, case in ipairs {
      { "", "^graphsocket: no token: run graphsocket login, or give one" },
      { "wrong", "401" },
      { "two words", "GRAPH_TOKEN must not contain spaces" },
      { "", "ended with exit code 1: no", "--token-command", "echo no >&2; exit 1" },
    } do
      local code, out, err = command.run(command.graph(sim, { GRAPH_TOKEN = case[1] }),
        "endpoint", "/me/drive/root", (table.unpack or unpack)(case, 3))
      assert.equal(3, code)
      assert.equal("", out)
      assert.matches(case[2], err)
      assert.equal(1, #command.lines(err))
    end
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
