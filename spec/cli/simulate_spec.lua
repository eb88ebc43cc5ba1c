local cjson = require "cjson"
local command = require "spec.cli.command"
local helper = require "spec.helper"

describe("graphsocket simulate", function()
  it("runs the simulator until it is ended", function()
    local process = command.start({}, "simulate", "--", "--demo", "--demo-every", "100")
    local where = cjson.decode(process:line())
    local code, out = command.run(command.graph({
      token = where.token, graph = where.graph, ca = where.ca,
    }), "subscribe", "/me/drive/root", "--once")
    assert.equal(0, code)
    assert.matches("changed", out)
    process:signal "TERM"
    assert.equal(143, process:wait())
    assert.is_nil(helper.read("/proc/" .. where.pid .. "/stat"), "it is gone as well")
  end)

  it("hands its options on, and their errors back", function()
    local code, out = command.run({}, "simulate", "--", "--help")
    assert.equal(0, code)
    assert.matches("Usage: node", out)
    code = command.run({}, "simulate", "--", "--nonsense")
    assert.not_equal(0, code)
  end)

  it("says where it looked, and how to get it", function()
    local code, _, err = command.run({ GRAPHSOCKET_SIMULATOR = "/nowhere" }, "simulate")
    assert.equal(4, code)
    assert.matches("not here %(looked for /nowhere%): clone graphsocket's source, run npm ci",
      err)
  end)
end)
