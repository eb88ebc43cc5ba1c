-- A scripted Engine.IO server in Lua: it takes the place of the engine, so that
-- a spec is both sides of the wire, packet by packet, without a network.
--
--   local peers = peer.install()       -- engine.open now makes peers
--   local socket = socketio.connect(…)
--   local server = peers:last()        -- the connection just opened
--   server:open()                      -- Engine.IO 4; open { version = 3 }
--   server:say '0{"sid":"abc"}'        -- a packet, as text
--   server:say_binary "bytes"
--   server:drop("transport close")     -- the end
--   server.sent                        -- what the client sent: text, or
--                                      -- { binary = bytes }
--
-- The client's handlers run in tasks: say() and the like let them run until
-- there is nothing left to do. The clock stands still but for helper.advance.

local engine = require "graphsocket.engine"
local errors = require "graphsocket.errors"
local helper = require "spec.helper"
local loop = require "graphsocket.loop"
local socketio = require "graphsocket.socketio"

local peer = {}

local Peer = {}
local peer_metatable = { __index = Peer }

-- Runs tasks and timers that are due.
function peer.settle()
  for _ = 1, 10000 do
    if loop.step(0) == 0 then return end
  end
  error("the loop finds no rest", 2)
end

-- What the client side calls -------------------------------------------------

function Peer:send(data, binary, compress)
  if self.closed then return nil, "CLOSED" end
  if self.full then return nil, "FULL" end
  self.sent[#self.sent + 1] = binary and { binary = data } or data
  self.compressed[#self.sent] = compress
  return true
end

function Peer:writable()
  return not self.closed and not self.busy
end

function Peer:release(bytes)
  assert(bytes % 1 == 0 and bytes >= 0)
  self.released = self.released + bytes
  self.releases = self.releases + 1
end

function Peer:retain(bytes)
  self.released = self.released - bytes
  self.releases = self.releases - 1
end

function Peer:tell_pings(wanted)
  self.tells_pings = wanted
end

function Peer:stats()
  return { received_messages = self.said }
end

function Peer.id()
  return 1
end

function Peer:close()
  if self.closed then return end
  self.closed = true
  self.closed_by_client = true
  -- As the core: CLOSED follows, later, and GONE.
  local sink = self.sink
  loop.spawn(function()
    sink:on_close {
      reason = "forced close", kind = "closed", code = "CANCELLED",
      message = "cancelled", phase = "open",
    }
    sink:on_gone()
  end)
end

-- What the spec does ---------------------------------------------------------

-- The open packet of the server.
function Peer:open(fields)
  fields = fields or {}
  self.sink:on_open {
    version = fields.version or 4, sid = fields.sid or "engine-id",
    ping_interval = 25, ping_timeout = 20, max_payload = 1e6,
  }
  peer.settle()
  return self
end

local function hear(self, data, binary)
  assert(not self.closed, "the connection has ended")
  self.said = self.said + 1
  self.heard = self.heard + #data
  self.sink:on_message(data, binary)
  peer.settle()
  return self
end

function Peer:say(text)
  return hear(self, text, false)
end

function Peer:say_binary(bytes)
  return hear(self, bytes, true)
end

-- Several packets before anything of the client's runs.
function Peer:burst(texts)
  for _, text in ipairs(texts) do
    self.said = self.said + 1
    self.heard = self.heard + #text
    self.sink:on_message(text, false)
  end
  peer.settle()
  return self
end

-- The server shows life.
function Peer:ping()
  if self.tells_pings then self.sink:on_ping() end
  peer.settle()
  return self
end

-- Opens and joins the default namespace.
function Peer:join(sid)
  return self:open():say(('0{"sid":"%s"}'):format(sid or "socket-id"))
end

-- Ends the connection; |fields| adds to what the core would say.
function Peer:drop(reason, fields)
  self.closed = true
  local said = {
    reason = reason or "transport close", kind = "network", code = "NETWORK",
    message = "the connection broke", phase = "open",
  }
  for name, value in pairs(fields or {}) do said[name] = value end
  self.sink:on_close(said)
  peer.settle()
  return self
end

-- The connection is not made.
function Peer:refuse(fields)
  fields = fields or {}
  fields.phase = fields.phase or "tcp"
  fields.code = fields.code or "CONNECT"
  fields.message = fields.message or "connection refused"
  return self:drop("transport error", fields)
end

-- What was sent since the last call.
function Peer:take()
  local sent = self.sent
  self.sent = {}
  return sent
end

-- Installing -----------------------------------------------------------------

local Peers = {}
local peers_metatable = { __index = Peers }

-- The connection made last; the loop runs first, so that it can be made.
function Peers:last()
  peer.settle()
  return self.list[#self.list]
end

function Peers:count()
  peer.settle()
  return #self.list
end

-- A socket with a connection of its own, which is not open yet, and what it
-- tells (peer.record). Waits between attempts are not random.
function Peers:connect(opts, path)   -- luacheck: ignore 212
  local all = { force_new = true, randomization_factor = 0 }
  for name, value in pairs(opts or {}) do all[name] = value end
  local socket = socketio.connect("http://localhost:1" .. (path or ""), all)
  return socket, peer.record(socket)
end

-- A socket that is joined, its server, and what it tells.
function Peers:joined(opts, path)
  local socket, log = self:connect(opts, path)
  local server = self:last():open()
  server:say((path and "0" .. path .. "," or "0") .. '{"sid":"socket-id"}')
  server:take()
  return socket, server, log
end

-- Takes the place of loop.on_error: errors go, as text, into a list.
---@return table peers
function Peers:collect_errors()
  self.on_error, self.reported = loop.on_error, {}
  loop.on_error = function(err)
    self.reported[#self.reported + 1] = tostring(err)
  end
  return self
end

-- Writes what a socket tells into a list: "connect", "disconnect <reason>",
-- "connect_error <message>".
function peer.record(socket)
  local log = {}
  socket:on("connect", function() log[#log + 1] = "connect" end)
  socket:on("disconnect", function(reason)
    log[#log + 1] = "disconnect " .. reason
  end)
  socket:on("connect_error", function(err)
    assert(errors.is(err))
    log[#log + 1] = "connect_error " .. err.message
  end)
  return log
end

-- Makes engine.open make peers until remove() is called.
function peer.install()
  helper.freeze()
  local peers = setmetatable({ list = {}, open = engine.open }, peers_metatable)
  engine.open = function(options, sink)
    if peers.failure then return nil, peers.failure end
    local made = setmetatable({
      busy = false;            -- set it: writable() is false
      closed = false;
      closed_by_client = false;
      compressed = {};         -- index in sent -> the flag
      full = false;            -- set it: the send queue is full
      heard = 0;               -- bytes said
      options = options;
      released = 0;            -- bytes
      releases = 0;            -- messages
      said = 0;                -- messages
      sent = {};
      sink = sink;
      tells_pings = false;
    }, peer_metatable)
    peers.list[#peers.list + 1] = made
    return made
  end
  return peers
end

-- Puts the real engine back, and ends what the specs left open.
function Peers:remove()
  engine.open = self.open
  if self.reported then loop.on_error = self.on_error end
  for _, each in ipairs(self.list) do
    local manager = each.sink._manager
    manager:close()
  end
  peer.settle()
  helper.thaw()
end

return peer
