-- Which host's loop is used: by default, and by graphsocket.loop().

local helper = require "spec.helper"
local hosts = require "spec.loop.hosts"
local reference = require "spec.interop.reference"

describe("graphsocket.loop()", function()
  -- What a script prints; it is told the URL of a server.
  local function run(source, ...)
    local script = helper.lua([[
      io.stdout:setvbuf "no"
      local graphsocket = require "graphsocket"
      local socketio = require "graphsocket.socketio"
      -- The message of a call that must fail, without its position.
      local function refusal(...)
        local ok, message = pcall(graphsocket.loop, ...)
        assert(not ok)
        return (message:gsub("^[^ ]+:%d+: ", ""))
      end
    ]] .. source, ...)
    local code = script:wait()
    assert.equal("", script:err())
    assert.equal(0, code)
    return script:out()
  end

  it("is plain by default, and tells so", function()
    assert.equal("plain\nplain\n", run [[
      print(graphsocket.loop())
      graphsocket.run(function() graphsocket.sleep(0.001) end)
      print(graphsocket.loop())
    ]])
  end)

  it("refuses a name that it does not know", function()
    assert.equal("unknown loop 'libuv': use plain, luv, cqueues, copas or nginx\n"
      .. "unknown loop '7': use plain, luv, cqueues, copas or nginx\n", run [[
      print(refusal "libuv")
      print(refusal(7))
    ]])
  end)

  it("blames the caller's line", function()
    local script = helper.lua [[
      local graphsocket = require "graphsocket"
      graphsocket.loop "libuv"
    ]]
    assert.equal(1, script:wait())
    assert.matches("script.lua:2: unknown loop", script:err())
  end)

  it("says what to install for a host that is not here, and keeps the one in use", function()
    local out = run [[
      graphsocket.sleep(0)
      package.path, package.cpath = "lua/?.lua", ""
      for _, name in ipairs { "luv", "cqueues", "copas", "nginx" } do
        print(refusal(name))
      end
      print(graphsocket.loop())
      graphsocket.sleep(0)
    ]]
    local version = _VERSION:match "%d+%.%d+"
    local function missing(name)
      return ("graphsocket.loop '%s' needs the Lua module '%s', which is not installed for this "
        .. "Lua: luarocks --lua-version=%s install %s\n"):format(name, name, version, name)
    end
    assert.equal(missing "luv" .. missing "cqueues" .. missing "copas"
      .. "graphsocket.loop 'nginx' works inside nginx only\nplain\n", out)
  end)

  if hosts.luv:missing() then
    pending(hosts.luv:missing())
    return
  end

  it("may be called twice with the same name, also while it runs", function()
    assert.equal("luv\nluv\nluv\n", run [[
      print(graphsocket.loop "luv")
      print(graphsocket.loop "luv")
      graphsocket.run(function() print(graphsocket.loop "luv") end)
    ]])
  end)

  it("takes another one as long as nothing runs or waits", function()
    assert.equal("cqueues\nluv\nplain\nluv\n", run [[
      print(graphsocket.loop "cqueues")
      print(graphsocket.loop "luv")
      graphsocket.sleep(0.001)
      print(graphsocket.loop "plain")
      graphsocket.sleep(0.001)
      print(graphsocket.loop "luv")
      graphsocket.sleep(0.001)
    ]])
  end)

  it("refuses another one while one runs or waits", function()
    local refused = "the loop is luv already: choose another before the first task\n"
    assert.equal(refused .. refused .. "done\n", run [[
      graphsocket.loop "luv"
      graphsocket.run(function() print(refusal "cqueues") end)
      coroutine.wrap(function() graphsocket.sleep(0.01) print "done" end)()
      print(refusal "plain")
      require("luv").run()
    ]])
  end)

  it("takes over the sockets that were opened before", function()
    local servers = reference.start()
    finally(function() servers:stop() end)
    assert.equal("answer\nover\n", run([[
      local socket = socketio.connect(arg[1])
      socket:on("connect", function()
        socket:emit("echo", "answer", function(word)
          print(word)
          socket:close()
        end)
      end)
      graphsocket.sleep(0.001) -- the plain loop has seen it
      graphsocket.loop "luv"
      require("luv").run()
      print "over"
    ]], servers.v4.url))
  end)
end)
