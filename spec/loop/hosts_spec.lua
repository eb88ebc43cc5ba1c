-- What a program sees of sockets, requests and acknowledgements in every host,
-- with the reference servers and the Graph simulator.

local helper = require "spec.helper"
local hosts = require "spec.loop.hosts"
local reference = require "spec.interop.reference"
local simulator = require "spec.simulator"

local servers, sim

setup(function()
  servers, sim = reference.start(), simulator.start()
end)

teardown(function()
  servers:stop()
  sim:stop()
end)

-- The beginning of each script; open() connects to the reference server.
local COMMON = [[
  local graphsocket = require "graphsocket"
  local socketio = require "graphsocket.socketio"
  local URL = %q
  local function open() return socketio.connect(URL, { force_new = true }) end
  local client = graphsocket.new { base_url = %q, token = %q, ca_file = %q }
  local function fds()
    local count = 0
    for _ in require("lfs").dir "/proc/self/fd" do count = count + 1 end
    return count
  end
  local function threads()
    local count = -2 -- "." and ".."
    for _ in require("lfs").dir "/proc/self/task" do count = count + 1 end
    return count
  end
]]

local function define(host)
  local function text(source)
    return COMMON:format(servers.v4.url, sim.graph, sim.token, sim.ca) .. source
  end

  local function run(source)
    return host:run(text(source))
  end

  it("hears events, and gives and gets acknowledgements", function()
    assert.equal("got\tone\ngot\ttwo\nanswered\tTHREE\nover\n", run [[
      local socket = open()
      serve()
      socket:on("question", function(word, answer)
        host_work()
        graphsocket.sleep(0.001)
        answer(word:upper())
      end)
      socket:on("answered", function(reply)
        print("answered", reply)
        socket:close()
        ended()
      end)
      in_host(function()
        print("got", socket:emit_with_ack("echo", "one"))
        host_work()
        print("got", socket:emit_with_ack("echo", "two"))
        socket:emit("ask", "three")
      end)
      drive()
      print "over"
    ]])
  end)

  it("waits for an endpoint and opens it", function()
    local out = run [[
      in_host(function()
        local endpoint = assert(client:endpoint "/me/drive/root")
        print "endpoint"
        local socket, joined = endpoint:open(), loop.future()
        socket:on("connect", function() joined:resolve() end)
        assert(joined:await(30))
        print "joined"
        socket:close()
        finish()
        ended()
      end)
      drive()
      print "over"
    ]]
    assert.equal("endpoint\njoined\nover\n", out)
  end)

  it("tells of changes by a subscription and a watch, until they are closed", function()
    local process = host:spawn(text [[
      local subscription = client:subscribe "/me/drive/root"
      local watch = assert(client:watch("/me/drive/root", {
        state = { load = function() end, save = function() return true end } }))
      local told = {}
      local function tell(what)
        if told[what] then return end
        told[what] = true
        if told.notification and told.change then
          subscription:close()
          watch:close()
          ended()
        end
      end
      subscription:on("notification", function() host_work() tell "notification" end)
      watch:on("change", function() host_work() tell "change" end)
      watch:on("sync", function() print "ready" end)
      serve()
      drive()
      print "over"
    ]])
    helper.eventually(function()
      return process:out():find "ready" and sim:state().counters.sockets == 2
    end, "both have joined")
    sim:post("items/create", { name = "change.txt" })
    assert.equal(0, process:wait())
    assert.equal("", process:err())
    assert.matches("over\n$", process:out())
  end)

  if host.name ~= "plain" then
    it("lets the host's own sockets and timers go on meanwhile", function()
      assert.equal("acknowledged\tafter trips\nover\n", run [[
        local socket, trips = open(), 0
        serve()
        socket:on("question", function(_, answer)
          while trips < 5 do host_work() end
          answer "after trips"
        end)
        socket:on("answered", function(reply)
          print("acknowledged", reply)
          socket:close()
          ended()
        end)
        socket:on("connect", function() socket:emit("ask", 1) end)
        in_host(function()
          while trips < 5 do
            host_trip()
            trips = trips + 1
          end
        end)
        drive()
        print "over"
      ]])
    end)
  end

  it("serves a hundred coroutines that wait for different answers", function()
    assert.equal("100\n", run [[
      local socket, answered = open(), 0
      serve()
      for i = 1, 100 do
        in_host(function()
          assert(socket:emit_with_ack("slow", i % 7, i) == i)
          answered = answered + 1
          if answered == 100 then
            print(answered)
            socket:close()
            ended()
          end
        end)
      end
      drive()
    ]])
  end)

  it("leaves no descriptor and no thread behind, of sockets and of the engine", function()
    run [[
      -- The second lap finds what the libraries start once and keep.
      local function lap()
        serve()
        in_host(function()
          for i = 1, 5 do
            local socket = open()
            assert(socket:emit_with_ack("echo", i) == i)
            local closed = loop.future()
            socket:on("disconnect", function() closed:resolve() end)
            socket:close()
            assert(closed:await(30))
          end
          ended()
          finish()
        end)
        drive()
        engine.stop()
        again()
      end
      lap()
      local fds_before, threads_before = fds(), threads()
      lap()
      -- A thread that was joined may still be listed for a moment, before as after.
      local deadline = loop.now() + 30
      while threads() > threads_before and loop.now() < deadline do end
      assert(threads() <= threads_before, threads() .. " threads, " .. threads_before .. " before")
      assert(fds() == fds_before, fds() .. " descriptors, " .. fds_before .. " before")
    ]]
  end)

  it("goes on after an error of a handler, which on_error is told", function()
    assert.equal("still here\n", run [[
      local socket = open()
      serve()
      socket:on("item", function(i) if i == 1 then error "first item" end end)
      socket:on("done", function()
        assert(#reported == 1 and reported[1]:find "first item")
        print "still here"
        socket:close()
        ended()
      end)
      socket:emit("count", 2)
      drive()
    ]])
  end)

  it("can be stopped in a handler, and go on", function()
    assert.equal("stopped\nanswer\n2\nover\n", run [[
      local socket = open()
      serve()
      socket:once("connect", function() graphsocket.stop() ended() end)
      in_host(function() end)
      drive()
      print "stopped"
      assert(socket.connected)
      again()
      serve()
      in_host(function()
        print("answer\n" .. socket:emit_with_ack("echo", 2))
        socket:close()
        ended()
      end)
      drive()
      print "over"
    ]])
  end)

  it("can be stopped by the host with a socket open, and go on", function()
    assert.equal("stopped\n3\nover\n", run [[
      local socket = open()
      serve()
      in_host(function()
        assert(socket:emit_with_ack("echo", 1) == 1)
        host_work()
        stop_host()
      end)
      drive()
      print "stopped"
      again()
      in_host(function()
        print(socket:emit_with_ack("echo", 3))
        socket:close()
        ended()
      end)
      drive()
      print "over"
    ]])
  end)

  it("can be stopped and go on time after time, with the same socket", function()
    assert.equal("20\n", run [[
      local socket, rounds = open(), 0
      local function round()
        assert(socket:emit_with_ack("echo", rounds) == rounds)
        rounds = rounds + 1
        graphsocket.stop()
        ended()
      end
      for i = 1, 20 do
        socket:once("item", round)
        socket:emit("count", 1)
        serve()
        in_host(function() host_work() end)
        drive()
        assert(rounds == i, rounds)
        again()
      end
      print(rounds)
    ]])
  end)

  it("bears handlers that fail after every kind of wait", function()
    assert.equal("3\n", run [[
      local socket = open()
      serve()
      socket:on("item", function(i)
        if i == 1 then host_work() end
        if i == 2 then graphsocket.sleep(0.001) end
        if i == 3 then socket:emit_with_ack("echo", i) end
        error { item = i }
      end)
      socket:on("done", function()
        for i = 1, 3 do assert(reported[i].item == i) end
        print(#reported)
        socket:close()
        ended()
      end)
      socket:emit("count", 3)
      drive()
    ]])
  end)

  it("refuses run() in a handler", function()
    run [[
      local socket = open()
      serve()
      socket:on("connect", function()
        local ok, message = pcall(graphsocket.run)
        assert(not ok and message:find "is running already", message)
        socket:close()
        ended()
      end)
      drive()
      assert(#reported == 0, reported[1])
    ]]
  end)

  it("collects what waits for an answer that never comes", function()
    run [[
      local weak = setmetatable({}, { __mode = "v" })
      do
        local socket = open()
        serve()
        in_host(function()
          weak.waiter = coroutine.running()
          weak.socket = socket
          assert(not socket:emit_with_ack "never")
          ended()
        end)
        in_host(function()
          while not socket.connected do loop.sleep(0.001) end
          socket:close() -- answers those who wait
        end)
      end
      drive()
      again()
      in_host(function()
        while weak.waiter or weak.socket do
          collectgarbage()
          loop.sleep(0.001)
        end
        finish()
      end)
      drive()
    ]]
  end)

  it("ends in peace with sockets open", function()
    assert.equal("leaving\n", run [[
      local socket = open()
      serve()
      in_host(function()
        assert(socket:emit_with_ack("echo", 1) == 1)
        client:subscribe "/me/drive/root"
        print "leaving"
        stop_host()
      end)
      drive()
    ]])
  end)

  it("closes a socket that the program has dropped, after stop()", function()
    run [[
      local weak = setmetatable({ open() }, { __mode = "k" })
      weak = setmetatable({ weak[1] }, { __mode = "v" })
      serve()
      weak[1]:once("connect", function() graphsocket.stop() ended() end)
      drive()
      again()
      for _ = 1, 10 do
        collectgarbage()
        loop.host() -- nothing of ours is on the stack
      end
      assert(weak[1] == nil, "it is still there")
    ]]
    helper.eventually(function()
      return servers:post("servers/report", { id = servers.v4.id }).counters.connections == 0
    end, "the server has no connection left")
  end)
end

for _, host in ipairs(hosts) do
  describe("in " .. host.name, function()
    if host:missing() then
      pending(host:missing())
    else
      define(host)
    end
  end)
end
