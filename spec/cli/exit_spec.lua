local errors = require "graphsocket.errors"
local exit = require "graphsocket.cli.exit"

describe("the exit code", function()
  it("tells a script what went wrong", function()
    for _, case in ipairs {
      { 1, { kind = "network" } }, { 1, { kind = "tls" } }, { 1, { kind = "timeout" } },
      { 1, { kind = "protocol" } }, { 1, { kind = "graph", status = 404 } },
      { 2, { kind = "usage" } },
      { 3, { kind = "auth" } }, { 3, { kind = "graph", status = 401 } },
      { 3, { kind = "graph", status = 403 } },
      { 4, { kind = "state" } },
    } do
      case[2].message = "it"
      assert.equal(case[1], exit.of(errors.new(case[2])), case[2].kind)
    end
  end)

  it("of an error that is none of the library's is 1", function()
    assert.equal(1, exit.of "raised")
    assert.equal(1, exit.of(nil))
  end)
end)
