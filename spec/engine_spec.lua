-- The I/O thread as Lua sees it, against a real Engine.IO server.

local core = require "graphsocket.core"
local engine = require "graphsocket.engine"
local errors = require "graphsocket.errors"
local helper = require "spec.helper"
local lfs = require "lfs"
local loop = require "graphsocket.loop"

-- Greets, echoes, and sends as many messages as asked ("burst 3": 1 2 3). Tells
-- its port and when a socket closes. GET /never is not answered.
local SERVER = [[
  const { Server } = require("engine.io");
  const http = require("http").createServer((request, response) => {
    if (request.url !== "/never") response.end("hello over HTTP");
  });
  const engine = new Server({ transports: ["websocket"] });
  engine.attach(http);
  engine.on("connection", (socket) => {
    socket.send("welcome");
    socket.on("message", (data) => {
      const burst = /^burst (\d+)$/.exec(data);
      if (!burst) return socket.send(data);
      for (let i = 1; i <= burst[1]; i++) socket.send(String(i));
    });
    socket.on("close", () => console.log("closed"));
  });
  http.listen(0, "127.0.0.1", () => console.log(http.address().port));
  process.stdin.resume().on("end", () => process.exit(0));
]]

local server, port

local function start_server()
  server = helper.spawn {
    "node", "-e", SERVER;
    env = { NODE_PATH = "spec/support/node_modules" };
  }
  port = tonumber(server:line())
end

local function request(path)
  return {
    url = ("http://127.0.0.1:%d%s"):format(port, path);
    host = "127.0.0.1";
    port = port;
  }
end

