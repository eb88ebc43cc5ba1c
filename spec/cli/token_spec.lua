-- Where a command's token is from, by the one that needs nothing else.

local command = require "spec.cli.command"
local helper = require "spec.helper"
local simulator = require "spec.simulator"

describe("a command that needs a token", function()
  local sim

  setup(function() sim = simulator.start() end)
  teardown(function() sim:stop() end)

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

  it("trims what a variable gives", function()
    local code, _, err = command.run(command.graph(sim, { GRAPH_TOKEN = " " .. sim.token .. "\r\n" }),
      "endpoint", "/me/drive/root")
    assert.equal(0, code, err)
  end)

  it("reads a page of nothing but space as no token", function()
    local path = helper.scratch "token"
    helper.write(path, (" \n"):rep(128 * 1024))
    os.execute("chmod 600 " .. path)
    local code, _, err = command.run(command.graph(sim, { GRAPH_TOKEN = "" }),
      "endpoint", "/me/drive/root", "--token-file", path)
    assert.equal(3, code)
    assert.matches("the token file .* must not be empty", err)
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
      { " ", "GRAPH_TOKEN must not be empty" },
      { "a\nb", "GRAPH_TOKEN must not contain a newline or another control character %(" },
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
end)
