local command = require "spec.cli.command"

describe("a variable of the environment", function()
  it("is not asked where an option says otherwise", function()
    local code, _, err = command.run({ GRAPH_BASE_URL = "nonsense", GRAPH_CLOUD = "mars" },
      "watch", "/me/drive/root", "--cloud", "global")
    assert.equal(3, code)
    assert.matches("^graphsocket: no token", err)
    code = command.run({ GRAPH_CLOUD = "mars" },
      "watch", "/me/drive/root", "--base-url", "https://localhost")
    assert.equal(3, code)
  end)

  it("that cannot be used is named", function()
    local code, _, err = command.run({ GRAPH_CLOUD = "mars" }, "watch", "/me/drive/root")
    assert.equal(2, code)
    assert.matches("^graphsocket watch: GRAPH_CLOUD: 'mars' is no cloud", err)
    code, _, err = command.run({ GRAPH_CA_FILE = "/nonexistent" }, "watch", "/me/drive/root")
    assert.equal(2, code)
    assert.matches("GRAPH_CA_FILE: the file cannot be read", err)
    code, _, err = command.run({ GRAPH_TENANT = "a/b" }, "login", "--client-id", "1")
    assert.equal(2, code)
    assert.matches("GRAPH_TENANT: 'a/b' is no tenant", err, 1, true)
  end)
end)
