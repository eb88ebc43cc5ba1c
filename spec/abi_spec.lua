-- A core that does not fit the interpreter, as luarocks leaves it for whoever
-- takes the wrong --lua-version.

local helper = require "spec.helper"
local lfs = require "lfs"

local LUA = rawget(_G, "jit") and "luajit" or _VERSION:match "%d+%.%d+"
local OTHER = LUA == "luajit" and "5.4" or "luajit"

-- What requiring a module says with the core of another folder.
local function message(module, cpath, interpreter)
  local script = helper.spawn {
    interpreter or helper.interpreter(), "-e", ("print(select(2, pcall(require, %q)))"):format(module);
    env = { LUA_PATH = "lua/?.lua;lua/?/init.lua", LUA_CPATH = cpath };
  }
  assert.equal(0, script:wait())
  return (script:out():gsub("\n$", ""))
end

describe("a core", function()
  it("that was built for another Lua names the command for this one", function()
    local core = ("build/%s/graphsocket/core.so"):format(OTHER)
    if not lfs.attributes(core) then
      pending(core .. " is not built")
      return
    end
    for _, module in ipairs { "graphsocket", "graphsocket.socketio", "graphsocket.nginx" } do
      local told = message(module, ("build/%s/?.so"):format(OTHER))
      assert.match("^graphsocket: build/[%w.]+/graphsocket/core%.so was built for another Lua", told)
      assert.match("luarocks %-%-lua%-version=" .. _VERSION:match "%d.%d" .. " install graphsocket", told)
      assert.match("make LUA=" .. LUA, told)
      assert.is_nil(told:find "\n")
    end
  end)

  it("that is not there does so too", function()
    local told = message("graphsocket", "nowhere/?.so")
    assert.match("^graphsocket: its C core is not where this Lua looks", told)
    assert.match("luarocks %-%-lua%-version=", told)
  end)

  it("that fails otherwise says why itself", function()
    local folder = helper.scratch "cpath"
    assert(lfs.mkdir(folder))
    assert(lfs.mkdir(folder .. "/graphsocket"))
    helper.write(folder .. "/graphsocket/core.so", "no shared object")
    assert.match("core%.so: ", message("graphsocket", folder .. "/?.so"))
  end)
end)

describe("a Lua that cannot run it", function()
  -- The core of LuaJIT is within reach, whose Lua is 5.1 too.
  local function told(interpreter, module)
    if helper.run { "sh", "-c", "command -v " .. interpreter } ~= 0 then
      pending(interpreter .. " is not installed")
    end
    return message(module, "build/luajit/?.so", interpreter)
  end

  for _, module in ipairs { "graphsocket", "graphsocket.socketio", "graphsocket.nginx" } do
    it("is told what to use instead by " .. module, function()
      assert.equal("graphsocket: Lua 5.1 is not enough, its coroutines cannot yield across "
        .. "pcall, so no handler could wait: use Lua 5.4, Lua 5.3 or LuaJIT 2.1 "
        .. "(lua5.4 FILE, luajit FILE)", told("lua5.1", module))
      assert.equal("graphsocket: Lua 5.2 is not enough: use Lua 5.4, Lua 5.3 or "
        .. "LuaJIT 2.1 (lua5.4 FILE, luajit FILE)", told("lua5.2", module))
    end)
  end
end)
