local command = require "spec.cli.command"
local helper = require "spec.helper"
local simulator = require "spec.simulator"

describe("graphsocket watch", function()
  local sim, running

  before_each(function()
    sim = simulator.start()
    running = {}
  end)
  after_each(function()
    for _, process in ipairs(running) do process:kill() end
    sim:stop()
  end)

  local function start(...)
    running[#running + 1] = command.start(command.graph(sim), "watch",
      "/me/drive/root", ...)
    return running[#running]
  end

  local function run(...)
    return command.run(command.graph(sim), "watch", "/me/drive/root", ...)
  end

  local function until_joined()
    sim:post("wait", { ["for"] = { sockets = 1 } })
  end

  local function until_out(process, words)
    helper.eventually(function() return process:out():find(words, 1, true) end,
      words .. " is printed")
  end

  it("prints each change as a line", function()
    local process = start()
    until_joined()
    sim:post("items/create", { id = "a", name = "a.txt" })
    until_out(process, "a.txt")
    sim:post("items/create", { id = "f", name = "folder", fields = { folder = { childCount = 0 } } })
    until_out(process, "/folder/")
    sim:post("items/delete", { id = "a" })
    until_out(process, "deleted")
    process:signal "INT"
    assert.equal(130, process:wait())
    local lines = command.lines(process:out())
    assert.matches("^%d%d:%d%d:%d%d  created  /a.txt$", lines[1])
    assert.matches("  deleted  a$", lines[#lines])
    assert.equal("connected\n", process:err())
  end)

  it("makes names harmless", function()
    sim:post("items/create", { name = "\27[2J\nfake  deleted" })
    local _, out = run("--from", "beginning", "--once")
    assert.matches("created  /\\x1b%[2J\\nfake  deleted\n", out)
    assert.equal(2, #command.lines(out))
  end)

  it("gives records for programs", function()
    sim:post("items/create", { id = "a", name = "ü \27.txt" })
    local code, out, err = run("--from", "beginning", "--once", "--json")
    assert.equal(0, code)
    assert.equal("", err)
    local changes = command.records(out, "change")
    assert.equal(2, #changes)
    local record = changes[2]
    assert.equal("created", record.kind)
    assert.equal("a", record.id)
    assert.equal("ü \27.txt", record.name)
    assert.equal("/ü \27.txt", record.path)
    assert.equal(sim.ids.drive, record.driveId)
    assert.equal("/me/drive/root", record.resource)
    assert.equal("a", record.item.id)
    assert.matches("^%d+%-%d+%-%d+T%d+:%d+:%d+Z$", record.time)
    local sync = command.records(out, "sync")[1]
    assert.equal(2, sync.items)
    assert.equal(1, sync.round)
  end)

  it("goes on where it was", function()
    local state = helper.scratch "state"
    assert.equal(0, (run("--state", state, "--once")))
    sim:post("items/create", { id = "a", name = "a.txt" })
    local code, out = run("--state", state, "--once")
    assert.equal(0, code)
    assert.matches("^%S+  created  /a.txt\n$", out)
    code, out = run("--state", state, "--once")
    assert.equal(0, code)
    assert.equal("", out)
  end)

  it("keeps its place when it is ended by a signal", function()
    for _, name in ipairs { "TERM", "HUP", "INT" } do
      local state = helper.scratch "state"
      assert.equal(0, (run("--state", state, "--once")))
      local process = start("--state", state)
      sim:post("items/create", { id = name, name = name })
      until_out(process, name)
      process:signal(name)
      assert.is_true(process:wait() > 128)
      local _, out = run("--state", state, "--once")
      assert.equal("", out, "after " .. name)
    end
  end)

  it("ends with 4 where the state cannot be used", function()
    local state = helper.scratch "state"
    helper.write(state, "rubbish")
    local code, _, err = run("--state", state, "--once")
    assert.equal(4, code)
    assert.matches("^graphsocket: state file .* is damaged", err)
    local process = start("--state", state .. "2")
    until_joined()
    code, _, err = run("--state", state .. "2", "--once")
    assert.equal(4, code)
    assert.matches("in use by process " .. process.pid, err, 1, true)
    process:signal "TERM"
    process:wait()
  end)

  it("ends with 124 when its time is over", function()
    local code, _, err = run("--timeout", "0.3")
    assert.equal(124, code)
    assert.matches("ended after 0.3 s", err)
  end)

  it("ends with 3 where the token is refused for good", function()
    local code, out, err = command.run(command.graph(sim, { GRAPH_TOKEN = "wrong" }),
      "watch", "/me/drive/root", "--json")
    assert.equal(3, code)
    assert.equal(1, #command.lines(err), err)
    local last = command.records(out, "error")
    assert.is_true(last[#last].final)
    assert.equal(401, last[#last].status)
  end)

  it("keeps the place if nobody reads its output", function()
    for i = 1, 3 do sim:post("items/create", { id = "i" .. i, name = "n" .. i }) end
    local state = helper.scratch "state"
    local process = command.shell(command.graph(sim),
      "set -o pipefail; graphsocket watch /me/drive/root --from beginning --state "
      .. state .. " | head -n 1; echo ended with ${PIPESTATUS[0]}")
    running[#running + 1] = process
    -- Ended by the pipe alone: nothing changes any more.
    assert.equal(0, process:wait())
    assert.matches("created  /\nended with 141\n", process:out())
    assert.not_matches("traceback", process:err())
  end)

  it("ends with 1 where its output cannot be written, and keeps the place", function()
    sim:post("items/create", { id = "a", name = "a.txt" })
    local state = helper.scratch "state"
    local process = command.shell(command.graph(sim),
      "graphsocket watch /me/drive/root --once --from beginning --state "
      .. state .. " >/dev/full")
    assert.equal(1, process:wait())
    assert.equal("graphsocket: standard output: No space left on device\n", process:err())
    assert.is_nil(helper.read(state))
    local _, out = run("--once", "--from", "beginning", "--state", state)
    assert.matches("a.txt", out)
  end)
end)
