--- Sending events: what `emit` and its modifiers do.
--
-- The order of decisions is the JavaScript client's (Socket.emit): with
-- `retries` an event goes to the queue, unless it is volatile; an
-- acknowledgement is registered; a volatile event is dropped if it cannot be
-- sent now; it is sent if the socket is connected, and buffered otherwise.
--
-- Arguments are encoded at the call. So what cannot be sent raises there, where
-- the mistake is, and a table that is changed later is sent as it was.
--
-- A modifier (volatile, timeout, compress) returns a view: an object with the
-- methods of this file that sends through its socket with those flags. A view
-- never changes; it may be kept and used again.
--
-- The fields of a socket that this file touches: connected, namespace, io,
-- _acks, _ack_timeout, _retries, _send_buffer, _handlers, _any_outgoing.

local acks = require "graphsocket.socketio.acks"
local errors = require "graphsocket.errors"
local loop = require "graphsocket.loop"
local packet = require "graphsocket.socketio.packet"

local unpack = table.unpack or unpack

local emit = {}

local NO_FLAGS = {}

-- What is to be sent: made once, however often it is tried.
local function new_event(method, flags, args, count, target)
  -- |send| has the name of its event in front of what was given.
  local shift = method == "send" and 1 or 0
  local name = args[1]
  if type(name) ~= "string"
    and not (type(name) == "number" and name % 1 == 0) then
    error(("bad argument #1 to '%s': give the name of the event, got %s")
      :format(method, type(name)), 3)
  elseif packet.RESERVED[name] then
    error(('"%s" is a reserved event name: choose another'):format(name), 3)
  end
  local payload, attachments, index = packet.encode_args(args, count)
  if not payload then
    error(("bad argument #%d to '%s': %s")
      :format(index - shift, method, attachments), 3)
  end
  return {
    args = args;
    count = count;
    attachments = attachments;
    flags = flags;
    payload = payload;
    target = target;   -- whom the acknowledgement goes to, or nil
  }
end

local function call_outgoing(list, event)
  for i = 1, #list do loop.call(list[i], unpack(event.args, 1, event.count)) end
end

-- Handlers of outgoing events run in the order of everything else of the
-- socket: emit may be called from anywhere, also where nothing may wait.
local function tell_outgoing(socket, event)
  if socket._any_outgoing then
    socket._handlers:push(call_outgoing, socket._any_outgoing, event)
  end
end

