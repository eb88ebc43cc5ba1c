-- Packets and pieces of packets in any order, as no server sends them: whatever
-- comes is an event, an answer, or the end of a connection that is made anew.
-- Nothing raises, nothing is left behind. The bytes are random, but the same in
-- each run.

local helper = require "spec.helper"
local peer = require "spec.socketio.peer"
local socketio = require "graphsocket.socketio"

local ROUNDS = 4000

local PACKETS = {
  '0{"sid":"a","pid":"p"}', '0/a,{"sid":"b"}', "0", "0/a", "1", "1/a,",
  '2["x",1]', '2/a,12["x",{"a":[1,null,"é"]}]', '2["connect"]', "2[1]",
  '2["x","offset"]', '3/a,0["v"]', "30[]", '4{"message":"no"}', '4/a,"no"', "4",
  '51-["x",{"_placeholder":true,"num":0}]',
  '62-/a,1[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]',
}

-- Park and Miller's generator: math.random differs from Lua to Lua.
local state = 20240229
local function random(limit)
  state = state * 16807 % 2147483647
  return state % limit + 1
end

local function mutated(text)
  for _ = 2, random(4) do
    local at, way = random(#text + 1) - 1, random(4)
    local other = PACKETS[random(#PACKETS)]
    local before, behind = text:sub(1, at), text:sub(at + 1)
    if way == 1 then text = before .. string.char(random(256) - 1) .. behind end
    if way == 2 then text = before .. behind:sub(2) end
    if way == 3 then text = text .. other end
    if way == 4 then text = before .. other:sub(random(#other)) end
  end
  return text
end

describe("whatever a server says", function()
  local peers
  before_each(function() peers = peer.install():collect_errors() end)
  after_each(function() peers:remove() end)

  local function connected(sockets)
    for _, socket in ipairs(sockets) do socket:connect() end
    if peers:last().closed then helper.advance(1) end
    local server = peers:last()
    if not server.version then
      server.version = random(6) == 1 and 3 or 4
      server:open { version = server.version }
    end
    return server
  end

  it("does no harm", function()
    local manager = socketio.manager("http://localhost:1",
      { reconnection_delay = 0.1, reconnection_delay_max = 0.1 })
    local sockets = { manager:socket "/", manager:socket "/a" }
    local heard, closed = 0, {}
    for _, socket in ipairs(sockets) do
      socket:on("x", function(...)
        heard = heard + 1
        local last = select(-1, "none", ...)
        if type(last) == "function" then last("acknowledged") end
      end)
    end
    manager:on("close", function(reason) closed[reason] = true end)
    for _ = 1, ROUNDS do
      local server = connected(sockets)
      if server.closed then
        peers.list = { server }
      elseif random(10) == 1 then
        server:say_binary(("b"):rep(random(5)))
      else
        server:say(mutated(PACKETS[random(#PACKETS)]))
      end
      if random(20) == 1 then
        for _, socket in ipairs(sockets) do
          socket:timeout(0.01):emit("ask", function() end)
        end
      end
    end
    assert.same({}, peers.reported)
    assert.is_true(heard > 0)
    assert.is_true(closed["parse error"])
    helper.advance(1)
    for _, socket in ipairs(sockets) do
      assert.equal(0, socket:stats().acknowledgements)
      assert.equal(0, socket:stats().handlers)
    end
  end)
end)
