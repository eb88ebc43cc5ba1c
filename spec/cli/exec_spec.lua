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
end)
