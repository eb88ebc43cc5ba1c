-- The hosts in which the library must be at home, each as the beginning of a
-- script, so that one list of tests serves all. A script is run in a process of
-- its own, since a program has one host. Its beginning defines
--   in_host(fn)     has a coroutine of the host call fn
--   host_work()     waits in that coroutine by the host's own means
--   host_trip()     a message there and back through the host's own sockets;
--                   not in the plain host, which has none
--   serve()         has sockets served until none is left, or stop()
--   ended()         a host that cannot know it is told that all is over
--   drive()         runs the host's loop; returns when nothing is left in it
--   finish()        takes away what the script itself keeps in the host's loop
--   stop_host()     ends drive() from inside, whatever is open
--   again()         makes drive() possible after stop_host()

local assert = require "luassert"
local helper = require "spec.helper"

local PRELUDE = [[
  io.stdout:setvbuf "no"
  local loop = require "graphsocket.loop"
  local engine = require "graphsocket.engine"
  local reported = {}
  loop.on_error = function(err) reported[#reported + 1] = err end
  local REFUSED = { url = "http://127.0.0.1:1/", host = "127.0.0.1", port = 1 }
]]

-- Neovim prints to its message area, and goes on after an error of a script.
local IN_NEOVIM = [[
  function print(...)
    local words = { ... }
    for i = 1, select("#", ...) do words[i] = tostring(words[i]) end
    io.stdout:write(table.concat(words, "\t"), "\n")
  end
  local ok, err = xpcall(dofile, debug.traceback, %q)
  if not ok then
    io.stderr:write(err, "\n")
    vim.cmd "cquit 1"
  end
  vim.cmd "qall!"
]]

local LIBUV = [[
  local uv = vim and vim.loop or require "luv"
  local function in_host(fn) coroutine.wrap(fn)() end
  local function host_work()
    local co, timer = coroutine.running(), uv.new_timer()
    timer:start(1, 0, function()
      timer:close()
      assert(coroutine.resume(co))
    end)
    coroutine.yield()
  end
  local function host_trip()
    local co, server, client = coroutine.running(), uv.new_tcp(), uv.new_tcp()
    assert(server:bind("127.0.0.1", 0))
    server:listen(8, function()
      local peer = uv.new_tcp()
      server:accept(peer)
      peer:read_start(function(_, data)
        if data then peer:write(data) else peer:close() end
      end)
    end)
    client:connect("127.0.0.1", server:getsockname().port, function()
      client:write "there and back"
      client:read_start(function(_, data)
        assert(data == "there and back")
        client:close()
        server:close()
        assert(coroutine.resume(co))
      end)
    end)
    coroutine.yield()
  end
  local function serve() end
  local function ended() end
]]

local hosts = {
  {
    name = "plain", loop = "plain", module = "coroutine",
    start = [[
      local function in_host(fn) loop.spawn(fn) end
      local function host_work() loop.sleep(0.001) end
      local function serve() end
      local function ended() end
      local function drive() loop.run() end
      local function finish() end
      local stop_host = loop.stop
      local function again() end
    ]],
  },
  {
    name = "a loop of one's own", loop = "plain", module = "socket",
    start = [[
      local socket = require "socket"
      local ready, watched = {}, {}
      local function in_host(fn) loop.spawn(fn) end
      local function host_work() loop.sleep(0.001) end
      -- Waits for a descriptor of the program's own.
      local function readable(peer)
        local future = loop.future()
        ready[peer] = future
        watched[#watched + 1] = peer
        future:await()
      end
      local function host_trip()
        local server = assert(socket.bind("127.0.0.1", 0))
        local client = assert(socket.connect("127.0.0.1", (select(2, server:getsockname()))))
        local peer = assert(server:accept())
        client:send "there\n"
        readable(peer)
        peer:send(assert(peer:receive()) .. " and back\n")
        readable(client)
        assert(client:receive() == "there and back")
        client:close()
        peer:close()
        server:close()
      end
      local function serve() end
      local finished
      local function finish() finished = true end
      local stop_host, ended = finish, finish
      local function again() finished = false end
      local function drive()
        local ours = { getfd = function() return (assert(loop.fd())) end, dirty = function() end }
        while not finished do
          local list = { ours }
          for i, peer in ipairs(watched) do list[i + 1] = peer end
          local found = socket.select(list, nil, loop.timeout())
          for _, peer in ipairs(found) do
            if ready[peer] then
              for i, other in ipairs(watched) do
                if other == peer then table.remove(watched, i) break end
              end
              ready[peer]:resolve()
              ready[peer] = nil
            end
          end
          loop.step(0)
        end
      end
    ]],
  },
  {
    name = "luv", loop = "luv", module = "luv",
    start = LIBUV .. [[
      local function drive() uv.run() end
      local function finish() end
      local function stop_host() uv.stop() end
      local function again() loop.spawn(function() end) end
    ]],
  },
  {
    name = "Neovim", loop = "luv", program = "nvim",
    -- Neovim's loop always has something to do.
    start = LIBUV .. [[
      local finished
      local function finish() finished = true end
      local stop_host, ended = finish, finish
      local function again()
        finished = false
        loop.spawn(function() end)
      end
      local function drive() vim.wait(60000, function() return finished end, 1000) end
    ]],
  },
  {
    name = "cqueues", loop = "cqueues", module = "cqueues",
    start = [[
      local cqueues = require "cqueues"
      local cq = cqueues.new()
      local stopped
      local function in_host(fn) cq:wrap(fn) end
      local function host_work() cqueues.sleep(0.001) end
      local function host_trip()
        local socket = require "cqueues.socket"
        local server = socket.listen("127.0.0.1", 0)
        local _, _, port = server:localname()
        local client = socket.connect("127.0.0.1", port)
        cqueues.running():wrap(function()
          local peer = server:accept()
          peer:write(peer:read "*L")
          peer:close()
        end)
        client:write "there and back\n"
        assert(client:read "*l" == "there and back")
        client:close()
        server:close()
      end
      local function serve() cq:wrap(loop.run) end
      local function ended() end
      local function drive()
        while not cq:empty() and not stopped do assert(cq:step()) end
      end
      local function finish() end
      local function stop_host()
        stopped = true
        cqueues.sleep(0)
      end
      local function again() stopped = false end
    ]],
  },
  {
    name = "cqueues.poll(graphsocket)", loop = "plain", module = "cqueues",
    start = [[
      local cqueues = require "cqueues"
      local cq = cqueues.new()
      local graphsocket = require "graphsocket"
      local function in_host(fn) loop.spawn(fn) end
      local function host_work() loop.sleep(0.001) end
      local function host_trip()
        local future = loop.future()
        cq:wrap(function()
          local socket = require "cqueues.socket"
          local server = socket.listen("127.0.0.1", 0)
          local _, _, port = server:localname()
          local client = socket.connect("127.0.0.1", port)
          client:write "there\n"
          local peer = server:accept()
          assert(peer:read "*l" == "there")
          for _, each in ipairs { peer, client, server } do each:close() end
          future:resolve()
        end)
        future:await()
      end
      local function serve() end
      local finished
      local function finish() finished = true end
      local stop_host, ended = finish, finish
      local function again() finished = false end
      local function drive()
        cq:wrap(function()
          while not finished do
            cqueues.poll(graphsocket)
            graphsocket.step(0)
          end
        end)
        assert(cq:loop())
      end
    ]],
  },
  {
    name = "copas", loop = "copas", module = "copas",
    -- host_work() is a round trip too: copas 1 has nothing else to wait for.
    start = [[
      local copas = require "copas"
      local socket = require "socket"
      local function in_host(fn) copas.addthread(fn) end
      local server = assert(socket.bind("127.0.0.1", 0))
      local _, port = server:getsockname()
      local function listen()
        copas.addserver(server, function(peer)
          peer = copas.wrap(peer)
          peer:send(peer:receive() .. "\n")
        end)
      end
      listen()
      local function host_work()
        local client = socket.tcp()
        assert(copas.connect(client, "127.0.0.1", port))
        client = copas.wrap(client)
        client:send "hello\n"
        assert(client:receive() == "hello")
        client.socket:close()
      end
      local host_trip = host_work
      local finished
      local function finish()
        finished = true
        if copas.removeserver then copas.removeserver(server, true) end
      end
      local stopped
      local function drive()
        -- copas 1 never thinks that it is done.
        while not (stopped or finished and (not copas.finished or copas.finished())) do
          copas.step()
        end
      end
      local function serve() copas.addthread(function() loop.run() finish() end) end
      local function ended() end
      local function stop_host()
        stopped = true
        host_work()
      end
      local function again()
        if finished and copas.removeserver then listen() end
        finished, stopped = false, false
      end
    ]],
  },
}

-- Whether a module can be required, without doing so.
local function has_module(name)
  return package.loaded[name] or package.searchpath(name, package.path)
    or package.searchpath(name, package.cpath)
end

local Host = {}
Host.__index = Host

-- Why the host cannot be tested here, or nil.
---@return string|nil
function Host:missing()
  if self.program and not jit then
    return self.program .. " takes a core built for LuaJIT"
  elseif self.program and helper.run { "sh", "-c", "command -v " .. self.program } ~= 0 then
    return self.program .. " is not installed"
  elseif self.module and not has_module(self.module) then
    return self.module .. " is not installed for this Lua"
  end
end

-- Starts a script in the host.
---@param source string what follows the beginning
---@return table process
function Host:spawn(source)
  local text = ("%sloop.host %q\n%s\n%s"):format(PRELUDE, self.loop, self.start, source)
  if not self.program then return helper.lua(text) end
  local script, wrapper = helper.scratch "script.lua", helper.scratch "wrapper.lua"
  helper.write(script, text)
  helper.write(wrapper, IN_NEOVIM:format(script))
  return helper.spawn {
    self.program, "--headless", "-u", "NONE", "-i", "NONE", "-n",
    "-c", "luafile " .. wrapper,
    env = { LUA_PATH = package.path, LUA_CPATH = package.cpath },
  }
end

-- Runs a script to its end; it must end in peace.
---@param source string
---@return string out
function Host:run(source)
  local script = self:spawn(source)
  local code = script:wait()
  assert.equal("", script:err())
  assert.equal(0, code, script:out())
  return script:out()
end

for i, host in ipairs(hosts) do
  hosts[i] = setmetatable(host, Host)
  hosts[host.name] = host
end

return hosts
