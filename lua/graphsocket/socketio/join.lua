--- How a socket joins its namespace, each time its manager has opened: asks for
--- the credentials, sends the CONNECT packet, and waits for the answer, for as
--- long as the option `timeout` says.
--
-- With Socket.IO 3 and 4 every namespace is asked for, the default one too, and
-- the packet carries `auth` and, if the server keeps sessions, what it needs to
-- recover ours. With Socket.IO 1 and 2 the default namespace is joined unasked,
-- nothing is carried, and another namespace has the query as part of its name.
--
-- A failure (of the auth function, or no answer) is told as connect_error; the
-- manager then makes a new connection, or, where other sockets keep this one,
-- the socket waits on. The answer itself is the socket's business (socket.lua).
-- The fields of a socket that this file owns: _join, _join_timer.

local binary = require "graphsocket.socketio.binary"
local errors = require "graphsocket.errors"
local json = require "graphsocket.json"
local loop = require "graphsocket.loop"
local packet = require "graphsocket.socketio.packet"

local join = {}

--- Gives up the attempt that is under way, if one is.
---@param socket table
function join.stop(socket)
  socket._join = nil
  if socket._join_timer then
    socket._join_timer:cancel()
    socket._join_timer = nil
  end
end

-- Ends an attempt: it is begun anew with the next connection, or, if others
-- keep this one, after a while.
local function fail(socket, err)
  join.stop(socket)
  socket:_set_state "waiting"
  socket:_tell("connect_error", err)
  local manager = socket.io
  if not manager:_on_join_failed(err) and manager:reconnection() then
    socket._join_timer = loop.timer(manager:reconnection_delay_max(),
      socket._on_manager_open, socket)
  end
end

local function timeout_error(socket, attempt, seconds)
  local message
  if attempt.phase == "auth" then
    message = ("the auth function did not return within %.14g s")
      :format(seconds)
  else
    message = ("the server did not answer for namespace %s within %.14g s")
      :format(socket.namespace, seconds)
  end
  return errors.new {
    kind = "timeout",
    message = message,
    phase = attempt.phase,
    namespace = socket.namespace,
  }
end

local function on_timeout(socket, attempt)
  if socket._join ~= attempt then return end
  local manager, seconds = socket.io, socket.io:timeout()
  local err = timeout_error(socket, attempt, seconds)
  if attempt.phase == "auth" then return fail(socket, err) end
  socket:_set_state "waiting"
  socket:_tell("connect_error", err)
  if not manager:_on_join_failed(err) then
    -- Others keep the connection, so the answer may still come; to ask twice
    -- would be an error of ours.
    socket:_set_state "joining"
    socket._join_timer = loop.timer(seconds, on_timeout, socket, attempt)
  end
end

-- The payload of the CONNECT packet, or nil and what is wrong with |auth|. As
-- in the JavaScript client, what auth names wins over the session's fields.
local function connect_payload(socket, auth)
  if binary.has(auth) then
    return nil, "auth must not contain binary values"
  elseif auth ~= nil and type(auth) ~= "table" then
    return nil, "auth must be a table, got " .. type(auth)
  elseif auth == nil and not socket._pid then
    return ""
  end
  local payload = {
    pid = socket._pid;
    offset = socket._pid and socket._offset;
  }
  for name, value in pairs(auth or {}) do payload[name] = value end
  local ok, text = pcall(json.encode, payload, "auth", 0)
  if not ok then return nil, text end
  if text:byte(1) ~= 123 then return nil, "auth must have names as its keys" end
  return text
end

local function send_connect(socket, auth)
  local payload, message = connect_payload(socket, auth)
  if not payload then
    return fail(socket, errors.new {
      kind = "usage", message = message, phase = "auth",
    })
  end
  local engine = socket.io.engine
  socket._join.phase = "namespace"
  if socket.namespace == "/" then engine.root = "asked" end
  engine:send(packet.encode(packet.CONNECT, socket.namespace, nil, payload))
end

-- In a task: the function may wait.
local function ask_auth(socket, attempt)
  local ok, auth, err = loop.call(socket.auth)
  -- The connection has ended meanwhile, or the socket was closed.
  if socket._join ~= attempt then return end
  if ok and (auth ~= nil or err == nil) then
    return send_connect(socket, auth)
  end
  fail(socket, errors.wrap(ok and err or auth, "auth",
    "the auth function failed"))
end

local function join_v2(socket)
  local engine = socket.io.engine
  socket._join.phase = "namespace"
  if socket.namespace ~= "/" then
    local name = socket.namespace
    if engine.query then name = name .. "?" .. engine.query end
    engine:send(packet.encode(packet.CONNECT, name))
  elseif engine.root == "joined" then
    socket:_on_connect(engine.id)
  elseif engine.root == "left" then
    -- Asked for again it is joined, but a server without middleware says so
    -- once in a connection only.
    engine:send(packet.encode(packet.CONNECT, "/"))
    engine.root = "joined"
    socket:_on_connect(engine.id)
  end
end

--- Begins to join. The manager is open.
---@param socket table
function join.start(socket)
  join.stop(socket)
  socket:_set_state "joining"
  local attempt = { phase = "auth" }
  socket._join = attempt
  local seconds = socket.io:timeout()
  if seconds < math.huge then
    socket._join_timer = loop.timer(seconds, on_timeout, socket, attempt)
  end
  if socket.io.engine.version == 3 then
    join_v2(socket)
  elseif type(socket.auth) == "function" then
    loop.spawn(ask_auth, socket, attempt)
  else
    send_connect(socket, socket.auth)
  end
end

return join
