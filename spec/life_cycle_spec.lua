-- Beginnings and ends that a program does not plan for, each in a process of its
-- own: descriptors or memory that run short at every point, errors in
-- finalizers, objects that only refer to themselves, coroutines that are closed
-- while they wait, one program run twice in a state, forks, signals. What is
-- asked for is an error or an answer; a hang or a crash fails.
--
-- Ends of connections are in closing_spec, of processes in exit_spec, of states
-- in states_spec, engines that cannot start in engine_spec.

local core = require "graphsocket.core"
local helper = require "spec.helper"
local reference = require "spec.interop.reference"
local simulator = require "spec.simulator"

local is_luajit = rawget(_G, "jit") ~= nil
-- A sanitizer needs more of everything than these tests leave.
local instrumented = package.cpath:find "build/%lsan/" ~= nil
local where_limits_hold = instrumented and function() end or it
-- Only LuaJIT can fork without another module.
local where_it_can_fork = is_luajit and not instrumented and it or function() end

-- Root has no limit of threads: another user has, whom nobody else is, and who
-- may still read this folder.
local other_user = ("setpriv --reuid=%d --clear-groups --inh-caps=-all,+dac_override "
  .. "--ambient-caps=-all,+dac_override"):format(900000000 + core.pid())
local has_other_user = os.execute(other_user .. " prlimit --nproc=9 true 2>/dev/null")
has_other_user = has_other_user == true or has_other_user == 0
local NO_OTHER_USER = "needs root, setpriv and prlimit"

local PRELUDE = [[
  local graphsocket = require "graphsocket"
  local socketio = require "graphsocket.socketio"
  local url, graph, token, ca_file = arg[1], arg[2], arg[3], arg[4]
  local function open(opts)
    opts = opts or {}
    opts.force_new, opts.reconnection = true, false
    return socketio.connect(url, opts)
  end
  local function echo(socket, value)
    local reply, err = socket:timeout(30):emit_with_ack("echo", value)
    if reply ~= value then error("no echo: " .. tostring(err)) end
  end
]]

