-- How nginx's workers end while the library is at work in them: in peace, by a
-- reload, killed. nginx.stop() of spec/nginx.lua fails for each process, thread
-- and file that is left, and for each complaint in the log.

local engine = require "graphsocket.engine"
local helper = require "spec.helper"
local nginx = require "spec.nginx"
local peers = require "spec.peers"
local simulator = require "spec.simulator"

describe("a worker of nginx", function()
  local missing = nginx.missing()
  if missing then
    pending(missing)
    return
  end

  local sim, server

  setup(function() sim = simulator.start() end)
  teardown(function() sim:stop() end)
  before_each(function() sim:reset() end)
  after_each(function()
    local running = server
    server = nil
    if running then running:stop() end
  end)

  local function client()
    return ([[
      local graphsocket = require "graphsocket"
      local client = graphsocket.new { base_url = %q, token = %q, ca_file = %q }
    ]]):format(sim.graph, sim.token, sim.ca)
  end

  local function subscribe()
    return client() .. [[
      local sub = client:subscribe "/me/drive/root"
      sub:on("notification", function() ngx.shared.spec:incr("notifications", 1, 0) end)
    ]]
  end

  -- The answer to a request that has begun when the worker is told to exit.
  local function answer_at_exit(path, until_begun)
    local answer
    engine.request_start({ url = server:url(path) }, function(response, err) answer = response or err end)
    until_begun()
    server:stop()
    server = nil
    helper.eventually(function() return answer end)
    return answer
  end

  -- None is open beside those that are joined.
  local function until_joined(n)
    helper.eventually(function()
      local counters = sim:state().counters
      return counters.connections == n and counters.sockets == n
    end, n .. " connections are open and joined")
  end

  it("says goodbye to its servers when nginx is asked to quit", function()
    local servers = peers.start()
    local peer = servers:launch {
      script = { { await = "40" }, { frame = { text = '40{"sid":"a"}' } }, { hang = true } };
    }
    server = nginx.start {
      init_worker = ([[
        local socketio = require "graphsocket.socketio"
        local socket = socketio.connect("http://127.0.0.1:%d/", { engine = 4 })
        socket:on("connect", function() ngx.shared.spec:set("state", "joined") end)
        socket:on("disconnect", function() ngx.log(ngx.ERR, "no handler runs at the exit") end)
      ]]):format(peer.port);
      locations = { ["/state"] = "ngx.print(tostring(ngx.shared.spec:get 'state'))" };
    }
    server:until_body("/state", "joined")
    server:stop()
    server = nil
    local frames = servers:seen(peer).frames
    assert.equal("41", frames[#frames - 1].text)
    assert.equal(1001, frames[#frames].code)
    servers:stop()
  end)

  it("ends though a handler waits for ever, and another never stops working", function()
    server = nginx.start {
      init_worker = client() .. [[
        local dict = ngx.shared.spec
        local loop = require "graphsocket.loop"
        local sub = client:subscribe "/me/drive/root"
        sub:on("notification", function()
          dict:set("waits", true)
          while true do ngx.sleep(60) end
        end)
        graphsocket.spawn(function() while true do loop.sleep(0.01) end end)
      ]];
      locations = { ["/waits"] = "ngx.print(tostring(ngx.shared.spec:get 'waits'))" };
    }
    until_joined(1)
    sim:post "items/create"
    server:until_body("/waits", "true")
    server:stop()
    server = nil
    until_joined(0)
  end)

  it("answers a request that waits for a token in it, and then ends", function()
    server = nginx.start {
      locations = { ["/endpoint"] = [[
        local graphsocket = require "graphsocket"
        local client = graphsocket.new { token = function()
          ngx.shared.spec:set("asked", true)
          ngx.sleep(60)
        end }
        local endpoint, err = client:endpoint "/me/drive/root"
        ngx.print(tostring(endpoint or err))
      ]], ["/asked"] = "ngx.print(tostring(ngx.shared.spec:get 'asked'))" };
    }
    local answer = answer_at_exit("/endpoint", function() server:until_body("/asked", "true") end)
    assert.match("^closed: ", answer.body)
  end)

  it("answers a request that waits in it, and then ends", function()
    sim:fault { on = "subscription"; hang = true }
    server = nginx.start {
      locations = { ["/endpoint"] = client() .. [[
        local endpoint, err = client:endpoint "/me/drive/root"
        ngx.print(tostring(endpoint or err))
      ]] };
    }
    local answer = answer_at_exit("/endpoint", function()
      helper.eventually(function() return #sim:requests "subscription" == 1 end)
    end)
    assert.match("^closed: ", answer.body)
  end)

  it("answers a request that waits for an acknowledgement in it, and then ends", function()
    local servers = peers.start()
    local peer = servers:launch {
      script = { { await = "40" }, { frame = { text = '40{"sid":"a"}' } }, { hang = true } };
    }
    server = nginx.start {
      locations = { ["/ask"] = ([[
        local socketio = require "graphsocket.socketio"
        local socket = socketio.connect("http://127.0.0.1:%d/", { engine = 4 })
        local reply, err = socket:emit_with_ack "question"
        ngx.print(tostring(reply), " ", tostring(err))
      ]]):format(peer.port) };
    }
    local answer = answer_at_exit("/ask", function()
      helper.eventually(function()
        local seen = servers:seen(peer)
        return seen and #seen.frames > 1
      end, "the question is there")
    end)
    assert.match("^nil closed: ", answer.body)
    servers:stop()
  end)

  it("ends at once on SIGTERM too", function()
    server = nginx.start { workers = 2; init_worker = subscribe() }
    until_joined(2)
    server:stop "TERM"
    server = nil
    until_joined(0)
  end)

  it("leaves one connection and nothing of the old workers after many reloads", function()
    server = nginx.start {
      init_worker = subscribe();
      locations = { ["/n"] = "ngx.print(ngx.shared.spec:get 'notifications' or 0)" };
    }
    until_joined(1)
    local reloads = tonumber(os.getenv "RELOADS") or 10
    for _ = 1, reloads do
      server:reload()
      sim:post "items/create" -- under load, of a kind
    end
    until_joined(1)
    local before = tonumber((server:get "/n"))
    helper.eventually(function()
      -- Again, as the simulator may not have noticed yet whose connection it is.
      sim:post "items/create"
      return tonumber((server:get "/n")) > before
    end, "the new worker hears of changes")
    until_joined(1)
  end)

  it("that is reloaded before it has begun ends as well", function()
    server = nginx.start { init_worker = subscribe() }
    for _ = 1, 5 do
      server:signal "HUP"
      helper.eventually(function() return #server:workers() > 0 end)
    end
    helper.eventually(function() return #server:workers() == 1 end, "one worker is left")
    until_joined(1)
  end)

  it("that is killed leaves nothing but what its successor does", function()
    server = nginx.start { allow = { "%[alert%].*exited on signal 9" }; init_worker = subscribe() }
    until_joined(1)
    for _ = 1, 3 do
      local killed = server:workers()[1]
      server:signal("KILL", killed)
      helper.eventually(function()
        local workers = server:workers()
        return #workers == 1 and workers[1] ~= killed
      end, "nginx has started another")
      until_joined(1)
    end
    assert.same({}, server:files())
  end)

  it("ends a timer of the program's own, and a handler's thread, that sleep in a loop", function()
    server = nginx.start {
      init_worker = client() .. [[
        local dict = ngx.shared.spec
        local function sleep_on(name)
          while true do
            graphsocket.sleep(0.01)
            dict:set(name, true)
          end
        end
        ngx.timer.at(0, function() sleep_on "timer" end)
        local sub = client:subscribe "/me/drive/root"
        sub:on("notification", function() ngx.thread.wait(ngx.thread.spawn(sleep_on, "thread")) end)
      ]];
      locations = { ["/sleep"] = "local d = ngx.shared.spec ngx.print(tostring(d:get 'timer' and d:get 'thread'))" };
    }
    until_joined(1)
    sim:post "items/create"
    server:until_body("/sleep", "true")
    server:stop()
    server = nil
    until_joined(0)
  end)

  it("lets a request sleep to its end", function()
    server = nginx.start {
      init_worker = subscribe();
      locations = { ["/sleeps"] = client() .. [[
        ngx.shared.spec:set("is_in", true)
        while not ngx.worker.exiting() do graphsocket.sleep(0.01) end
        for _ = 1, 12 do graphsocket.sleep(0.1) end -- the I/O thread ends meanwhile
        ngx.print "slept"
      ]]; ["/is_in"] = "ngx.print(tostring(ngx.shared.spec:get 'is_in'))" };
    }
    until_joined(1)
    local answer = answer_at_exit("/sleeps", function() server:until_body("/is_in", "true") end)
    assert.equal("slept", answer.body)
  end)

  it("starts nothing new when it is about to exit", function()
    server = nginx.start {
      init_worker = subscribe();
      locations = { ["/late"] = client() .. [[
        ngx.shared.spec:set("is_in", true)
        while not ngx.worker.exiting() do ngx.sleep(0.01) end
        ngx.sleep(1.5) -- the I/O thread has ended by then
        local endpoint, err = client:endpoint "/me/drive/root"
        ngx.print(tostring(endpoint or err))
      ]]; ["/is_in"] = "ngx.print(tostring(ngx.shared.spec:get 'is_in'))" };
    }
    until_joined(1)
    local answer = answer_at_exit("/late", function() server:until_body("/is_in", "true") end)
    assert.match("^closed: .*this worker of nginx is about to exit$", answer.body)
  end)
end)
