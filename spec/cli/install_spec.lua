-- What make install brings for the command, and that make uninstall takes it
-- away. The modules are the tree's.

local helper = require "spec.helper"

local FILES = {
  "bin/graphsocket", "share/man/man1/graphsocket.1",
  "share/bash-completion/completions/graphsocket",
  "share/zsh/site-functions/_graphsocket",
  "share/fish/vendor_completions.d/graphsocket.fish",
}

describe("the installed command", function()
  local root

  local function call(...)
    local words = { "scripts/install-command", ... }
    words.env = { LUA_PATH = package.path, LUA_CPATH = package.cpath }
    local code, out, err = helper.run(words)
    assert.equal("", out .. err)
    assert.equal(0, code)
  end

  setup(function()
    root = helper.scratch "root"
    call(helper.interpreter(), "5.4", "/opt/gs", "lib", root)
  end)

  it("has its manual and its completions", function()
    for _, name in ipairs(FILES) do
      assert.is_true(#(helper.read(root .. "/opt/gs/" .. name) or "") > 0, name)
    end
  end)

  it("names its interpreter, and looks for its modules under its prefix", function()
    local program = helper.read(root .. "/opt/gs/bin/graphsocket")
    assert.matches("^#!/[^\n]*\npackage.path = \"/opt/gs/share/lua/5.4/%?.lua;", program)
    local code, out = helper.run {
      root .. "/opt/gs/bin/graphsocket", "--version",
      env = { LUA_PATH = package.path, LUA_CPATH = package.cpath },
    }
    assert.equal(0, code)
    assert.matches("^graphsocket %d", out)
  end)

  it("goes as it came", function()
    call("--remove", "/opt/gs", root)
    for _, name in ipairs(FILES) do assert.is_nil(helper.read(root .. "/opt/gs/" .. name)) end
  end)
end)
