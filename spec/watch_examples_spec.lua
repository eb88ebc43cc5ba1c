-- The examples of Graph that need more than a drive which changes: a crash, a
-- failure, a second run, a person.

local helper = require "spec.helper"
local lfs = require "lfs"
local simulator = require "spec.simulator"

describe("the example", function()
  local sim, running

  before_each(function()
    sim = simulator.start()
    running = {}
  end)
  after_each(function()
    for _, example in ipairs(running) do example:kill() end
    sim:stop()
  end)

  local function start(name, ...)
    local words = { helper.interpreter(), "examples/" .. name .. ".lua", ... }
    words.env = {
      LUA_PATH = package.path, LUA_CPATH = package.cpath,
      GRAPH_TOKEN = sim.token, GRAPH_BASE_URL = sim.graph, GRAPH_CA_FILE = sim.ca,
      GRAPH_AUTHORITY = sim.login, GRAPH_CLIENT_ID = sim.client_id,
    }
    running[#running + 1] = helper.spawn(words)
    return running[#running]
  end

  local function run(name, ...)
    local example = start(name, ...)
    assert.equal(0, example:wait())
    assert.equal("", example:err())
    return example:out()
  end

  local function until_joined()
    sim:post("wait", { ["for"] = { sockets = 1 } })
  end

  local function lines(text)
    local list = {}
    for line in text:gmatch "[^\n]+" do list[#list + 1] = line end
    return list
  end

  it("log_changes logs every change, and goes on where it was", function()
    local state = helper.scratch "drive.state"
    local example = start("log_changes", "3", state)
    until_joined()
    for _, id in ipairs { "a", "b" } do
      sim:post("items/create", { id = id, name = id .. ".txt" })
      helper.eventually(function() return example:out():find("created\t" .. id) end)
    end
    sim:post("items/delete", { id = "a" })
    assert.equal(0, example:wait())
    local log = example:out()
    assert.matches("\tcreated\ta\t/drives/.*/root:/a.txt\n", log)
    assert.matches("\tdeleted\ta\t\n", log)
    assert.matches("\tstate\tjoined\n", log)
    assert.matches("^%d%d%d%d%-%d%d%-%d%dT", log)
    sim:post("items/create", { id = "c", name = "odd\tname" })
    log = run("log_changes", "1", state)
    assert.matches("\tcreated\tc\t.*/odd%?name\n", log)
    assert.not_matches("a.txt", log)
  end)

  it("run_command runs its command with the changes, and again if it fails", function()
    local failed, counts = helper.scratch "failed", helper.scratch "counts"
    local command = ("[ -e %s ] || { touch %s; exit 1; }; echo $GRAPH_CHANGES >>%s; cat")
      :format(failed, failed, counts)
    local example = start("run_command", command, "4")
    until_joined()
    sim:post("items/create", { count = 3 })
    sim:post("items/create", { id = "d", name = "notes.txt" })
    assert.equal(0, example:wait())
    assert.equal(4, #lines(example:out()))
    assert.matches('"name":"notes.txt"', example:out(), 1, true)
    assert.matches("the command failed", example:err(), 1, true)
    assert.equal("4\n", helper.read(counts), "one run for all of them")
  end)

  it("run_command keeps names out of the shell", function()
    local bait = helper.scratch "bait"
    local name = ("$(touch %s); touch %s; `touch %s` ' \" \\"):format(bait, bait, bait)
    local example = start("run_command", "cat", "1")
    until_joined()
    sim:post("items/create", { name = name })
    assert.equal(0, example:wait())
    assert.matches("touch", example:out())
    assert.is_nil(helper.read(bait))
  end)

  it("mirror_list keeps a list, also over a crash and a resync", function()
    local list = helper.scratch "library.list"
    local function ids()
      local found = {}
      for _, line in ipairs(lines(helper.read(list) or "")) do
        found[#found + 1] = line:match "^[^\t]+":gsub("^root.*", "root")
      end
      return table.concat(found, " ")
    end
    for _, id in ipairs { "a", "b", "c" } do sim:post("items/create", { id = id }) end
    run("mirror_list", list, "4")
    assert.equal("a b c root", ids())
    local example = start("mirror_list", list)
    until_joined()
    sim:post("items/create", { id = "d" })
    sim:post("items/delete", { id = "b" })
    helper.eventually(function() return ids() == "a c d root" end)
    example:signal "KILL"
    example:wait()
    sim:post("items/delete", { id = "c" })
    sim:post "delta/resync"
    run("mirror_list", list, "1")
    assert.equal("a d root", ids())
    assert.is_nil(helper.read(list .. ".new"))
  end)

  it("device_code_login asks the person once, and not the next time", function()
    sim:post("settings", { device_interval = 0 })
    local cache = helper.scratch "tokens.json"
    local example = start("device_code_login", cache)
    helper.eventually(function() return sim:post("login/approve").codes == 1 end)
    assert.equal(0, example:wait())
    assert.matches("enter the code SIM", example:out(), 1, true)
    assert.equal("rw-------", lfs.attributes(cache, "permissions"))
    assert.matches("^signed in\t", run("device_code_login", cache))
  end)

  it("device_code_login says why it could not sign in", function()
    sim:post("settings", { device_interval = 0 })
    local example = start "device_code_login"
    helper.eventually(function() return sim:post("login/decline").codes == 1 end)
    assert.equal(1, example:wait())
    assert.matches("^auth: device login: the sign%-in was declined", example:err())
  end)
end)
