-- What is missing is named with its package, in one line, wherever it is missed.

local helper = require "spec.helper"
local lfs = require "lfs"

local interpreter = helper.interpreter()

local function core()
  local name = rawget(_G, "jit") and "luajit" or _VERSION:match "%d+%.%d+"
  return "build/" .. name .. "/?.so"
end

-- Nothing of the system's Lua modules is within reach.
local function run(words, cpath)
  words.env = {
    LUA_PATH = "lua/?.lua;lua/?/init.lua;" .. (words.path or ""), LUA_CPATH = cpath,
  }
  local code, _, err = helper.run(words)
  return err, code
end

local function told_by(module, cpath)
  local err, code = run({ interpreter, "-e",
    ("local ok, err = pcall(require, %q) io.stderr:write(err)"):format(module) }, cpath)
  assert.equal(0, code)
  assert.is_nil(err:find "\n", err)
  return err
end

local function told_by_command(cpath, path)
  local err, code = run({ interpreter, "bin/graphsocket", "--version", path = path }, cpath)
  assert.equal(1, code)
  assert.matches("^[^\n]+\n$", err)
  return err
end

-- Compiles a shared object from nothing: `file`, which needs `library`.
local function compile(file, soname, library)
  local code, _, err = helper.run { "cc", "-shared", "-fPIC", "-o", file,
    "-Wl,-soname," .. soname, "-x", "c", "/dev/null", "-x", "none", "-Wl,--no-as-needed", library }
  assert.equal("", err)
  assert.equal(0, code)
end

describe("what is missing is named with its package:", function()
  local folder
  setup(function()
    folder = helper.scratch "needs"
    assert(lfs.mkdir(folder))
    assert(lfs.mkdir(folder .. "/graphsocket"))
  end)

  it("lua-cjson", function()
    for _, module in ipairs { "graphsocket", "graphsocket.socketio", "graphsocket.nginx" } do
      assert.matches('^graphsocket: the Lua module "cjson" is missing: install lua%-cjson '
        .. "%(Debian%), .*luarocks %-%-lua%-version=5%.%d install lua%-cjson$",
        told_by(module, core()))
    end
  end)

  it("argparse", function()
    assert.matches('^graphsocket: the Lua module "argparse" is missing: install lua%-argparse',
      told_by_command(core()))
  end)

  it("the core, by the command", function()
    helper.write(folder .. "/argparse.lua", "return function() end")
    assert.matches("^graphsocket: its C core is not where this Lua looks",
      told_by_command("nowhere/?.so", folder .. "/?.lua"))
  end)

  for name, package in pairs {
    ["websockets.so.99"] = "libwebsockets99", ["uv.so.99"] = "libuv99",
    ["curl.so.99"] = "libcurl99", ["crypto.so.99"] = "libssl99",
  } do
    it("lib" .. name, function()
      local library = ("%s/lib%s"):format(folder, name)
      compile(library, "lib" .. name)
      compile(folder .. "/graphsocket/core.so", "core.so", library)
      assert(os.remove(library))
      assert.equal(("graphsocket: lib%s is missing: install %s (Debian)")
        :format(name, package), told_by("graphsocket", folder .. "/?.so"):match "^.-%)")
    end)
  end

  it("the headers, each", function()
    local code, _, err = helper.run { "cc", "-E", "-nostdinc", "-I", folder, "-o", "/dev/null", "csrc/lua_needs.c" }
    assert.not_equal(0, code)
    for _, package in ipairs {
      "libcurl4-openssl-dev", "libwebsockets-dev", "libuv1-dev", "libssl-dev",
    } do
      assert.matches("headers are missing: " .. package:gsub("%p", "%%%0")
        .. " %(Debian[^\n]*%(Homebrew%)", err)
    end
  end)

  it("what make needs", function()
    local code, _, err = helper.run { "scripts/setup", "--check", "build",
      env = { PKG_CONFIG_LIBDIR = "/nonexistent", PKG_CONFIG_PATH = "" } }
    assert.equal(1, code)
    assert.matches("\n  HTTP +libcurl4%-openssl%-dev | libcurl%-devel | curl%-dev | curl\n", err)
  end)

  -- In Debian 13, other packages still mention luajit2: to "apt-cache show" it is none, and no error.
  it("what apt can install, where a name is only mentioned", function()
    local bin = folder .. "/bin"
    assert(lfs.mkdir(bin))
    for name, script in pairs {
      ["apt-cache"] = '[ "$*" != "madison libluajit-5.1-dev" ] || echo "$2 | 2.1.0 | a mirror"',
      ["apt-get"] = "exit 0", id = "echo 0",
    } do
      helper.write(("%s/%s"):format(bin, name), "#!/bin/sh\n" .. script .. "\n")
      assert.equal(0, (helper.run { "chmod", "755", ("%s/%s"):format(bin, name) }))
    end
    local code, out, err = helper.run { "scripts/setup", "luajit", env = {
      PATH = bin .. ":" .. os.getenv "PATH", PKG_CONFIG_LIBDIR = "/nonexistent", PKG_CONFIG_PATH = "",
    } }
    assert.equal(1, code)
    assert.matches("\n  libluajit%-5%.1%-dev +LuaJIT headers\n", out)
    assert.matches("setup: still missing after apt:", err, 1, true)
  end)
end)