describe("a process", function()
  local servers, sim

  setup(function()
    servers = reference.start()
    sim = simulator.start()
  end)
  teardown(function()
    sim:stop()
    servers:stop()
  end)

  local function arguments()
    return servers.v4.url, sim.graph, sim.token, sim.ca
  end

  -- Runs a script to its end, which must be in peace; returns what it printed.
  local function run(source)
    local script = helper.lua(PRELUDE .. source, arguments())
    local code = script:wait()
    -- LuaJIT of 2025 tells of errors in finalizers by itself.
    assert.equal("", (script:err():gsub("ERROR in finalizer:[^\n]*: finalizer\n", "")))
    assert.equal(0, code, script:out())
    return script:out()
  end

  -- Starts a script behind what sets a limit, in words of the shell.
  local function limited(limit, path)
    local words = { "sh", "-c", limit .. ' "$0" "$@"', helper.interpreter(), path, arguments() }
    words.env = { LUA_PATH = package.path, LUA_CPATH = package.cpath }
    return helper.spawn(words)
  end

  describe("that runs short", function()
    local SCRIPT = PRELUDE .. [[
      print "begun"
      local client = graphsocket.new {
        base_url = graph, ca_file = ca_file, retries = 0, timeout = 30,
        token = graphsocket.auth.command("echo " .. token),
      }
      local endpoint, err = client:endpoint "/me/drive/root"
      local joined
      if endpoint then
        local socket = endpoint:open { reconnection = false, timeout = 30 }
        socket:on("connect", function()
          joined = true
          socket:close()
        end)
        socket:on("connect_error", function(reason) err = reason end)
        graphsocket.run()
      end
      print(joined and "joined" or "failed: " .. err.kind .. ": " .. err.message)
    ]]

    -- Returns whether it joined; what it cannot is an error of the library, or,
    -- before that is there, of the interpreter.
    local function joins_under(limit)
      local path = helper.scratch "short.lua"
      helper.write(path, SCRIPT)
      local script = limited(limit, path)
      local code = script:wait()
      local out = script:out()
      if out == "" then
        assert.is_true(code > 0 and code < 128, limit .. ": " .. code .. " " .. script:err())
        return false
      end
      assert.equal(0, code, limit .. ": " .. out .. script:err())
      assert.matches("^begun\n", out)
      local joined = out:find "\njoined\n$" ~= nil
      assert.is_true(joined or out:find "\nfailed: %l+: [^\n]+\n$" ~= nil, limit .. ": " .. out)
      return joined
    end

    where_limits_hold("of descriptors, at every point, is told so", function()
      local count = 3
      while not joins_under(("ulimit -n %d && exec"):format(count)) do
        count = count + 1
        assert.is_true(count < 100)
      end
      assert.is_true(count > 10)
    end)

    -- An address space that is too small is also what keeps threads from being
    -- started, as root too. libuv aborted the process where its pool could not
    -- have them, while names were looked up there.
    where_limits_hold("of memory and threads, at every point, is told so", function()
      local joined, mebibytes = false, 16
      while mebibytes < 140 do
        joined = joins_under(("ulimit -v %d && exec"):format(mebibytes * 1024))
        mebibytes = mebibytes + 8
      end
      assert.is_true(joined or joins_under "ulimit -v 4194304 && exec")
    end)

    where_limits_hold("of threads and processes, at every point, is told so", function()
      if not has_other_user then return pending(NO_OTHER_USER) end
      local most = 1
      while not joins_under(("exec %s prlimit --nproc=%d"):format(other_user, most)) do
        most = most + 1
        assert.is_true(most < 20)
      end
      assert.is_true(most > 1)
    end)

    where_limits_hold("of threads while it runs, goes on once there are some again", function()
      if not has_other_user then return pending(NO_OTHER_USER) end
      local path = helper.scratch "starve.lua"
      helper.write(path, PRELUDE .. [[
        local function try(host)
          local where = url:gsub("127%.0%.0%.1", host):gsub("localhost", host)
          local socket = socketio.connect(where, { force_new = true, reconnection = false, timeout = 30 })
          local result = "joined"
          socket:on("connect", function() socket:close() end)
          socket:on("connect_error", function(err) result = err.kind end)
          graphsocket.run()
          return result
        end
        io.stdout:setvbuf "line"
        print(try "127.0.0.1")
        for _ in io.lines() do print(try "localhost") end
      ]])
      local script = limited("exec " .. other_user, path)
      assert.equal("joined", script:line())
      local function ask(limit)
        local said = #script:out()
        os.execute(("%s prlimit --pid %d --nproc=%d:"):format(other_user, script.pid, limit))
        script:write "try\n"
        return helper.eventually(function() return script:out():sub(said + 1):match "^(.-)\n" end, "it tried")
      end
      for _ = 1, 3 do
        assert.equal("state", ask(1))
        assert.equal("joined", ask(99))
      end
      script:close()
      assert.equal("", script:err())
    end)

    where_limits_hold("of descriptors while it runs, goes on once there are some again", function()
      local path = helper.scratch "eat.lua"
      helper.write(path, PRELUDE .. [[
        local function try()
          local socket, err = open(), nil
          socket:on("connect", function() socket:close() end)
          socket:on("connect_error", function(reason) err = reason end)
          graphsocket.run()
          return err
        end
        assert(graphsocket.fd())
        local failures = 0
        for left = 0, 8 do
          local files = {}
          repeat files[#files + 1] = io.open "/dev/null" until not io.open "/dev/null"
          for _ = 1, left do table.remove(files):close() end
          local err = try()
          if err then failures = failures + 1 end
          for _, file in ipairs(files) do file:close() end
          collectgarbage()
          assert(not try())
        end
        assert(failures > 0)
        print "done"
      ]])
      local script = limited("ulimit -n 64 && exec", path)
      assert.equal(0, script:wait(), script:err())
      assert.equal("done\n", script:out())
    end)
  end)

  describe("whose garbage collector", function()
    it("meets errors in finalizers goes on", function()
      local out = run [[
        -- Lua 5.4 warns, LuaJIT of 2025 prints, the others raise in whatever code runs just then.
        local reported = 0
        graphsocket.on_error = function(err)
          assert(tostring(err):find("finalizer", 1, true), err)
          reported = reported + 1
        end
        local function litter()
          if newproxy then
            getmetatable(newproxy(true)).__gc = function() error "finalizer" end
          else
            setmetatable({}, { __gc = function() error "finalizer" end })
          end
        end
        local socket, count = open(), 0
        socket:on("item", function()
          litter()
          count = count + 1
          if count == 500 then socket:close() end
        end)
        socket:on("connect", function() socket:emit("count", 500, "x") end)
        repeat
          local ok, err = pcall(graphsocket.run)
          assert(ok or tostring(err):find("finalizer", 1, true), err)
        until ok
        print(count)
      ]]
      assert.equal("500\n", out)
    end)

    it("takes sockets, clients and subscriptions that only refer to themselves", function()
      local out = run [[
        local alive = setmetatable({}, { __mode = "k" })
        local function use()
          local socket = open()
          alive[socket] = true
          socket:on("connect", function() socket:close() end)
          socket:on("disconnect", function() return socket.id end)
          local client = graphsocket.new { base_url = graph, token = function() return token end, ca_file = ca_file }
          alive[client] = true
          local sub = client:subscribe "/me/drive/root"
          alive[sub] = true
          sub:on("state", function(state)
            if state == "joined" then sub:close() end
          end)
        end
        for _ = 1, 5 do use() end
        graphsocket.run()
        for _ = 1, 3 do collectgarbage() end
        print(next(alive))
      ]]
      assert.equal("nil\n", out)
    end)

    it("takes sockets that nobody closed with the end of the program", function()
      run [[
        for _ = 1, 5 do
          local socket = open()
          socket:on("connect", function() assert(socket.connected) end)
        end
        graphsocket.sleep(0.01)
        graphsocket.spawn(function() graphsocket.sleep(1000) end)
        graphsocket.step(0)
      ]]
    end)
  end)

  describe("with a coroutine that ends while it waits", function()
    local WAITERS = [[
      local errors = 0
      graphsocket.on_error = function() errors = errors + 1 end
      local socket, waiting = open(), {}
      local function waiter(wait)
        graphsocket.spawn(function()
          waiting[#waiting + 1] = coroutine.running()
          wait()
        end)
      end
      graphsocket.run(function()
        echo(socket, "joined")
        waiter(function() graphsocket.sleep(0.01) end)
        waiter(function() echo(socket, "x") end)
        waiter(function()
          graphsocket.new { base_url = graph, token = token, ca_file = ca_file }:endpoint "/me/drive/root"
        end)
        graphsocket.sleep(0)
        assert(#waiting == 3)
        END_THEM
        graphsocket.sleep(0.1)
        for i = 1, 20 do echo(socket, i) end
        socket:close()
      end)
      print "done"
    ]]

    it("goes on, if the program resumes it by itself", function()
      assert.equal("done\n", run((WAITERS:gsub("END_THEM",
        "for _, co in ipairs(waiting) do coroutine.resume(co, 'not what it waits for') end"))))
    end)

    if rawget(coroutine, "close") then
      it("goes on, if the program closes it", function()
        assert.equal("done\n", run((WAITERS:gsub("END_THEM",
          "for _, co in ipairs(waiting) do coroutine.close(co) end"))))
      end)
    end

    it("goes on, if it raises as soon as it has what it waited for", function()
      assert.equal("3\n", run [[
        local errors = 0
        graphsocket.on_error = function() errors = errors + 1 end
        local socket = open()
        for _ = 1, 3 do
          graphsocket.spawn(function()
            echo(socket, "x")
            error "no more"
          end)
        end
        graphsocket.run(function()
          echo(socket, "y")
          socket:close()
        end)
        print(errors)
      ]])
    end)
  end)

  describe("that runs one program twice in a state", function()
    local PROGRAM = [[
      local graphsocket = require "graphsocket"
      local socketio = require "graphsocket.socketio"
      local socket = socketio.connect(arg[1], { force_new = true })
      graphsocket.run(function()
        assert(socket:timeout(30):emit_with_ack("echo", "x") == "x")
        socket:close()
      end)
    ]]

    it("works the second time, by dofile", function()
      local path = helper.scratch "program.lua"
      helper.write(path, PROGRAM)
      assert.equal("done\n", run(("dofile %q dofile %q print 'done'"):format(path, path)))
    end)

    it("works with its modules loaded anew", function()
      local path = helper.scratch "program.lua"
      helper.write(path, PROGRAM)
      assert.equal("done\n", run(([[
        for _ = 1, 3 do
          dofile %q
          for name in pairs(package.loaded) do
            if name:find "^graphsocket" then package.loaded[name] = nil end
          end
        end
        print "done"
      ]]):format(path)))
    end)
  end)

  where_it_can_fork("that forks before it uses anything has two that work", function()
    local out = run [[
      local ffi = require "ffi"
      ffi.cdef "int fork(void); int waitpid(int pid, int *status, int options);"
      local pid = ffi.C.fork()
      local socket = open()
      graphsocket.run(function()
        echo(socket, "x")
        socket:close()
      end)
      if pid == 0 then os.exit(3) end
      local status = ffi.new "int[1]"
      ffi.C.waitpid(pid, status, 0)
      print(status[0])
    ]]
    assert.equal("768\n", out)
  end)

  where_it_can_fork("that forks with connections open keeps them, whatever ends the child", function()
    local out = run [[
      local ffi = require "ffi"
      ffi.cdef "int fork(void); int waitpid(int pid, int *status, int options); int _exit(int);"
      local socket = open()
      local status = ffi.new "int[1]"
      graphsocket.run(function()
        for round = 1, 6 do
          echo(socket, round)
          local pid = ffi.C.fork()
          if pid == 0 then
            collectgarbage()
            if round % 3 == 0 then os.exit(3) end
            if round % 3 == 1 then os.exit(3, true) end
            ffi.C._exit(3)
          end
          ffi.C.waitpid(pid, status, 0)
          assert(status[0] == 768, status[0])
          echo(socket, round)
        end
        socket:close()
      end)
      print "done"
    ]]
    assert.equal("done\n", out)
  end)

  where_it_can_fork("that forks keeps the lock of its state file, however the child ends", function()
    local out = run(("local STATE = %q"):format(helper.scratch "state") .. [[

      local ffi = require "ffi"
      ffi.cdef "int fork(void); int waitpid(int pid, int *status, int options);"
      local client = graphsocket.new { base_url = graph, token = token, ca_file = ca_file }
      local watch = assert(client:watch("/me/drive/root", { state = STATE }))
      io.stdout:setvbuf "no" -- or the child would print it once more
      local status = ffi.new "int[1]"
      for _, closes in ipairs { false, true } do
        local pid = ffi.C.fork()
        if pid == 0 then os.exit(3, closes) end
        ffi.C.waitpid(pid, status, 0)
        print(status[0], (select(2, client:watch("/me/drive/root", { state = STATE }))).code)
      end
      watch:close()
      print(client:watch("/me/drive/root", { state = STATE }))
    ]])
    assert.matches("^768\tlocked\n768\tlocked\ngraphsocket.watch: [^\n]*\n$", out)
  end)

  it("whose waits are interrupted by signals goes on with them", function()
    local script = helper.lua(PRELUDE .. [[
      local core = require "graphsocket.core"
      assert(core.signal("WINCH", "catch"))
      local socket = open()
      graphsocket.run(function()
        echo(socket, "joined")
        print "begun"
        io.stdout:flush()
        for i = 1, 300 do
          echo(socket, i)
          graphsocket.sleep(0.001)
        end
        socket:close()
      end)
      print "done"
    ]], arguments())
    assert.equal("begun", script:line())
    while not script:ended() do
      -- Stopped and continued as well, as by a shell.
      os.execute(("for n in 1 2 3 4 5; do kill -WINCH %d; done 2>/dev/null; kill -STOP %d 2>/dev/null;"
        .. " kill -CONT %d 2>/dev/null"):format(script.pid, script.pid, script.pid))
    end
    assert.equal(0, script:close())
    assert.equal("begun\ndone\n", script:out())
  end)
end)
