-- What a command that goes on tells of its connection: in lines, at the foot of
-- a terminal, and nothing where it shall be quiet.

local command = require "spec.cli.command"
local helper = require "spec.helper"
local simulator = require "spec.simulator"

describe("a command that goes on", function()
  local sim, running

  before_each(function() sim, running = simulator.start(), {} end)
  after_each(function()
    for _, process in ipairs(running) do process:kill() end
    sim:stop()
  end)

  local function keep(process)
    running[#running + 1] = process
    return process
  end

  local function start(...)
    return keep(command.start(command.graph(sim), ...))
  end

  it("tells of a lost connection, and is quiet if it shall", function()
    local process = start("watch", "/me/drive/root")
    local quiet = start("watch", "/me/drive/root", "--quiet")
    sim:post("wait", { ["for"] = { sockets = 2 } })
    sim:post("sockets/disconnect", { how = "fin" })
    helper.eventually(function()
      return process:err():find "disconnected: transport close\n.*connected again\n"
    end, "it tells of it")
    sim:post("items/create", { id = "a", name = "a.txt" })
    helper.eventually(function() return quiet:out():find("a.txt", 1, true) end, "the change is printed")
    assert.equal("", quiet:err())
  end)

  it("says each step, if it shall, and no secret", function()
    local process = start("subscribe", "/me/drive/root", "--verbose")
    helper.eventually(function() return process:err():find("state: connected\n", 1, true) end, "it is joined")
    process:signal "INT"
    process:wait()
    assert.matches("token: GRAPH_TOKEN\nstate: asking for an endpoint\n"
      .. "state: connecting\nstate: connected\n", process:err())
    assert.falsy(process:err():find(sim.token, 1, true))
    assert.not_matches("token=", process:err())
  end)

  it("says why it is not connected, and when it tries again", function()
    sim:fault { on = "subscription", status = 503, times = "always", retry_after = 60 }
    local process = keep(command.terminal(command.graph(sim), "graphsocket subscribe /me/drive/root"))
    helper.eventually(function()
      return process:out():find("not connected, next attempt in ", 1, true)
    end, "the status line tells it")
    assert.matches("graphsocket: .*503", process:out():gsub("\27%[%d*m", ""), nil)
  end)

  it("gives records of its states for programs, and none if it shall be quiet", function()
    local process = start("subscribe", "/me/drive/root", "--json")
    local quiet = start("subscribe", "/me/drive/root", "--json", "--quiet")
    helper.eventually(function() return process:out():find('"connect"', 1, true) end, "it is joined")
    sim:post("wait", { ["for"] = { sockets = 2 } })
    sim:post("notify", { count = 1 })
    helper.eventually(function() return quiet:out():find "\n" end, "a notification came")
    for _, record in ipairs(command.records(quiet:out())) do
      assert.equal("notification", record.type)
    end
    local states = {}
    for i, record in ipairs(command.records(process:out(), "state")) do states[i] = record.state end
    assert.same({ "fetching", "connecting", "joined" }, states)
  end)

  it("ends, and says why once, where there is no hope", function()
    sim:fault { on = "subscription", status = 403, code = "accessDenied", times = "always" }
    local process = start("subscribe", "/me/drive/root", "--json")
    assert.equal(3, process:wait())
    assert.equal(1, #command.records(process:out(), "error"))
    assert.equal(1, #command.lines(process:err()))
  end)
end)
