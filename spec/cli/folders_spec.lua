-- Each case in a process, which has the environment that it is about.

local helper = require "spec.helper"

local function folders(env)
  local words = {
    helper.interpreter(), "-e",
    'local folders = require "graphsocket.cli.folders" print(folders.state(), folders.config())',
  }
  words.env = {
    LUA_PATH = package.path, LUA_CPATH = package.cpath,
    HOME = "", XDG_STATE_HOME = "", XDG_CONFIG_HOME = "",
  }
  for name, value in pairs(env) do words.env[name] = value end
  local code, out, err = helper.run(words)
  assert.equal(0, code, err)
  return out
end

describe("the command's folders", function()
  it("are the user's, by the XDG base directory specification", function()
    assert.equal("/h/.local/state/graphsocket\t/h/.config/graphsocket\n", folders { HOME = "/h" })
    assert.equal("/s/graphsocket\t/c/graphsocket\n",
      folders { HOME = "/h", XDG_STATE_HOME = "/s", XDG_CONFIG_HOME = "/c" })
  end)

  it("are not where a relative path says, which that has ignored", function()
    assert.equal("/h/.local/state/graphsocket\t/h/.config/graphsocket\n",
      folders { HOME = "/h", XDG_STATE_HOME = "s", XDG_CONFIG_HOME = "./c" })
  end)

  it("are none without a home", function()
    assert.equal("nil\tnil\n", folders {})
  end)
end)
