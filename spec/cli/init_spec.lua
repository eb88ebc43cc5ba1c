-- The command as a process: what it is started with, and what it ends with.

local command = require "spec.cli.command"
local helper = require "spec.helper"
local simulator = require "spec.simulator"

describe("the command", function()
  local function run(line, env)
    local process = command.shell(env or {}, line)
    return process:wait(), process:out(), process:err()
  end

  it("names the module that is missing, in one line", function()
    local code, out, err = run("export LUA_PATH='lua/?.lua;lua/?/init.lua'; graphsocket --version")
    assert.equal(1, code)
    assert.equal("", out)
    assert.matches("argparse", err, 1, true)
    assert.equal(1, #command.lines(err))
  end)

  it("says that its help and its version cannot be written", function()
    for _, words in ipairs { "--version", "--help", "watch --help" } do
      local code, _, err = run("graphsocket " .. words .. " >/dev/full")
      assert.equal("graphsocket: standard output: No space left on device\n", err)
      assert.equal(1, code)
    end
  end)

  describe("started without", function()
    local sim
    setup(function() sim = simulator.start() end)
    teardown(function() sim:stop() end)

    it("a standard input is at the end of it", function()
      local servers = helper.service "interop/index.js"
      local code, out, err = run(("graphsocket connect %s --emit 'echo 5' --ack <&-")
        :format(servers.info.v4.url))
      servers:stop()
      assert.equal(0, code, err)
      assert.matches("ack echo  5\n$", out)
    end)

    it("a standard output says so", function()
      local code, _, err = run("graphsocket endpoint /me/drive/root >&-", command.graph(sim))
      assert.equal(1, code)
      assert.equal("graphsocket: standard output: Bad file descriptor\n", err)
    end)

    it("any descriptor runs its commands none the less", function()
      local log = helper.scratch "log"
      local code = run(("graphsocket watch /me/drive/root --from beginning --once --exec 'cat >%s' <&- >&- 2>&-")
        :format(log), command.graph(sim))
      assert.equal(0, code)
      assert.equal("change", command.records(helper.read(log))[1].type)
    end)
  end)
end)
