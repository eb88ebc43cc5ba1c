--- A socket: one namespace on a manager's connection.
--
-- Theory of operation. A socket is in one state:
--
--   state   | meaning                                    | fields
--   --------+--------------------------------------------+---------------------
--   closed  | its manager does not connect it            | not active
--   waiting | to be joined when the manager is open      | active
--   joining | the namespace was asked for                | active
--   joined  | the server said yes                        | active, connected, id
--
-- What happens in a state. "-" is nothing; E, C and D are the events
-- connect_error, connect and disconnect; a state's name is the next state.
--
--   event            | closed      | waiting     | joining        | joined
--   -----------------+-------------+-------------+----------------+-------------
--   connect()        | waiting (1) | waiting (1) | -              | -
--   disconnect()     | -           | closed      | closed         | closed, D (2)
--   manager open     | -           | joining     | -              | -
--   manager error    | -           | E           | E              | -
--   manager close    | -           | -           | waiting, D     | waiting, D
--   manager restart  | -           | -           | waiting        | -
--   CONNECT          | - (3)       | joined, C   | joined, C      | -
--     without a sid  | - (3)       | E (5)       | waiting, E (5) | -
--   CONNECT_ERROR    | -           | closed, E   | closed, E      | closed, D, E
--   DISCONNECT       | -           | closed, D   | closed, D      | closed, D
--   EVENT            | -           | buffered    | buffered       | its handlers
--   ACK              | -           | its target  | its target     | its target
--   auth() failed    | -           | -           | waiting, E (4) | -
--   no answer        | -           | -           | waiting, E (4) | -
--
--   (1) joining at once if the manager is open; else the manager is opened,
--       unless it waits to reconnect.
--   (2) reason "io client disconnect"; of a DISCONNECT "io server disconnect";
--       of the manager the reason that it gives.
--   (3) the manager answers with DISCONNECT: the socket left while it was asked
--       for, and the server must not keep it.
--   (4) join.lua; the manager ends the connection and reconnects, unless other
--       sockets are joined through it: then the socket waits on.
--   (5) with engine = "auto", and while no socket is joined, the manager takes
--       it: the server is an older one, so the manager restarts.
--
-- A disconnect is told of also when the socket was not connected yet, as the
-- JavaScript client does. Closed sockets are connected again by hand only: a
-- refusal and a disconnection by the server are the server's decision.
--
-- State, id and acknowledgements change at once; handlers follow. All handlers
-- of a socket (of events, of connect, disconnect and connect_error, of outgoing
-- events) run in one queue, one at a time, in the order in which things
-- happened, and may wait. So while a handler runs, socket.connected may be newer
-- than the event that it handles.

local acks = require "graphsocket.socketio.acks"
local emit = require "graphsocket.socketio.emit"
local emitter = require "graphsocket.socketio.emitter"
local errors = require "graphsocket.errors"
local join = require "graphsocket.socketio.join"
local loop = require "graphsocket.loop"
local packet = require "graphsocket.socketio.packet"
local retries = require "graphsocket.socketio.retries"

local unpack = table.unpack or unpack

local socket = {}

local Socket = {}
emitter.extend(Socket, emitter.methods, emitter.any_methods, emit.methods)

local metatable = { __name = "graphsocket.socket", __index = Socket }

function metatable.__tostring(self)
  return ("graphsocket.socket: %s (%s)"):format(self.namespace, self._state)
end

--- Changes the state. The fields that scripts read are plain fields; this is
--- their only writer.
---@param state string
function Socket:_set_state(state)
  self._state = state
  self.active = state ~= "closed"
  self.connected = state == "joined"
  self.disconnected = not self.connected
  if self._retries then self._retries.connected = self.connected end
end

---@class graphsocket.socket
---@field active boolean whether its manager connects it again
---@field auth table|nil|function what is sent when it joins; may be changed
---@field connected boolean
---@field disconnected boolean the opposite
---@field id string|nil the server's name for it, while it is connected
---@field io graphsocket.manager
---@field namespace string
---@field recovered boolean whether the last connect went on with the session before it, and nothing was missed

--- Makes the socket of a namespace, for Manager:socket.
---@param manager table
---@param namespace string
---@param opts table auth, ack_timeout (seconds), retries; all may be nil
---@return graphsocket.socket
function socket.new(manager, namespace, opts)
  local self = emitter.init(setmetatable({}, metatable))
  self.io = manager
  self.namespace = namespace
  self.auth = opts.auth
  self.id = nil
  self.recovered = false
  self._ack_timeout = opts.ack_timeout
  self._acks = acks.new(function(id) emit.withdraw(self, id) end)
  self._connects = 0          -- how often it was joined
  self._handlers = loop.queue()
  self._join = nil            -- of join.lua
  self._join_timer = nil      -- of join.lua
  self._offset = nil          -- of the last packet, for state recovery
  self._pid = nil             -- session id for state recovery: a secret
  self._receive_buffer = {}   -- events before the CONNECT packet
  self._receive_bytes = 0     -- of them
  self._received = 0          -- events
  self._retries = nil
  self._send_buffer = {}      -- of emit.lua
  self._session = nil         -- the time from one joining on: {dropped}
  if opts.retries and opts.retries > 0 then
    self._retries = retries.new(opts.retries, function(event, target)
      return emit.retry(self, event, target)
    end)
  end
  self:_set_state("closed")
  return self