-- Returns true if it was sent or buffered, or dropped as it asked to be; nil
-- and an error if the connection takes no more. |is_queued|: it waits in the
-- queue of retries, and must not wait in the buffer too, from where it would be
-- sent beside the next try: nil then also if the connection has ended.
local function send_event(socket, event, target, is_queued)
  local flags, id = event.flags, nil
  if target then
    id = socket._acks:add(target, flags.timeout or socket._ack_timeout)
  end
  -- The JavaScript client buffers a volatile event of a namespace that is not
  -- joined while the transport is writable; its documentation says that it is
  -- dropped, and so it is here.
  if flags.volatile
    and not (socket.connected and socket.io.engine:writable()) then
    return true
  end
  local text = packet.encode(packet.EVENT, socket.namespace, id,
    event.payload, event.attachments)
  if socket.connected then
    local sent, err =
      socket.io.engine:send(text, event.attachments, flags.compress)
    if sent then
      tell_outgoing(socket, event)
      return true
    elseif err or is_queued then
      if id then socket._acks:take(id) end
      return nil, err
    end
  end
  -- Also if the connection has ended and the news of it has not come yet
  -- (what the JavaScript client's _hasPingExpired is for).
  local buffer = socket._send_buffer
  buffer[#buffer + 1] = { event = event, id = id, text = text }
  return true
end

--- Sends one event of the queue of retries.
---@param socket table
---@param event table
---@param target table
---@return boolean taken
function emit.retry(socket, event, target)
  return send_event(socket, event, target, true) or false
end

local function submit(socket, event)
  if socket._retries and not event.flags.volatile then
    socket._retries:add(event)
    return true
  end
  return send_event(socket, event, event.target)
end

local function emit_event(socket, flags, method, ...)
  local count, args, target = select("#", ...), { ... }, nil
  if count > 1 and type(args[count]) == "function" then
    target, args[count], count = args[count], nil, count - 1
  end
  local event = new_event(method, flags, args, count, target)
  local ok, err = submit(socket, event)
  if not ok then return nil, err end
  return socket
end

-- What emit_with_ack waits for.
local Reply = {}
local reply_metatable = { __index = Reply }

function Reply:settle(err, values)
  self.future:resolve(err, values)
end

local function emit_and_wait(socket, flags, ...)
  local reply = setmetatable({ future = loop.future() }, reply_metatable)
  local event =
    new_event("emit_with_ack", flags, { ... }, select("#", ...), reply)
  local ok, refused = submit(socket, event)
  if not ok then return nil, refused end
  local answered, err, values = reply.future:await()
  if not answered then
    return nil, errors.new { kind = "closed", message = loop.ending() }
  end
  if err then return nil, err end
  return unpack(values, 1, #values)
end

-- The send buffer ------------------------------------------------------------

--- Sends what was buffered, in order.
---@param socket table
function emit.flush(socket)
  local buffer = socket._send_buffer
  socket._send_buffer = {}
  for i, item in ipairs(buffer) do
    local event = item.event
    local sent, err =
      socket.io.engine:send(item.text, event.attachments, event.flags.compress)
    if sent then
      tell_outgoing(socket, event)
    elseif err then
      local ack = item.id and socket._acks:take(item.id)
      if ack then acks.settle(ack.target, ack.with_error, err) end
    else
      -- The connection has ended again.
      for j = i, #buffer do
        socket._send_buffer[#socket._send_buffer + 1] = buffer[j]
      end
      return
    end
  end
end

--- Takes a buffered event back: its acknowledgement has timed out.
---@param socket table
---@param id integer
function emit.withdraw(socket, id)
  local buffer = socket._send_buffer
  for i = 1, #buffer do
    if buffer[i].id == id then
      table.remove(buffer, i)
      return
    end
  end
end

--- The acknowledgement ids of the buffered events, as keys.
---@param socket table
---@return table
function emit.buffered_ids(socket)
  local ids = {}
  for _, item in ipairs(socket._send_buffer) do
    if item.id then ids[item.id] = true end
  end
  return ids
end

-- Methods --------------------------------------------------------------------

-- The methods of a socket and those of its views are the same but for where the
-- socket and the flags come from.

local Socket, View = {}, {}
local view_metatable = { __name = "graphsocket.socket view", __index = View }

--- The methods of a socket.
emit.methods = Socket

local function view_of(socket, flags, name, value)
  local changed = {}
  for flag, setting in pairs(flags) do changed[flag] = setting end
  changed[name] = value
  return setmetatable({ _socket = socket, _flags = changed }, view_metatable)
end

local function check_timeout(seconds)
  if type(seconds) ~= "number" or seconds ~= seconds or seconds < 0 then
    error("bad argument #1 to 'timeout': give a number of seconds", 3)
  end
  return seconds
end

local function check_compress(compress)
  if type(compress) ~= "boolean" then
    error("bad argument #1 to 'compress': give true or false", 3)
  end
  return compress
end

--- Sends an event. Raises if the name is reserved or an argument cannot be
--- sent; which one is in the message.
---@param name string
---@param ... any values; a function as the last one is called with the
--- acknowledgement's values, behind an error or nil if a time-out is set
---@return table|nil socket nil if the connection takes no more
---@return table|nil err
function Socket:emit(...)
  return emit_event(self, NO_FLAGS, "emit", ...)
end

--- Sends an event of the name "message".
---@param ... any as of emit
---@return table|nil socket
---@return table|nil err
function Socket:send(...)
  return emit_event(self, NO_FLAGS, "send", "message", ...)
end

--- Sends an event and waits for its acknowledgement.
---@param name string
---@param ... any values
---@return any ... the acknowledgement's values; or nil and an error: of kind
--- "timeout", or "closed" if the socket was disconnected
function Socket:emit_with_ack(...)
  return emit_and_wait(self, NO_FLAGS, ...)
end

--- A view: an event emitted through it is dropped if it cannot be sent at once.
---@return table view
function Socket:volatile()
  return view_of(self, NO_FLAGS, "volatile", true)
end

--- A view: an acknowledgement is awaited for so long at most.
---@param seconds number
---@return table view
function Socket:timeout(seconds)
  return view_of(self, NO_FLAGS, "timeout", check_timeout(seconds))
end

--- A view: whether its events are compressed, if the connection can (option
--- `compression`).
---@param compress boolean
---@return table view
function Socket:compress(compress)
  return view_of(self, NO_FLAGS, "compress", check_compress(compress))
end

function View:emit(...)
  return emit_event(self._socket, self._flags, "emit", ...)
end

function View:send(...)
  return emit_event(self._socket, self._flags, "send", "message", ...)
end

function View:emit_with_ack(...)
  return emit_and_wait(self._socket, self._flags, ...)
end

function View:volatile()
  return view_of(self._socket, self._flags, "volatile", true)
end

function View:timeout(seconds)
  return view_of(self._socket, self._flags, "timeout", check_timeout(seconds))
end

function View:compress(compress)
  return view_of(self._socket, self._flags, "compress",
    check_compress(compress))
end

return emit
