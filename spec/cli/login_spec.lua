local command = require "spec.cli.command"
local helper = require "spec.helper"
local simulator = require "spec.simulator"

describe("graphsocket login", function()
  local sim, home

  before_each(function()
    sim = simulator.start("--device-interval", "1", "--token-lifetime", "3600")
    home = helper.scratch "home"
  end)
  after_each(function() sim:stop() end)

  local function environment(more)
    local env = {
      HOME = home, GRAPH_CLIENT_ID = sim.client_id, GRAPH_AUTHORITY = sim.login,
      GRAPH_BASE_URL = sim.graph, GRAPH_CA_FILE = sim.ca,
    }
    for name, value in pairs(more or {}) do env[name] = value end
    return env
  end

  local function sign_in(env, ...)
    local process = command.start(env or environment(), "login", ...)
    helper.eventually(function()
      return process:out():find "code [A-Z0-9]" or process:ended()
    end, "a code is shown")
    local code = process:out():match "code ([A-Z0-9]+)"
    sim:post("login/approve", { user_code = code })
    return process:wait(), process
  end

  local function mode(path)
    local pipe = io.popen("stat -c %a " .. path)
    local text = pipe:read "*l"
    pipe:close()
    return text
  end

  it("signs in once, for all the other commands", function()
    local code, process = sign_in()
    assert.equal(0, code, process:err())
    assert.matches("You are signed in", process:out())
    local tokens = home .. "/.local/state/graphsocket/tokens.json"
    assert.equal("600", mode(tokens))
    assert.equal("600", mode(home .. "/.config/graphsocket/login.json"))
    assert.falsy(helper.read(home .. "/.config/graphsocket/login.json"):find "oken\"")
    local _, out, err = command.run(environment(), "endpoint", "/me/drive/root")
    assert.equal("", err)
    assert.matches("^resource", out)
  end)

  it("needs no person for a new token, and says when it does", function()
    sign_in()
    sim:post("tokens/revoke")
    local code, _, err = command.run(environment(), "endpoint", "/me/drive/root")
    assert.equal(0, code, err)
    sim:post("login/revoke")
    sim:post("tokens/revoke")
    code, _, err = command.run(environment(), "endpoint", "/me/drive/root")
    assert.equal(3, code)
    assert.matches("run graphsocket login", err)
    assert.equal(1, #command.lines(err))
  end)

  it("keeps the old login until the new one is there", function()
    sign_in()
    local process = command.start(environment(), "login")
    helper.eventually(function() return process:out():find "code [A-Z0-9]" end)
    process:signal "INT"
    assert.equal(130, process:wait())
    assert.equal(0, (command.run(environment(), "endpoint", "/me/drive/root")))
    process = command.start(environment(), "login")
    helper.eventually(function() return process:out():find "code [A-Z0-9]" end)
    sim:post("login/decline", { user_code = process:out():match "code ([A-Z0-9]+)" })
    assert.equal(3, process:wait())
    assert.matches("the sign%-in was declined", process:err())
    assert.equal(0, (command.run(environment(), "endpoint", "/me/drive/root")))
  end)

  it("gives records for programs, and heeds the XDG folders", function()
    local env = environment { XDG_STATE_HOME = home .. "/s", XDG_CONFIG_HOME = home .. "/c" }
    local process = command.start(env, "login", "--json")
    helper.eventually(function() return process:out():find "\n" end)
    local prompt = command.records(process:out(), "prompt")[1]
    sim:post("login/approve", { user_code = prompt.userCode })
    assert.equal(0, process:wait())
    assert.equal("login", command.records(process:out())[2].type)
    assert.truthy(helper.read(home .. "/s/graphsocket/tokens.json"))
    assert.truthy(helper.read(home .. "/c/graphsocket/login.json"))
  end)

  it("forgets", function()
    sign_in()
    local code, out = command.run(environment(), "login", "--forget")
    assert.equal(0, code)
    assert.matches("removed", out)
    code = command.run(environment(), "endpoint", "/me/drive/root")
    assert.equal(3, code)
  end)

  it("needs an application's id", function()
    local code, _, err = command.run(environment { GRAPH_CLIENT_ID = "" }, "login")
    assert.equal(2, code)
    assert.matches("%-%-client%-id is missing", err)
  end)
end)
