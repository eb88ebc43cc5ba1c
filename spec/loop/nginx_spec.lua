-- The host adapter in a real nginx: what works in its workers, and what the
-- library says where nothing does. The configurations of spec/nginx.lua have
-- neither a `resolver` nor any lua_ssl_* directive. nginx_exit_spec.lua has the
-- ends of workers.

local engine = require "graphsocket.engine"
local helper = require "spec.helper"
local nginx = require "spec.nginx"
local reference = require "spec.interop.reference"
local simulator = require "spec.simulator"

-- The value of a key of the shared dict, as the Lua blocks below leave it.
local SHOW = "ngx.print(tostring(ngx.shared.spec:get(ngx.var.arg_key)))"

-- The beginning of a Lua block.
local PRELUDE = [[
  local graphsocket = require "graphsocket"
  local loop = require "graphsocket.loop"
  local socketio = require "graphsocket.socketio"
  local dict = ngx.shared.spec
]]

describe("nginx", function()
  local missing = nginx.missing()
  if missing then
    pending(missing)
    return
  end

  local sim, servers, server

  setup(function()
    sim = simulator.start()
    servers = reference.start()
  end)
  teardown(function()
    servers:stop()
    sim:stop()
  end)
  before_each(function() sim:reset() end)
  after_each(function()
    local running = server
    server = nil
    if not running then return end
    running:stop()
    for _, secret in ipairs { sim.token, "token=", "applicationId=" } do
      assert.is_nil(running:log():find(secret, 1, true))
    end
  end)

  local function start(options)
    options.locations = options.locations or {}
    options.locations["/show"] = SHOW
    -- An hour ahead and so on: the time of the one worker.
    options.locations["/skew"] = PRELUDE .. "loop.skew(tonumber(ngx.var.arg_s))"
    server = nginx.start(options)
    return server
  end

  local function until_shown(key, expected)
    server:until_body("/show?key=" .. key, expected)
  end

  -- A block with a client of the simulator.
  local function with_client(code)
    return PRELUDE .. ("local client = graphsocket.new { base_url = %q, token = %q, ca_file = %q }\n")
      :format(sim.graph, sim.token, sim.ca) .. code
  end

  -- A block with a socket to the reference server of Socket.IO.
  local function with_socket(code)
    return PRELUDE .. ("local socket = socketio.connect(%q)\n"):format(servers.v4.url) .. code
  end

  local SUBSCRIBE = [[
    local sub = client:subscribe "/me/drive/root"
    sub:on("state", function(state) dict:set("state", state) end)
    sub:on("notification", function() dict:incr("notifications", 1, 0) end)
  ]]

  describe("in its workers", function()
    it("calls handlers that init_worker registered, without run()", function()
      start { workers = 2; init_worker = with_client(SUBSCRIBE) }
      sim:post("wait", { ["for"] = { sockets = 2 }; timeout = 10000 })
      for _ = 1, 5 do sim:post("items/create", { name = "a.txt" }) end
      until_shown("notifications", "10") -- either worker has its own subscription
    end)

    it("lets a request wait while others are answered", function()
      sim:fault { on = "subscription"; stall = 700 }
      start {
        locations = {
          ["/endpoint"] = with_client [[
            local endpoint, err = client:endpoint "/me/drive/root"
            ngx.print(endpoint and endpoint.resource or tostring(err))
          ]];
          ["/quick"] = "ngx.print 'quick'";
        };
      }
      local slow
      engine.request_start({ url = server:url "/endpoint" }, function(response) slow = response end)
      helper.eventually(function() return #sim:requests "subscription" == 1 end)
      assert.equal("quick", (server:get "/quick"))
      assert.is_nil(slow)
      helper.eventually(function() return slow end)
      assert.equal("/me/drive/root", slow.body)
    end)

    it("is held up by no request whose client went away", function()
      sim:fault { on = "subscription"; stall = 1000 }
      start {
        http = "lua_check_client_abort on;"; -- nginx kills the light threads of such a request
        init_worker = with_client "package.loaded.the_client = client";
        locations = { ["/endpoint"] = [[
          local endpoint, err = require("the_client"):endpoint "/me/drive/root"
          ngx.print(endpoint and endpoint.resource or tostring(err))
        ]] };
      }
      for n = 1, 4 do -- as many as a client has at once
        local cancel = engine.request_start({ url = server:url "/endpoint" }, function() end)
        helper.eventually(function() return #sim:requests "subscription" == n end)
        cancel()
      end
      assert.equal("/me/drive/root", (server:get "/endpoint"))
    end)

    it("shares a token that is being fetched, though one who waits for it goes away", function()
      start {
        http = "lua_check_client_abort on;";
        init_worker = PRELUDE .. [[
          local source = require "graphsocket.auth.source"
          package.loaded.the_source = source.new { name = "it", fetch = function()
            while not dict:get "go" do ngx.sleep(0.01) end
            return "t"
          end }
        ]];
        locations = {
          ["/token"] = [[
            ngx.shared.spec:incr("waiting", 1, 0)
            ngx.print(tostring((require("the_source"):token())))
          ]];
          ["/go"] = "ngx.shared.spec:set('go', true)";
        };
      }
      local cancel = engine.request_start({ url = server:url "/token" }, function() end)
      until_shown("waiting", "1")
      local answer
      engine.request_start({ url = server:url "/token" }, function(response) answer = response end)
      until_shown("waiting", "2")
      cancel()
      server:get "/go"
      helper.eventually(function() return answer end)
      assert.equal("t", answer.body)
    end)

    it("lets requests emit, wait and sleep, through a socket of init_worker", function()
      start {
        init_worker = with_socket "package.loaded.the_socket = socket";
        locations = {
          ["/echo"] = PRELUDE .. [[
            local began = loop.now()
            graphsocket.sleep(0.01)
            assert(loop.now() - began >= 0.01)
            ngx.print(require("the_socket"):emit_with_ack("echo", ngx.var.arg_n))
          ]];
        };
        server = [[
          location = /access { access_by_lua_block {
            ngx.header.told = require("the_socket"):emit_with_ack("echo", "access")
          } content_by_lua_block { ngx.print "done" } }
        ]];
      }
      local answers = 0
      for i = 1, 20 do
        engine.request_start({ url = server:url("/echo?n=" .. i) }, function(response)
          assert.equal(tostring(i), response.body)
          answers = answers + 1
        end)
      end
      helper.eventually(function() return answers == 20 end)
      local response = engine.request { url = server:url "/access" }
      assert.match("told: access", response.headers)
    end)

    it("lets handlers use cosockets and timers of nginx", function()
      start {
        init_worker = with_client [[
          local sub = client:subscribe "/me/drive/root"
          sub:on("notification", function()
            ngx.sleep(0.01)
            local socket = ngx.socket.tcp()
            assert(socket:connect("127.0.0.1", tonumber(dict:get "port")))
            socket:send "GET /quick HTTP/1.0\r\n\r\n"
            dict:set("answer", socket:receive "*l")
            socket:close()
            ngx.timer.at(0, function() dict:set("timer", "ran") end)
          end)
          sub:on("state", function(state) dict:set("state", state) end)
        ]];
        locations = {
          ["/quick"] = "ngx.print 'quick'";
          ["/port"] = "ngx.shared.spec:set('port', ngx.var.server_port)";
        };
      }
      server:get "/port"
      until_shown("state", "joined")
      sim:post("items/create", { name = "a.txt" })
      until_shown("answer", "HTTP/1.1 200 OK")
      until_shown("timer", "ran")
    end)

    it("hands over to a fresh timer now and then, and loses nothing", function()
      start { init_worker = with_client(SUBSCRIBE); locations = {
        ["/timers"] = "ngx.print(ngx.timer.running_count())";
      } }
      until_shown("state", "joined")
      for i = 1, 10 do
        sim:post("items/create", { name = i .. ".txt" })
        -- The subscription's own timers rest: it is renewed after 18 minutes.
        if i <= 3 then server:get "/skew?s=301" end
      end
      until_shown("notifications", "10")
      helper.eventually(function() return server:get "/timers" == "1" end, "one timer runs")
      assert.equal(1, sim:report().counters.opened)
    end)
  end)

  it("has a worker that does not grow with what it was told", function()
    start {
      init_worker = with_socket [[
        package.loaded.the_socket = socket
        socket:on("echo", function() dict:incr("echoes", 1, 0) end)
      ]];
      locations = {
        -- The reference server sends back what it is sent.
        ["/more"] = PRELUDE .. [[
          for _ = 1, 1000 do require("the_socket"):emit("echo", ("x"):rep(300)) end
        ]];
        ["/collect"] = "collectgarbage() collectgarbage()";
      };
    }
    local rounds = 0
    local function exchange(n)
      for _ = 1, n do
        server:get "/more"
        rounds = rounds + 1
        until_shown("echoes", tostring(1000 * rounds))
      end
      server:get "/collect"
      local status = helper.read(("/proc/%d/status"):format(server:workers()[1]))
      return tonumber(status:match "VmRSS:%s*(%d+)")
    end
    local before = exchange(5)
    local after = exchange(20)
    -- 20,000 events: a leak of as little as their names would be more.
    assert.is_true(after - before < 1024, ("%d KB, then %d KB"):format(before, after))
  end)

  -- nginx calls no timer beyond lua_max_running_timers, and says so each time.
  it("starts again when nginx has dropped its timer", function()
    start {
      allow = { "lua_max_running_timers are not enough" };
      http = "lua_max_running_timers 1;";
      init_worker = [[
        require("graphsocket.loop.nginx").SUPERVISE = 0.05
        ngx.timer.at(0, function()
          while not ngx.shared.spec:get "end" do ngx.sleep(0.01) end
        end)
      ]] .. with_client(SUBSCRIBE);
      locations = { ["/end"] = "ngx.shared.spec:set('end', true)" };
    }
    helper.eventually(function() return server:log():find "lua_max_running_timers are not enough" end)
    server:get "/end"
    until_shown("state", "joined")
    sim:post "items/create"
    until_shown("notifications", "1")
  end)

  it("says what to do when nginx gives no timer, and works when it does", function()
    start {
      init_worker = [[
        local every, refuses = ngx.timer.every, true
        function ngx.timer.every(...)
          if refuses then return nil, "too many pending timers" end
          return every(...)
        end
        package.loaded.mend = function() refuses = false end
      ]];
      locations = {
        ["/mend"] = "require 'mend' ()";
        ["/sleep"] = PRELUDE .. [[
          local ok, why = pcall(loop.sleep, 0.001)
          ngx.print(ok and "slept" or why)
        ]];
      };
    }
    assert.equal("nginx gives graphsocket no timer (too many pending timers): raise lua_max_pending_timers",
      (server:get "/sleep"))
    server:get "/mend"
    assert.equal("slept", (server:get "/sleep"))
  end)

  it("works without a socket to be woken by, if slowly", function()
    start {
      allow = { "worker_connections are not enough", "no wake socket" };
      init_worker = with_client(SUBSCRIBE) .. [[
        -- What ngx_lua says where worker_connections are used up.
        local tcp, fails = ngx.socket.tcp, true
        function ngx.socket.tcp()
          local socket = tcp()
          if fails then
            return setmetatable({ connect = function() return nil, "worker_connections are not enough" end },
              { __index = function(_, name) return function(_, ...) return socket[name](socket, ...) end end })
          end
          return socket
        end
        package.loaded.mend = function() fails = false end
        graphsocket.spawn(function()
          loop.sleep(0.0009) -- less than nginx can sleep
          dict:set("slept", "shortly")
        end)
      ]];
      locations = { ["/mend"] = "require 'mend' ()" };
    }
    until_shown("state", "joined")
    until_shown("slept", "shortly")
    assert.match("%[warn%][^\n]*graphsocket: no wake socket %(worker_connections", server:log())
    server:get "/mend"
    sim:post "items/create"
    until_shown("notifications", "1")
  end)

  describe("with a handler", function()
    -- Handlers of one subscription, and one of another that must not suffer.
    local function start_with(handler, more)
      local options = more or {}
      options.init_worker = with_client(SUBSCRIBE .. [[
        local another = client:subscribe("/drives/" .. DRIVE .. "/root")
        another:on("state", function(state) dict:set("another", state) end)
        another:on("notification", function() HANDLER end)
      ]]):gsub("HANDLER", function() return handler end):gsub("DRIVE", function()
        return ("%q"):format(sim.ids.shared_drive)
      end)
      start(options)
      until_shown("state", "joined")
      until_shown("another", "joined")
      sim:post("items/create", { name = "a.txt"; drive = sim.ids.shared_drive })
    end

    it("that raises: the log has it, and nothing else suffers", function()
      start_with('dict:incr("raised", 1, 0) error "a handler that raises"', {
        allow = { "a handler that raises", "^stack traceback", "^\t", "context: ngx.timer" };
      })
      until_shown("raised", "1")
      sim:post("items/create", { name = "b.txt"; drive = sim.ids.shared_drive })
      until_shown("raised", "2")
      sim:post "items/create"
      until_shown("notifications", "1")
      assert.match("%[error%][^\n]*graphsocket: [^\n]*a handler that raises", server:log())
    end)

    it("that calls ngx.exit: that is an error, and nothing else ends", function()
      for _, handler in ipairs {
        'dict:incr("exits", 1, 0) ngx.exit(ngx.OK)',
        'dict:incr("exits", 1, 0) ngx.thread.wait(ngx.thread.spawn(ngx.exit, ngx.OK))',
      } do
        start_with(handler, {
          allow = { "ngx%.exit", "^stack traceback", "^coroutine %d", "^\t", "context: ngx.timer" };
          init = "ngx.timer_exits = function() ngx.timer.at(0, function() ngx.exit(ngx.OK) end) end";
          locations = { ["/exit"] = "ngx.timer_exits() ngx.exit(204)" };
        })
        until_shown("exits", "1")
        assert.equal(204, select(2, server:get "/exit")) -- elsewhere it is as ever
        sim:post("items/create", { name = "b.txt"; drive = sim.ids.shared_drive })
        until_shown("exits", "2")
        sim:post "items/create"
        until_shown("notifications", "1")
        assert.match("ngx%.exit would end every task of graphsocket in this worker: return instead", server:log())
        server:stop()
        server = nil
      end
    end)

    it("that blocks: the log names it, without a secret", function()
      start_with([[
        local core = require "graphsocket.core"
        local until_then = core.now() + 0.2
        while core.now() < until_then do end
        dict:incr("blocked", 1, 0)
      ]], { allow = { "kept this worker from its requests" } })
      until_shown("blocked", "1")
      sim:post "items/create"
      until_shown("notifications", "1")
      helper.eventually(function() return server:log():find "%[warn%]" end)
      local line = server:log():match "[^\n]*%[warn%][^\n]*"
      assert.match("a handler of graphsocket%.%w+: .* kept this worker from its requests for %d+%.%d", line)
      assert.is_nil(line:find("token=", 1, true))
      assert.is_nil(line:find(sim.token, 1, true))
    end)

    it("that waits for long: no word of it", function()
      start_with 'ngx.sleep(0.3) dict:incr("waited", 1, 0)'
      sim:post "items/create"
      until_shown("notifications", "1")
      until_shown("waited", "1")
    end)

    it("that waits for ever: the others go on, in fresh timers too, and it ends with the worker", function()
      start_with 'dict:set("waits", true) while true do ngx.sleep(60) end'
      until_shown("waits", "true")
      for i = 1, 3 do
        server:get "/skew?s=301"
        sim:post "items/create"
        until_shown("notifications", tostring(i))
      end
    end)
  end)

  it("is not woken in an idle hour but by its supervisor, and logs nothing", function()
    start {
      init_worker = with_client [[
        -- The hour is shortened: 100 of the supervisor's 720 looks.
        require("graphsocket.loop.nginx").SUPERVISE = 0.03
        local every = ngx.timer.every
        function ngx.timer.every(seconds, look, ...)
          return every(seconds, function(...) dict:incr("looks", 1, 0) return look(...) end, ...)
        end
        local pump = require "graphsocket.loop.pump"
        local turn = pump.turn
        function pump.turn() dict:incr("turns", 1, 0) return turn() end
      ]] .. with_client(SUBSCRIBE);
    }
    until_shown("state", "joined")
    local shared_before = tonumber((server:get "/show?key=turns"))
    local looks_before = tonumber((server:get "/show?key=looks"))
    local looks
    helper.eventually(function()
      looks = tonumber((server:get "/show?key=looks")) - looks_before
      return looks >= 100
    end)
    local turns = tonumber((server:get "/show?key=turns")) - shared_before
    -- The pump's own looks are fewer; what was not over at first is little.
    assert.is_true(turns <= looks / 2, ("%d turns, %d looks"):format(turns, looks))
    assert.same({}, server:complaints())
  end)

  describe("where nobody can wait or start", function()
    it("says which phases work", function()
      start {
        locations = { ["/quick"] = "ngx.print 'quick'" };
        server = [[
          location = /log { return 204; log_by_lua_block {
            local graphsocket = require "graphsocket"
            ngx.shared.spec:set("log", select(2, pcall(graphsocket.sleep, 1)))
          } }
          location = /header { return 204; header_filter_by_lua_block {
            local graphsocket = require "graphsocket"
            local client = graphsocket.new { token = "t" }
            ngx.shared.spec:set("header", select(2, pcall(client.endpoint, client, "/me/drive/root")))
          } }
        ]];
      }
      server:get "/log"
      server:get "/header"
      helper.eventually(function() return server:get "/show?key=log" ~= "nil" end)
      for _, phase in ipairs { "log", "header_filter" } do
        local message = server:get("/show?key=" .. phase:match "^%a+")
        assert.match("^[%a_]+by_lua%b():%d+: .-: nginx cannot wait in the phase " .. phase, message)
        assert.match("content_by_lua%*", message)
      end
    end)

    it("refuses the master, whose threads the workers would not have", function()
      start {
        init = PRELUDE .. [[
          local client = graphsocket.new { token = "t" }
          dict:set("init", select(2, pcall(client.subscribe, client, "/me/drive/root")))
          dict:set("request", select(2, pcall(client.endpoint, client, "/me/drive/root")))
        ]];
      }
      assert.match("init_by_lua%*.*start it in init_worker_by_lua%*", (server:get "/show?key=init"))
      assert.match("init_by_lua%*", (server:get "/show?key=request"))
    end)

    it("refuses a Lua state for each request (lua_code_cache off)", function()
      start {
        allow = { "lua_code_cache is off" };
        http = "lua_code_cache off;";
        init_worker = with_client(SUBSCRIBE);
        locations = { ["/endpoint"] = with_client [[
          local ok, err = pcall(client.endpoint, client, "/me/drive/root")
          ngx.print(ok and "fine" or tostring(err))
        ]] };
      }
      until_shown("state", "joined")
      for _ = 1, 2 do
        assert.match("lua_code_cache is off.*switch it on", (server:get "/endpoint"))
      end
    end)
  end)
end)
