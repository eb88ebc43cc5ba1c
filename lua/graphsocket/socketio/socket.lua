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
-- connect_error, connect and disconnect; a state's name is the next state. A
-- packet for a socket that is closed is dropped by the manager.
--
--   event            | closed  | waiting    | joining   | joined
--   -----------------+---------+------------+-----------+----------------------
--   connect()        | waiting | waiting(1) | -         | -
--   disconnect()     | -       | closed     | closed    | closed, D (2)
--   manager open     | -       | joining    | -         | -
--   manager error    | -       | E          | E         | -
--   manager close    | -       | -          | waiting D | waiting, D
--   CONNECT          | -       | joined, C  | joined, C | -
--     without a sid  | -       | E          | waiting E | -
--   CONNECT_ERROR    | -       | closed, E  | closed, E | closed, D, E
--   DISCONNECT       | -       | closed, D  | closed, D | closed, D
--   EVENT            | -       | buffered   | buffered  | its handlers
--   ACK              | -       | its target | the same  | the same
--   auth() failed    | -       | -          | waiting E (3)         | -
--   join timed out   | -       | -          | waiting E (3)         | -
--
--   (1) joining at once if the manager is open; else the manager is opened,
--       unless it waits to reconnect.
--   (2) reason "io client disconnect"; of a DISCONNECT "io server disconnect";
--       of the manager the reason that it gives.
--   (3) the manager ends the connection and reconnects, unless other sockets
--       are joined through it: see Manager:_on_join_failed.
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
local binary = require "graphsocket.socketio.binary"
local emit = require "graphsocket.socketio.emit"
local emitter = require "graphsocket.socketio.emitter"
local errors = require "graphsocket.errors"
local json = require "graphsocket.json"
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

-- The fields that scripts read are plain fields; this is the only writer.
local function set_state(self, state)
  self._state = state
  self.active = state ~= "closed"
  self.connected = state == "joined"
  self.disconnected = not self.connected
  if self._retries then self._retries.connected = self.connected end
end

--- Makes the socket of a namespace, for Manager:socket.
---@param manager table
---@param namespace string
---@param opts table auth, ack_timeout (seconds), retries; all may be nil
---@return table
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
  self._join = nil            -- the attempt under way: {phase}
  self._join_timer = nil
  self._offset = nil          -- of the last packet, for state recovery
  self._pid = nil             -- session id for state recovery: a secret
  self._receive_buffer = {}   -- events before the CONNECT packet
  self._receive_bytes = 0     -- of them
  self._received = 0          -- events
  self._retries = nil
  self._send_buffer = {}      -- of emit.lua
  self._session = nil         -- identity of the joined time, for acknowledgements
  if opts.retries and opts.retries > 0 then
    self._retries = retries.new(opts.retries, function(event, target)
      return emit.retry(self, event, target)
    end)
  end
  set_state(self, "closed")
  return self
end

-- Handlers -------------------------------------------------------------------

-- A reserved event, to the handlers: behind everything that came before it.
local function tell(self, event, ...)
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
  if not any and not list then return end
  local data, message = packet.data(p)
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

-- Joining --------------------------------------------------------------------

local function stop_join(self)
  self._join = nil
  if self._join_timer then
    self._join_timer:cancel()
    self._join_timer = nil
  end
end

-- Ends the attempt to join: it is begun anew with the next connection, or, if
-- other sockets keep this one, after a while.
local function join_failed(self, err)
  stop_join(self)
  set_state(self, "waiting")
  tell(self, "connect_error", err)
  if not self.io:_on_join_failed(err) and self.io:reconnection() then
    self._join_timer =
      loop.timer(self.io:reconnection_delay_max(), self._on_manager_open, self)
  end
end

local function on_join_timeout(self, join)
  if self._join ~= join then return end
  local seconds = self.io:timeout()
  local err = errors.new {
    kind = "timeout",
    message = join.phase == "auth"
      and ("the auth function did not return within %.14g s"):format(seconds)
      or ("the server did not answer for namespace %s within %.14g s")
        :format(self.namespace, seconds),
    phase = join.phase,
    namespace = self.namespace,
  }
  if join.phase == "auth" then return join_failed(self, err) end
  set_state(self, "waiting")
  tell(self, "connect_error", err)
  if not self.io:_on_join_failed(err) then
    -- Others keep the connection, so the answer may still come; to ask twice
    -- would be an error of ours.
    set_state(self, "joining")
    self._join_timer = loop.timer(seconds, on_join_timeout, self, join)
  end
end

-- The payload of the CONNECT packet; nil and what is wrong with |auth|.
local function connect_payload(self, auth)
  if binary.has(auth) then
    return nil, "auth must not contain binary values"
  elseif auth ~= nil and type(auth) ~= "table" then
    return nil, "auth must be a table, got " .. type(auth)
  end
  if auth == nil and not self._pid then return "" end
  local payload = { pid = self._pid, offset = self._pid and self._offset }
  for name, value in pairs(auth or {}) do payload[name] = value end
  local ok, text = pcall(json.encode, payload, "auth", 0)
  if not ok then return nil, text end
  if text:byte(1) ~= 123 then return nil, "auth must have names as its keys" end
  return text
