-- A network that loses packets without a word: no end, no reset, as when a cable
-- is pulled. Two network namespaces joined by a pair of virtual interfaces, and a
-- side that sends to a hardware address which nobody has. They have no names, and
-- end with their processes. Needs root, unshare, nsenter and ip; else skipped.

local cjson = require "cjson"
local helper = require "spec.helper"

-- In the client's namespace. $0: the server's pid; the rest is run.
local JOIN = [[
  set -e
  ip link add gs0 type veth peer name gs1
  ip link set gs1 netns "$0"
  ip addr add 192.0.2.1/24 dev gs0
  ip link set gs0 up
  nsenter -n -t "$0" ip addr add 192.0.2.2/24 dev gs1
  nsenter -n -t "$0" ip link set gs1 up
  exec "$@"
]]

local CLIENT = [=[
  local server_pid, url, limit = arg[1], arg[2], tonumber(arg[3])
  local core = require "graphsocket.core"
  local engine = require "graphsocket.engine"
  local loop = require "graphsocket.loop"
  local socketio = require "graphsocket.socketio"
  local there = "nsenter -n -t " .. server_pid .. " "

  local function sh(command)
    local ok = os.execute(command)
    assert(ok == true or ok == 0, command)
  end

  -- One side sends to a hardware address that nobody has; then it asks anew.
  local function lose(lane)
    local side = lane == "up" and "ip neigh replace 192.0.2.2 dev gs0"
      or there .. "ip neigh replace 192.0.2.1 dev gs1"
    sh(side .. " lladdr 02:00:00:00:00:99 nud permanent")
  end
  local function heal(lane)
    sh(lane == "up" and "ip neigh del 192.0.2.2 dev gs0"
      or there .. "ip neigh del 192.0.2.1 dev gs1")
  end

  local function await(condition, what)
    local deadline = core.now() + limit
    while not condition() do
      assert(core.now() < deadline, "waited in vain until " .. what)
      loop.sleep(0.01)
    end
  end

  local function session(lanes)
    local socket = socketio.connect(url, {
      force_new = true, insecure = true, timeout = 1,
      reconnection_delay = 0.05, reconnection_delay_max = 0.2,
    })
    local ends, answers = {}, {}
    socket:on("disconnect", function(reason) ends[#ends + 1] = reason end)
    await(function() return socket.connected end, "it is joined")
    for _, lane in ipairs(lanes) do lose(lane) end
    for n = 1, 3 do
      socket:timeout(limit):emit("arrive", "lost", n, function(err)
        answers[#answers + 1] = err and err.kind or "answered"
      end)
    end
    await(function() return #ends > 0 and #answers == 3 end, "the loss is noticed")
    for _, lane in ipairs(lanes) do heal(lane) end
    await(function() return socket.connected end, "it is joined again")
    local value = socket:timeout(limit):emit_with_ack("arrive", "after", 4)
    assert(value == 4, "the last event was not answered")
    assert(#answers == 3, "an event was answered twice")
    io.write("\n", table.concat(lanes, "+"), ": ", ends[1], ", ", table.concat(answers, " "))
    io.flush()
    socket:close()
  end

  loop.run(function()
    session { "up" }
    session { "down" }
    session { "up", "down" }
  end)
  engine.stop()
]=]

local function can_separate()
  local code = helper.run { "unshare", "-n", "sh", "-c",
    "ip link add gs0 type veth peer name gs1 && nsenter -n -t $$ true" }
  return code == 0
end

describe("packets that are lost in either direction", function()
  it("cost the connection, which comes back, and are told to whoever awaits an answer", function()
    if not can_separate() then
      pending "needs root, unshare, nsenter and ip with veth"
      return
    end
    local path = helper.scratch "client.lua"
    helper.write(path, CLIENT)
    local server = helper.spawn { "unshare", "-n", "sh", "-c",
      "ip link set lo up; exec node spec/support/drop 0.0.0.0" }
    local port = tonumber(cjson.decode(server:line()).url:match ":(%d+)$")
    local client = helper.spawn {
      "unshare", "-n", "sh", "-c", JOIN, tostring(server.pid), helper.interpreter(), path,
      tostring(server.pid), ("http://192.0.2.2:%d"):format(port), tostring(helper.TEST_TIMEOUT),
      env = { LUA_PATH = package.path, LUA_CPATH = package.cpath },
    }
    for _, lanes in ipairs { "up", "down", "up+down" } do
      helper.eventually(function()
        return client:ended() or client:out():find("\n" .. lanes .. ": ", 1, true)
      end, lanes .. " is lost and back")
    end
    client:wait()
    server:close()
    assert.equal("", client:err())
    -- Where one direction is left, the server may be the first to say that it is over.
    local count = 0
    for line in client:out():gmatch "[^\n]+" do
      assert.matches(": [pt]%l+ [tce]%l+, closed closed closed$", line)
      count = count + 1
    end
    assert.equal(3, count)
  end)
end)