end

-- Handlers -------------------------------------------------------------------

--- Gives a reserved event to its handlers, behind everything that came before.
---@param event string
---@param ... any
function Socket:_tell(event, ...)
  self._handlers:push(self._call, self, event, ...)
end

-- The function that acknowledges an event of the server.
local function new_ack(self, p)
  local sent = false
  return function(...)
    if sent then return end
    local payload, attachments, index =
      packet.encode_args({ ... }, select("#", ...))
    if not payload then
      error(("bad argument #%d to the acknowledgement: %s")
        :format(index, attachments), 2)
    end
    sent = true
    -- The id means something to the session that brought it only; the
    -- JavaScript client would send it to the next one too.
    if self._session ~= p.session or not self.connected then return end
    p.connection:send(packet.encode(packet.ACK, self.namespace, p.id, payload,
      attachments), attachments)
  end
end

local function call_any(list, data, count)
  for i = 1, #list do loop.call(list[i], unpack(data, 1, count)) end
end

-- Runs the handlers of an event, in the queue. Its JSON is decoded here, when
-- there is somebody who wants it; until here it counted as undelivered.
local function deliver(self, p)
  p.connection:release(p)
  local any, list = self._any, self._listeners[p.name]
  if not any and not list or p.session.dropped then return end
  local data, message = packet.data(p, nil, self.io.opts.reviver)
  if message then return self.io:_on_bad_packet(p.connection, message) end
  local count = #data
  if p.id then
    count = count + 1
    data[count] = new_ack(self, p)
  end
  if any then call_any(any, data, count) end
  if not list then return end
  -- The queue reports what a handler raises, so that one alone, the usual
  -- case, needs no protection of its own.
  local handler = list[1]
  if #list == 1 and type(handler) == "function" then
    if count == 2 then return handler(data[2]) end
    return handler(unpack(data, 2, count))
  end
  self:_call(p.name, unpack(data, 2, count))
end

local function on_event(self, p)
  p.session = self._session
  self._received = self._received + 1
  -- Where the server recovers sessions it adds an offset to each event that
  -- asks for no acknowledgement. It is kept when the event arrives: events that
  -- wait for their handlers must not be sent again.
  if self._pid and not p.id then
    self._offset = packet.last_string(p) or self._offset
  end
  self._handlers:push(deliver, self, p)
end

-- The end of a connection or of a namespace.
local function on_close(self, reason, details)
  self.id = nil
  self:_tell("disconnect", reason, details)
  self._acks:clear(emit.buffered_ids(self))
end

-- Leaves the manager, which ends the connection with its last socket.
local function leave(self)
  join.stop(self)
  self:_set_state("closed")
  self.io:_on_socket_left(self)
end

--- Connects the socket, and the manager if need be.
---@return table self
function Socket:connect()
  if self._state == "joined" or self._state == "joining" then return self end
  if self._state == "closed" then self:_set_state("waiting") end
  self.io:_on_socket_wanted()
  -- Opening takes time, so the manager is open here only if it was before.
  if self.io:_is_open() then join.start(self) end
  return self
end

--- The same as connect.
---@return table self
function Socket:open()
  return self:connect()
end

--- Disconnects the socket for good; the connection ends with its last socket.
--- Events whose handlers were not called yet are dropped: as in the JavaScript
--- client, where none is ever left, no event comes after it.
---@return table self
function Socket:disconnect()
  local was_joined = self.connected
  if self._session then self._session.dropped = true end
  -- A recovery would go on behind what is dropped, and call that complete.
  if self._handlers:size() > 0 then self._pid, self._offset = nil, nil end
  for _, p in ipairs(self._receive_buffer) do p.connection:release(p) end
  self._receive_buffer, self._receive_bytes = {}, 0
  if was_joined then
    local engine = self.io.engine
    engine:send(packet.encode(packet.DISCONNECT, self.namespace))
    if self.namespace == "/" then engine.root = "left" end
  end
  if self.active then leave(self) end
  if was_joined then on_close(self, "io client disconnect") end
  return self
end

--- The same as disconnect.
---@return table self
function Socket:close()
  return self:disconnect()
end

