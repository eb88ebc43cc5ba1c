-- The commands that watch runs: what they are given, and that none outlives it.
-- When they are run is in exec_spec.lua.

local command = require "spec.cli.command"
local helper = require "spec.helper"
local simulator = require "spec.simulator"

describe("the command of a watch", function()
  local sim

  before_each(function() sim = simulator.start() end)
  after_each(function() sim:stop() end)

  local function run(...)
    return command.run(command.graph(sim), "watch", "/me/drive/root", ...)
  end

  it("finds no name in the words of its shell", function()
    local bait = helper.scratch "bait"
    local name = ("$(touch %s); touch %s; `touch %s` ' \" \\ \n"):format(bait, bait, bait)
    sim:post("items/create", { name = name })
    local _, out = run("--from", "beginning", "--once", "--exec",
      [[printf '<%s>' "$GRAPHSOCKET_NAME"]])
    assert.equal("<root><" .. name .. ">", out)
    assert.is_nil(helper.read(bait))
  end)

  it("need not read its input, be it more than a pipe holds", function()
    sim:post("items/generate", { count = 2000 })
    local code, out = run("--from", "beginning", "--once", "--exec-batch",
      "echo $GRAPHSOCKET_CHANGES")
    assert.equal(0, code)
    assert.equal("2001\n", out)
  end)

  describe("ends with it:", function()
    -- Waits until the command has written the pid that it runs as.
    local function until_up(path)
      helper.eventually(function()
        return (helper.read(path) or ""):find "\n"
      end, "the command runs")
    end

    -- Starts a command that says so, and ends the watch with a signal.
    local function interrupt(name, line, state)
      local up = helper.scratch "up"
      local process = command.start(command.graph(sim), "watch", "/me/drive/root",
        "--from", "beginning", "--state", state, "--exec", (line:gsub("UP", up)))
      until_up(up)
      process:signal(name)
      return process:wait(), process, helper.read(up)
    end

    local function is_alive(pid)
      return helper.read(("/proc/%s/stat"):format(pid:match "%d+")) ~= nil
    end

    it("one that ends by a signal; its change comes again", function()
      local state = helper.scratch "state"
      local code, _, pid = interrupt("TERM", "echo $$ >UP; sleep 100 & wait", state)
      assert.equal(143, code)
      assert.is_false(is_alive(pid))
      assert.is_nil(helper.read(state))
    end)

    it("one that ends in order; its change is done", function()
      local state = helper.scratch "state"
      local code = interrupt("INT", "trap 'exit 0' TERM; echo $$ >UP; sleep 100 & wait",
        state)
      assert.equal(130, code)
      -- The root is all there was.
      assert.truthy(helper.read(state))
    end)

    it("one that does not want to, at the second signal", function()
      local up = helper.scratch "up"
      local process = command.start(command.graph(sim), "watch", "/me/drive/root",
        "--from", "beginning", "--exec",
        ("trap '' TERM; echo $$ >%s; sleep 100 & wait; sleep 100"):format(up))
      until_up(up)
      process:signal "INT"
      -- Ctrl-C, until it works.
      helper.eventually(function()
        if process:ended() then return true end
        process:signal "INT"
      end)
      assert.equal(130, process:wait())
      assert.is_false(is_alive(helper.read(up)))
    end)
  end)
end)