end

local function send_connect(self, auth)
  local payload, message = connect_payload(self, auth)
  if not payload then
    return join_failed(self, errors.new {
      kind = "usage", message = message, phase = "auth",
    })
  end
  self._join.phase = "namespace"
  self.io.engine:send(
    packet.encode(packet.CONNECT, self.namespace, nil, payload))
end

-- In a task: the function may wait.
local function ask_auth(self, join)
  local ok, auth, err = loop.call(self.auth)
  -- The connection has ended meanwhile, or the socket was closed.
  if self._join ~= join then return end
  if ok and (auth ~= nil or err == nil) then return send_connect(self, auth) end
  join_failed(self, errors.wrap(ok and err or auth, "auth",
    "the auth function failed"))
end

local on_connect

-- Socket.IO 1 and 2 join the default namespace unasked, take no payload, and
-- take the query of another namespace as part of its name.
local function join_v2(self)
  local engine = self.io.engine
  self._join.phase = "namespace"
  if self.namespace ~= "/" then
    local name = self.namespace
    if engine.query then name = name .. "?" .. engine.query end
    engine:send(packet.encode(packet.CONNECT, name))
  elseif engine.root == "joined" then
    on_connect(self, engine.id, nil)
  elseif engine.root == "left" then
    -- Asked for again it is joined, but a server without middleware says so
    -- once in a connection only.
    engine:send(packet.encode(packet.CONNECT, "/"))
    engine.root = "joined"
    on_connect(self, engine.id, nil)
  end
end

local function join(self)
  stop_join(self)
  set_state(self, "joining")
  local attempt = { phase = "auth" }
  self._join = attempt
  local seconds = self.io:timeout()
  if seconds ~= math.huge then
    self._join_timer = loop.timer(seconds, on_join_timeout, self, attempt)
  end
  if self.io.engine.version == 3 then
    join_v2(self)
  elseif type(self.auth) == "function" then
    loop.spawn(ask_auth, self, attempt)
  else
    send_connect(self, self.auth)
  end
end

-- The end of a connection or of a namespace.
local function on_close(self, reason, details)
  self.id = nil
  tell(self, "disconnect", reason, details)
  self._acks:clear(emit.buffered_ids(self))
end

-- Leaves the manager, which ends the connection with its last socket.
local function leave(self)
  stop_join(self)
  set_state(self, "closed")
  self.io:_on_socket_left(self)
end

--- Connects the socket, and the manager if need be.
---@return table self
function Socket:connect()
  if self._state == "joined" or self._state == "joining" then return self end
  if self._state == "closed" then set_state(self, "waiting") end
  self.io:_on_socket_wanted()
  -- Opening takes time, so the manager is open here only if it was before.
  if self.io:_is_open() then join(self) end
  return self
end

--- The same as connect.
---@return table self
function Socket:open()
  return self:connect()
end

--- Disconnects the socket for good; the connection ends with its last socket.
---@return table self
function Socket:disconnect()
  local was_joined = self.connected
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
  if self._state == "waiting" then join(self) end
end

--- The manager failed to connect, or its connection broke.
---@param err table
function Socket:_on_manager_error(err)
  if self.active and not self.connected then
    tell(self, "connect_error", err)
  end
end

--- The manager's connection has ended.
---@param reason string
---@param details table|nil
function Socket:_on_manager_close(reason, details)
  stop_join(self)
  if self._state ~= "joining" and self._state ~= "joined" then return end
  set_state(self, "waiting")
  on_close(self, reason, details)
end

function on_connect(self, id, pid)
  stop_join(self)
  set_state(self, "joined")
  self.id = id
  self.recovered = pid ~= nil and pid == self._pid
  self._pid = pid
  self._session = {}
  self._connects = self._connects + 1
  local early = self._receive_buffer
  self._receive_buffer, self._receive_bytes = {}, 0
  for _, p in ipairs(early) do on_event(self, p) end
  emit.flush(self)
  if self._retries then self._retries:drain(true) end
  tell(self, "connect")
end

local on_packet = {}

on_packet[packet.CONNECT] = function(self, p)
  if self.connected then return end
  if p.connection.version == 3 then
    local id = p.connection.id
    if self.namespace ~= "/" then id = self.namespace .. "#" .. id end
    return on_connect(self, id, nil)
  end
  local data, message = packet.data(p)
  if message then return self.io:_on_bad_packet(p.connection, message) end
  if data and type(data.sid) == "string" then
    return on_connect(self, data.sid, data.pid)
  end
  stop_join(self)
  set_state(self, "waiting")
  tell(self, "connect_error", errors.new {
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
  end
  if type(words) ~= "string" or words == "" then
    words = "no reason given"
  end
  tell(self, "connect_error", errors.new {
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
  local values, message = packet.data(p)
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