--- What the socket has done and what waits. No secret is among it.
---@return table stats namespace, state, id, recovered; counts of what was:
--- connects, received (events); and of what waits: handlers, receive_buffer,
--- send_buffer, retries, acknowledgements; engine: the connection's (engine.io
--- version, messages, bytes, last_ping_at), nil without one
function Socket:stats()
  return {
    namespace = self.namespace;
    state = self._state;
    id = self.id;
    recovered = self.recovered;
    connects = self._connects;
    received = self._received;
    handlers = self._handlers:size();
    receive_buffer = #self._receive_buffer;
    send_buffer = #self._send_buffer;
    retries = self._retries and self._retries:size() or 0;
    acknowledgements = self._acks.count;
    engine = self.io.engine and self.io.engine:stats();
  }
end

-- What the manager tells ------------------------------------------------------

--- The manager is open, or a failed attempt to join is due again.
function Socket:_on_manager_open()
  -- Another socket may just have failed to join, and ended the connection.
  if self._state == "waiting" and self.io:_is_open() then join.start(self) end
end

--- The manager failed to connect, or its connection broke.
---@param err table
function Socket:_on_manager_error(err)
  if self.active and not self.connected then
    self:_tell("connect_error", err)
  end
end

--- The manager's connection has ended.
---@param reason string
---@param details table|nil
function Socket:_on_manager_close(reason, details)
  join.stop(self)
  if self._state ~= "joining" and self._state ~= "joined" then return end
  self:_set_state("waiting")
  on_close(self, reason, details)
end

--- The manager makes its connection anew: nothing that a script knows of has
--- ended.
function Socket:_on_manager_restart()
  join.stop(self)
  if self.active then self:_set_state("waiting") end
end

--- The server has said yes.
---@param id string
---@param pid string|nil session id for state recovery
function Socket:_on_connect(id, pid)
  join.stop(self)
  self.io:_on_joined()
  self:_set_state("joined")
  self.id = id
  self.recovered = pid ~= nil and pid == self._pid
  self._pid = pid
  self._session = { dropped = false }
  self._connects = self._connects + 1
  local early = self._receive_buffer
  self._receive_buffer, self._receive_bytes = {}, 0
  for _, p in ipairs(early) do on_event(self, p) end
  emit.flush(self)
  if self._retries then self._retries:drain(true) end
  self:_tell("connect")
end

local on_packet = {}

on_packet[packet.CONNECT] = function(self, p)
  if self.connected then return end
  if p.connection.version == 3 then
    local id = p.connection.id
    if self.namespace ~= "/" then id = self.namespace .. "#" .. id end
    return self:_on_connect(id, nil)
  end
  local data, message = packet.data(p)
  if message then return self.io:_on_bad_packet(p.connection, message) end
  if data and type(data.sid) == "string" then
    return self:_on_connect(data.sid, data.pid)
  end
  join.stop(self)
  self:_set_state("waiting")
  self:_tell("connect_error", errors.new {
    kind = "protocol",
    message = "the server joined the namespace without a session id, as "
      .. 'Socket.IO 2 does: use engine = 3, or "auto"',
    phase = "namespace",
    retryable = false,
  })
end

on_packet[packet.DISCONNECT] = function(self, p)
  if self.namespace == "/" then p.connection.root = "left" end
  leave(self)
  on_close(self, "io server disconnect")
end

on_packet[packet.CONNECT_ERROR] = function(self, p)
  local protocol = p.connection.version == 3 and 4 or 5
  local data, message = packet.data(p, protocol)
  if message then return self.io:_on_bad_packet(p.connection, message) end
  if self.connected then on_packet[packet.DISCONNECT](self, p) else leave(self) end
  -- Protocol v4 sends what the middleware gave as it is, v5 an object.
  local words, extra = data, data
  if type(data) == "table" and protocol == 5 then
    words, extra = data.message, data.data
    -- A server of Socket.IO 2 that was taken for a newer one.
    if words == nil and extra == nil then extra = data end
  end
  if type(words) ~= "string" or words == "" then
    words = "no reason given"
  end
  self:_tell("connect_error", errors.new {
    kind = "auth",
    message = words,
    code = "refused",
    data = extra,
    namespace = self.namespace,
    phase = "namespace",
  })
end

on_packet[packet.EVENT] = function(self, p)
  if self.connected then return on_event(self, p) end
  self._receive_bytes = self._receive_bytes + packet.size(p)
  if self._receive_bytes > self.io.opts.max_queue then
    return self.io:_on_bad_packet(p.connection,
      "more than max_queue bytes of events before their CONNECT packet")
  end
  self._receive_buffer[#self._receive_buffer + 1] = p
end

on_packet[packet.ACK] = function(self, p)
  local ack = self._acks:take(p.id)
  if not ack then return end
  local values, message = packet.data(p, nil, self.io.opts.reviver)
  if message then
    acks.settle(ack.target, ack.with_error, errors.new {
      kind = "protocol", message = message, phase = "acknowledgement",
    })
    return self.io:_on_bad_packet(p.connection, message)
  end
  acks.settle(ack.target, ack.with_error, nil, values)
end

--- A packet of its namespace has come; the socket is active.
---@param p table of packet.parse
function Socket:_on_packet(p)
  on_packet[p.type](self, p)
end

return socket
