-- What other users of the machine can see of the command: its files, and the list
-- of processes. That a token is refused as an argument is in arguments_spec.lua.

local command = require "spec.cli.command"
local helper = require "spec.helper"
local lfs = require "lfs"
local simulator = require "spec.simulator"

describe("other users of the machine", function()
  local sim, home

  before_each(function()
    sim = simulator.start("--device-interval", "1")
    home = helper.scratch "home"
    assert(lfs.mkdir(home))
  end)
  after_each(function() sim:stop() end)

  -- A line of the shell that "graphsocket" is a command of.
  local function run(line)
    return command.shell({
      HOME = home, GRAPH_BASE_URL = sim.graph, GRAPH_CA_FILE = sim.ca, GRAPH_TOKEN_FILE = home .. "/token",
      GRAPH_CLIENT_ID = sim.client_id, GRAPH_AUTHORITY = sim.login,
    }, line)
  end

  -- The files, and the folders, that they may read, write or enter.
  local function open_to_others()
    local _, paths = helper.run { "find", home, "-mindepth", "1", "-perm", "/077" }
    return paths
  end

  local function put_token()
    helper.write(home .. "/token", sim.token)
    helper.run { "chmod", "600", home .. "/token" }
  end

  it("cannot open the files of a watch, whatever the umask", function()
    put_token()
    local process = run("umask 000; graphsocket watch /me/drive/root --once --from beginning --state $HOME/place")
    assert.equal(0, process:wait(), process:err())
    assert.is_string(helper.read(home .. "/place"))
    assert.is_string(helper.read(home .. "/place.lock"))
    assert.equal("", open_to_others())
  end)

  it("cannot open the files of a login, whatever the umask", function()
    local process = run("umask 000; graphsocket login")
    local code
    helper.eventually(function()
      code = process:out():match "code ([A-Z0-9]+)"
      return code or process:ended()
    end, "a code is shown")
    sim:post("login/approve", { user_code = code })
    assert.equal(0, process:wait(), process:err())
    assert.is_string(helper.read(home .. "/.local/state/graphsocket/tokens.json"))
    assert.equal("", open_to_others())
  end)

  -- With the token in the environment of the command, and in a file.
  for _, given in ipairs { 'export GRAPH_TOKEN="$(cat $HOME/token)" GRAPH_TOKEN_FILE=; ', "" } do
    it("find no token in the list of processes" .. (given == "" and ", from a file" or ""), function()
      put_token()
      local process = run(given .. [[graphsocket watch /me/drive/root --once --from beginning \
        --exec 'tr "\0" " " </proc/$PPID/cmdline; tr "\0" " " </proc/$$/cmdline; :']])
      assert.equal(0, process:wait(), process:err())
      -- Its own words, and those of the command that it runs.
      assert.matches("graphsocket watch", process:out(), 1, true)
      assert.matches("sh -c tr", process:out(), 1, true)
      assert.is_nil(process:out():find(sim.token, 1, true))
    end)
  end
end)
