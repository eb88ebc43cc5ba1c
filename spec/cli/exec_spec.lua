-- watch --exec and --exec-batch: commands for changes, each change at least
-- once.

local command = require "spec.cli.command"
local helper = require "spec.helper"
local simulator = require "spec.simulator"

describe("graphsocket watch", function()
  local sim

  before_each(function() sim = simulator.start() end)
  after_each(function() sim:stop() end)

  local function run(...)
    return command.run(command.graph(sim), "watch", "/me/drive/root", ...)
  end

  it("--exec gives a change in the environment and on standard input", function()
    sim:post("items/create", { id = "a", name = "a.txt" })
    local code, out, err = run("--from", "beginning", "--once", "--exec",
      [[printf '%s|' "$GRAPHSOCKET_KIND" "$GRAPHSOCKET_ID" "$GRAPHSOCKET_NAME" \
        "$GRAPHSOCKET_PATH" "$GRAPHSOCKET_RESOURCE" "$GRAPHSOCKET_FOLDER"; cat]])
    assert.equal(0, code, err)
    local lines = command.lines(out)
    assert.equal("created|a|a.txt|/a.txt|/me/drive/root||", lines[2]:match "^[^{]*")
    local record = command.records(lines[2]:match "{.*")[1]
    assert.equal("change", record.type)
    assert.equal("a.txt", record.item.name)
  end)

  it("--exec-batch gives all changes of a round", function()
    sim:post("items/create", { count = 3 })
    local code, out = run("--from", "beginning", "--once", "--exec-batch",
      [[echo "$GRAPHSOCKET_CHANGES $GRAPHSOCKET_CREATED $GRAPHSOCKET_DELETED"; wc -l]])
    assert.equal(0, code)
    assert.matches("^4 4 0\n%s*4\n$", out)
  end)

  it("keeps names out of the shell", function()
    local bait = helper.scratch "bait"
    local name = ("$(touch %s); touch %s; `touch %s` ' \" \\ \n"):format(bait, bait, bait)
    sim:post("items/create", { name = name })
    local _, out = run("--from", "beginning", "--once", "--exec",
      [[printf '<%s>' "$GRAPHSOCKET_NAME"]])
    assert.equal("<root><" .. name .. ">", out)
    assert.is_nil(helper.read(bait))
  end)

  it("gives more changes than a pipe holds to who does not read them", function()
    sim:post("items/generate", { count = 2000 })
    local code, out = run("--from", "beginning", "--once", "--exec-batch",
      "echo $GRAPHSOCKET_CHANGES")
    assert.equal(0, code)
    assert.equal("2001\n", out)
  end)

  it("runs a command that failed again, and only that one", function()
    for _, id in ipairs { "a", "b", "c" } do sim:post("items/create", { id = id, name = id }) end
    local log, failed = helper.scratch "log", helper.scratch "failed"
    local code, _, err = run("--from", "beginning", "--once", "--exec",
      ([[echo $GRAPHSOCKET_NAME >>%s; [ $GRAPHSOCKET_NAME != b ] || [ -e %s ] ||
        { touch %s; exit 3; }]]):format(log, failed, failed))
    assert.equal(0, code)
    assert.equal("root\na\nb\nb\nc\n", helper.read(log))
    assert.matches("graphsocket: the command failed: it ended with exit code 3\n", err, 1, true)
  end)

  it("runs a batch that failed again, with all its changes", function()
    sim:post("items/create", { count = 2 })
    local log, failed = helper.scratch "log", helper.scratch "failed"
    local code = run("--from", "beginning", "--once", "--exec-batch",
      ([[wc -l >>%s; [ -e %s ] || { touch %s; exit 1; }]]):format(log, failed, failed))
    assert.equal(0, code)
    assert.same({ "3", "3" }, command.lines(helper.read(log)))
  end)

  it("keeps the place while a command fails", function()
    sim:post("items/create", { id = "a", name = "a" })
    local state = helper.scratch "state"
    local code = run("--from", "beginning", "--state", state, "--timeout", "0.5",
      "--exec", "false")
    assert.equal(124, code)
    assert.is_nil(helper.read(state))
  end)

  describe("ends its command with itself:", function()
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