-- A sink that keeps a record, with its connection.
local function connect()
  local sink = { messages = {}, closes = {} }
  function sink:on_open(fields) self.opened = fields end
  function sink:on_message(data, binary)
    self.messages[#self.messages + 1] = data
    self.binary = binary
    self.connection:release(#data)
    if data == "raise" then error "a sink that raises" end
  end
  function sink:on_close(fields) self.closes[#self.closes + 1] = fields end
  sink.connection = assert(engine.open({
    host = "127.0.0.1";
    port = port;
    tls = false;
    path = "/engine.io/?EIO=4&transport=websocket";
    engine = 4;
    timeout = 10;
  }, sink))
  return sink
end

local function has_messages(sink, n)
  return function() return #sink.messages >= n end
end

describe("the engine", function()
  local reported

  setup(start_server)
  teardown(function() server:close() end)
  before_each(function()
    reported = {}
    loop.on_error = function(err) reported[#reported + 1] = err end
  end)
  after_each(function()
    loop.on_error = nil
    engine.stop()
    loop.step(0)
  end)

  describe("for a request", function()
    it("gives the response, or an error object", function()
      local response = assert(engine.request(request "/"))
      assert.equal(200, response.status)
      assert.equal("hello over HTTP", response.body)
      local _, err = engine.request { url = "http://127.0.0.1:1/", host = "127.0.0.1", port = 1 }
      assert.is_true(errors.is(err))
      assert.equal("network", err.kind)
    end)

    it("keeps run() from returning until it is answered", function()
      local response
      engine.request_start(request "/", function(answer) response = answer end)
      loop.run()
      assert.equal(200, response.status)
    end)

    it("answers once when it is cancelled, however often", function()
      local answers = {}
      local cancel = engine.request_start(request "/never", function(_, err) answers[#answers + 1] = err end)
      cancel()
      cancel()
      assert.same({}, answers)
      loop.run()
      cancel()
      loop.run()
      assert.equal(1, #answers)
      assert.equal("closed", answers[1].kind)
      assert.equal("CANCELLED", answers[1].code)
    end)

    it("lets tasks wait for many at once", function()
      local count = 0
      loop.run(function()
        for _ = 1, 20 do
          loop.spawn(function()
            if engine.request(request "/") then count = count + 1 end
          end)
        end
      end)
      assert.equal(20, count)
    end)

    it("reports an error in the callback and answers the others", function()
      local answered
      engine.request_start(request "/", function() error "in a callback" end)
      engine.request_start(request "/", function() answered = true end)
      loop.run()
      assert.is_true(answered)
      assert.matches("in a callback", reported[1])
    end)
  end)

  describe("for a connection", function()
    it("tells its sink of the opening, of each message in order, and of the end", function()
      local sink = connect()
      helper.eventually(has_messages(sink, 1))
      assert.equal(4, sink.opened.version)
      assert.equal("welcome", sink.messages[1])
      assert.is_false(sink.binary)
      sink.connection:send "burst 2000" -- several batches
      helper.eventually(has_messages(sink, 2001))
      for i = 1, 2000 do assert.equal(tostring(i), sink.messages[i + 1]) end
      sink.connection:send("\0\255", true)
      helper.eventually(has_messages(sink, 2002))
      assert.equal("\0\255", sink.messages[2002])
      assert.is_true(sink.binary)
      sink.connection:close()
      helper.eventually(function() return sink.closes[1] end)
      assert.equal("forced close", sink.closes[1].reason)
      loop.step(0)
      assert.equal(1, #sink.closes)
    end)

    it("lets timers and tasks have their turn in a burst", function()
      local sink = connect()
      helper.eventually(has_messages(sink, 1))
      sink.connection:send "burst 3000"
      local deadline = core.now() + helper.TEST_TIMEOUT
      while sink.connection:stats().received_messages < 3001 and core.now() < deadline do
        core.poll(-1, 0.005) -- all of it comes into the queue, none of it out
      end
      local seen
      loop.spawn(function() seen = #sink.messages end)
      helper.eventually(has_messages(sink, 3001))
      assert.is_true(seen < 3001)
    end)

    it("goes on after a sink raised", function()
      local sink = connect()
      helper.eventually(has_messages(sink, 1))
      sink.connection:send "raise"
      sink.connection:send "and go on"
      helper.eventually(has_messages(sink, 3))
      assert.equal("and go on", sink.messages[3])
      assert.matches("a sink that raises", reported[1])
    end)

    it("closes it when its sink was dropped", function()
      local function closed() return select(2, server:out():gsub("closed\n", "")) end
      local before = closed()
      local function use()
        local sink = connect()
        helper.eventually(has_messages(sink, 1))
      end
      use()
      helper.eventually(function()
        collectgarbage()
        return closed() > before
      end, "the server sees it close")
    end)

    it("does not keep run() from returning, whoever wants that holds something", function()
      local sink = connect()
      loop.run()
      assert.is_nil(sink.opened)
    end)
  end)

  describe("that stops", function()
    it("tells everybody, and starts anew with the next use", function()
      local sink, err = connect(), nil
      helper.eventually(has_messages(sink, 1))
      engine.request_start(request "/never", function(_, failure) err = failure end)
      engine.stop()
      assert.is_nil(err)
      loop.run()
      assert.equal("closed", err.kind)
      assert.equal("forced close", sink.closes[1].reason)
      assert.same({ nil, "CLOSED" }, { sink.connection:send "too late" })
      assert.equal(200, engine.request(request "/").status)
      engine.stop()
      engine.stop()
    end)
  end)

  describe("that has a bell", function()
    -- Rings as another process would, and waits for its end.
    local function ring(path)
      local ringer = helper.lua([[
        local engine = require "graphsocket.engine"
        print(engine.ring(arg[1]))
      ]], path)
      assert.equal(0, ringer:wait())
      return (ringer:out():gsub("%s+$", ""))
    end

    it("hears the rings of other processes, and many that come while it is busy as few", function()
      local heard = 0
      local path = assert(engine.bell(function() heard = heard + 1 end))
      assert.equal("true", ring(path))
      helper.eventually(function() return heard == 1 end)
      -- More than the kernel keeps, while nobody takes events.
      for _ = 1, 5000 do assert.is_true(engine.ring(path)) end
      helper.eventually(function() return heard > 1 end)
      assert.is_true(heard < 5000)
      assert.equal(path, engine.bell(function() heard = "another" end))
      assert.is_true(engine.ring(path))
      helper.eventually(function() return heard == "another" end)
      engine.stop()
    end)

    it("tells who rings that its process has ended, and leaves no file", function()
      local path = assert(engine.bell(function() end))
      engine.stop()
      local ok, err = engine.ring(path)
      assert.is_nil(ok)
      assert.equal("closed", err.kind)
      assert.match("^closed: nobody hears this bell: ", tostring(err))
      assert.is_nil(lfs.attributes(path:match "^(.*)/"))
    end)

    it("has none where no folder can be made", function()
      local script = helper.scratch "bell.lua"
      helper.write(script, 'print(select(2, require("graphsocket.engine").bell(print)))')
      local limited = helper.spawn {
        helper.interpreter(), script;
        env = { TMPDIR = "/nonexistent", LUA_PATH = package.path, LUA_CPATH = package.cpath };
      }
      assert.equal(0, limited:wait())
      assert.match("^state: no bell could be made: No such file", limited:out())
    end)
  end)

  -- Only LuaJIT can fork without another module. To a sanitizer, what the child
  -- forgets on purpose is lost.
  local can_fork = rawget(_G, "jit") and not package.cpath:find "build/%lsan/"
  local where_it_can = can_fork and it or function() end

  where_it_can("tells a forked child what to do, and lets it end in peace", function()
    local parent = helper.lua [[
      local engine = require "graphsocket.engine"
      local ffi = require "ffi"
      ffi.cdef "int fork(void); int waitpid(int pid, int *status, int options);"
      -- A name, so that libuv's thread pool is there.
      engine.request { url = "http://localhost:1/" }
      local pid = ffi.C.fork()
      if pid == 0 then
        local ok, err = pcall(engine.request, { url = "http://localhost:1/" })
        io.stdout:write(tostring(ok), " ", tostring(err), "\n")
        os.exit(3)
      end
      local status = ffi.new "int[1]"
      ffi.C.waitpid(pid, status, 0)
      print("status " .. status[0])
    ]]
    assert.equal(0, parent:wait())
    assert.match("false [^\n]*forked after graphsocket was started[^\n]*\nstatus 768\n", parent:out())
  end)

  describe("that cannot start", function()
    it("says why to whoever uses it", function()
      local real = core.engine
      core.engine = function() return nil, { kind = "state", code = "THREAD", message = "no threads left" } end
      finally(function() core.engine = real end)
      local calls = 0
      for _, fn in ipairs {
        function() return engine.open({}, {}) end,
        function() return engine.request {} end,
        function() return engine.request_start({}, function() calls = calls + 1 end) end,
        loop.fd,
      } do
        local result, err = fn()
        assert.is_nil(result)
        assert.equal("state: no threads left (code THREAD)", tostring(err))
      end
      loop.run()
      assert.equal(0, calls)
    end)
  end)
end)
