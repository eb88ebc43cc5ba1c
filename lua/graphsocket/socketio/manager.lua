--- A manager: one connection, made again when it is lost, for many sockets.
--
-- Theory of operation. A manager is in one state:
--
--   state   | meaning                                     | holds the loop
--   --------+---------------------------------------------+----------------
--   closed  | nothing is under way                        | no
--   waiting | a reconnection attempt is due later         | yes
--   opening | functions are asked, the connection is made | yes
--   open    | packets flow                                | yes
--
-- (The JavaScript client's _readyState is "closed", "opening" or "open" here;
-- its _reconnecting is true in waiting and in the opening that follows it.)
--
-- What happens in a state; "-" is nothing:
--
--   event              | closed  | waiting | opening         | open
--   -------------------+---------+---------+-----------------+-----------------
--   open()             | opening | opening | -               | -
--   close()            | -       | closed  | closed          | closed
--   last socket left   | -       | closed  | closed          | closed
--   socket wanted      | opening | -       | -               | -
--   delay is over      | -       | opening | -               | -
--   opened             | -       | -       | open            | -
--   attempt failed     | -       | -       | waiting, closed | -
--   connection ended   | -       | -       | as failed       | waiting, closed
--   bad packet         | -       | -       | waiting, closed | waiting, closed
--   join failed        | -       | -       | -               | (1)
--   older server       | -       | -       | -               | opening (2)
--   reconnection off   | -       | closed  | -               | -
--
--   (1) as a connection that ended with "transport error", unless a socket is
--       joined through it: what serves one is not ended for another.
--   (2) engine = "auto": a server that told too late that it speaks revision 3
--       of Engine.IO (its first word was awaited for a moment only). A
--       connection of that revision is made at once, and so are those to come,
--       until one of them fails: the server may be another by then.
--
-- What is tried again, and when, is the JavaScript client's rule (manager.ts):
--   - a connection that ended, for whatever reason but our own close, is
--     reconnected while `reconnection` is set;
--   - the first opening is followed by reconnection attempts if it fails, unless
--     open() was given a callback, which then decides;
--   - the waits grow (backoff.lua) and begin anew when a connection was made,
--     has ended, or `reconnection_attempts` were in vain: "reconnect_failed",
--     after which a socket or open() may start over;
--   - ours alone, as there no join is tried again: a connection that ends since
--     no socket could join was made in vain, and the waits go on growing.
--
-- Events: open(), close(reason, details), error(err), ping(),
-- reconnect_attempt(n), reconnect(n), reconnect_error(err), reconnect_failed().
-- Each event's handlers run in a task of their own; nothing waits for them, but
-- for those of reconnect_attempt: they may change options, so the attempt
-- begins when they have returned.

local backoff = require "graphsocket.socketio.backoff"
local connection = require "graphsocket.socketio.connection"
local core = require "graphsocket.core"
local emitter = require "graphsocket.socketio.emitter"
local errors = require "graphsocket.errors"
local handshake = require "graphsocket.socketio.handshake"
local heartbeat = require "graphsocket.socketio.heartbeat"
local loop = require "graphsocket.loop"
local older = require "graphsocket.socketio.older"
local options = require "graphsocket.options"
local packet = require "graphsocket.socketio.packet"
local retry_after = require "graphsocket.retry_after"
local settings = require "graphsocket.socketio.settings"
local socket = require "graphsocket.socketio.socket"
local url = require "graphsocket.socketio.url"

local EVENT = packet.EVENT

local manager = {}

local Manager = {}
emitter.extend(Manager, emitter.methods, heartbeat.methods, settings.methods)

local metatable = { __name = "graphsocket.manager", __index = Manager }

function metatable.__tostring(self)
  return ("graphsocket.manager: %s (%s)"):format(self._url.origin, self._state)
end

local SOCKET_SCHEMA = {
  ack_timeout = options.socket.ack_timeout,
  auth = options.socket.auth,
  retries = options.socket.retries,
}

---@class graphsocket.manager
---@field engine table|nil the connection, while one is made or open; engine:close() ends it, and the manager reconnects
---@field opts table the options; query and extra_headers may be changed, the next connection is made with them

--- Makes a manager; opens it if `auto_connect` says so.
---@param parts table of url.parse
---@param opts table checked options
---@return graphsocket.manager
function manager.new(parts, opts)
  local self = emitter.init(setmetatable({}, metatable))
  self.engine = nil
  self.opts = opts
  self._attempt = nil          -- the opening under way: {callback, again}
  self._backoff = backoff.new {
    min = opts.reconnection_delay,
    max = opts.reconnection_delay_max,
    jitter = opts.randomization_factor,
    random = core.random,
  }
  self._reconnection = opts.reconnection
  self._reconnection_attempts = opts.reconnection_attempts
  self._revision = nil         -- 3: what an older server was found to speak
  self._skip_reconnect = false -- closed by hand
  self._sockets = {}           -- namespace -> socket; they are never removed
  self._sockets_in_order = {}
  self._state = "closed"
  self._timeout = opts.timeout
  self._timer = nil            -- the delay of waiting, the limit of asking
  self._unjoined = nil         -- attempts until the connection that none has joined
  self._url = parts
  if opts.auto_connect then self:open() end
  return self
end

local function set_state(self, state)
  self._state = state
  if state == "closed" then loop.release(self) else loop.hold(self) end
end

-- Handlers are looked up when the task runs: one that is registered right
-- after close() hears of it.
local function tell(self, event, ...)
  loop.spawn(self._call, self, event, ...)
end

local function stop_timer(self)
  if self._timer then
    self._timer:cancel()
    self._timer = nil
  end
end

-- Gives up what is under way; late news of it is then nobody's.
local function clean_up(self)
  stop_timer(self)
  self._attempt = nil
  local engine = self.engine
  self.engine = nil
  if engine then engine:close() end
end

-- Opening --------------------------------------------------------------------

local start

local function on_delay_over(self)
  self._timer = nil
  start(self, nil, true)
end

-- Plans the next attempt, or gives up. Called in state closed.
local function reconnect(self)
  if self._skip_reconnect or not self._reconnection then return end
  if self._backoff.attempts >= self._reconnection_attempts then
    self._backoff:reset()
    tell(self, "reconnect_failed")
    return
  end
  set_state(self, "waiting")
  self._timer = loop.timer(self._backoff:duration(), on_delay_over, self)
end

local function tell_error(self, err)
  tell(self, "error", err)
  for _, each in ipairs(self._sockets_in_order) do
    each:_on_manager_error(err)
  end
end

local function on_attempt_failed(self, attempt, err)
  if self._attempt ~= attempt then return end
  clean_up(self)
  self._state = "closed"
  self._revision = nil
  tell_error(self, err)
  if attempt.callback then
    self._backoff:reset()
    loop.spawn(attempt.callback, err)
  elseif attempt.again then
    reconnect(self)
    tell(self, "reconnect_error", err)
  else
    reconnect(self)
  end
  set_state(self, self._state)
end

local function on_asking_too_long(self, attempt)
  on_attempt_failed(self, attempt, errors.new {
    kind = "timeout",
    message = ("the query and extra_headers functions did not return "
      .. "within %.14g s"):format(self._timeout),
    phase = "options",
  })
end

-- Makes the connection of an attempt; |asked| is of handshake.ask. A failure is
-- told later, since open() may be above us: its caller has still to say who
-- wants to know.
local function make_connection(self, attempt, asked, err)
  local flat, query
  if asked then
    flat, query = handshake.options(self._url, self.opts, asked,
      attempt.deadline - loop.now(), self._revision or self.opts.engine)
    if not flat then err = query end
  end
  if flat then
    -- In a forked child the core raises instead: in a task nobody would see it.
    local ok, engine
    ok, engine, err = pcall(connection.open, self, flat, query)
    if ok then self.engine = engine else err = errors.wrap(engine, "state") end
  end
  if not self.engine then loop.spawn(on_attempt_failed, self, attempt, err) end
end

local function set_deadline(self, attempt)
  attempt.deadline = loop.now() + self._timeout
  if self._timeout < math.huge then
    self._timer = loop.timer(self._timeout, on_asking_too_long, self, attempt)
  end
end

-- In a task: handlers and functions may wait, and close the manager meanwhile.
local function ask_and_connect(self, attempt)
  if attempt.again then
    self:_call("reconnect_attempt", self._backoff.attempts)
    if self._attempt ~= attempt then return end
  end
  set_deadline(self, attempt)
  local asked, err = handshake.ask(self.opts)
  if self._attempt ~= attempt then return end
  stop_timer(self)
  make_connection(self, attempt, asked, err)
end

-- Starts an attempt; |again| says that it is one to reconnect.
function start(self, callback, again)
  local attempt = { again = again, callback = callback, deadline = nil }
  stop_timer(self)
  self._attempt = attempt
  self._skip_reconnect = false
  set_state(self, "opening")
  if again or handshake.must_ask(self.opts) then
    loop.spawn(ask_and_connect, self, attempt)
  else
    attempt.deadline = loop.now() + self._timeout
    make_connection(self, attempt, handshake.ask(self.opts))
  end
end

-- The end of a connection, or of the wait for one. The waits begin anew, or go
-- on as after so many |attempts|.
local function on_close(self, reason, details, attempts)
  clean_up(self)
  self._backoff:reset(attempts)
  self._state = "closed"
  for _, each in ipairs(self._sockets_in_order) do
    each:_on_manager_close(reason, details)
  end
  tell(self, "close", reason, details)
  reconnect(self)
  set_state(self, self._state)
end

-- What the connection tells ---------------------------------------------------

--- The connection is open.
function Manager:_on_opened()
  local attempt = self._attempt
  if not attempt then return end
  self._attempt = nil
  self._unjoined = self._backoff.attempts
  set_state(self, "open")
  tell(self, "open")
  for _, each in ipairs(self._sockets_in_order) do each:_on_manager_open() end
  if attempt.callback then loop.spawn(attempt.callback) end
  if attempt.again then
    local attempts = self._backoff.attempts
    self._backoff:reset()
    tell(self, "reconnect", attempts)
  end
end

--- The connection has ended, or was never made.
---@param fields table of the core
function Manager:_on_ended(fields)
  fields.retry_after = retry_after.seconds(fields.retry_after, fields.date,
    loop.time())
  fields.date = nil
  local err = errors.from_fields(fields)
  if self._attempt then return on_attempt_failed(self, self._attempt, err) end
  err.description = err.message
  if fields.reason == "transport error" then tell_error(self, err) end
  on_close(self, fields.reason, fields.reason ~= "forced close" and err or nil)
end

--- The process is about to end, and with it the connection: the server hears so.
function Manager:_on_leave()
  for _, each in ipairs(self._sockets_in_order) do
    if each.connected then
      self.engine:send(packet.encode(packet.DISCONNECT, each.namespace))
    end
  end
end

local function has_joined(self)
  for _, each in ipairs(self._sockets_in_order) do
    if each.connected then return true end
  end
  return false
end

local function is_older_server(self, p)
  return self.opts.engine == "auto" and older.gives_itself_away(p)
    and not has_joined(self)
end

-- The connection is made anew in revision 3, and the sockets join that one.
local function on_older_server(self)
  clean_up(self)
  for _, each in ipairs(self._sockets_in_order) do each:_on_manager_restart() end
  local message = "the server speaks Socket.IO 2: connecting again with engine = 3"
  tell(self, "close", "parse error", errors.new {
    kind = "protocol", message = message, description = message,
  })
  self._revision = 3
  start(self)
end

--- A packet of |from| is malformed.
---@param from table connection
---@param message string what was wrong
function Manager:_on_bad_packet(from, message)
  if self.engine ~= from then return end
  on_close(self, "parse error", errors.new {
    kind = "protocol",
    code = "parse_error",
    message = message,
    description = message,
  })
end

--- A packet has come.
---@param p table of packet.parse
function Manager:_on_packet(p)
  local from = p.connection
  if p.type ~= EVENT then
    from:release(p)
    if is_older_server(self, p) then return on_older_server(self) end
  end
  if from.version == 3 then older.on_packet(p, self._sockets_in_order) end
  local to = self._sockets[p.namespace]
  if to and to.active then
    to:_on_packet(p)
  elseif p.type == EVENT then
    from:release(p)
  elseif to and p.type == packet.CONNECT and from.version ~= 3 then
    -- The socket left before the answer came, and the server does not know.
    from:send(packet.encode(packet.DISCONNECT, p.namespace))
  end
end

-- What the sockets tell -------------------------------------------------------

--- A socket wants to be connected.
function Manager:_on_socket_wanted()
  if self._state == "closed" then self:open() end
end

--- A socket wants to be connected no more.
function Manager:_on_socket_left()
  for _, each in ipairs(self._sockets_in_order) do
    if each.active then return end
  end
  self:close()
end

--- A socket has joined.
function Manager:_on_joined()
  self._unjoined = nil
end

--- A socket could not join. Ends the connection, which is then made again,
--- unless another socket is joined through it.
---@param err table
---@return boolean ended
function Manager:_on_join_failed(err)
  if has_joined(self) then return false end
  err.description = err.message
  tell(self, "error", err)
  on_close(self, "transport error", err, self._unjoined)
  return true
end

--- Reconnection was switched off.
function Manager:_on_reconnection_off()
  self._skip_reconnect = true
  if self._state == "waiting" then
    stop_timer(self)
    set_state(self, "closed")
  end
end

--- Whether a namespace has a socket.
---@param namespace string
---@return boolean
function Manager:_has(namespace)
  return self._sockets[namespace] ~= nil
end

--- Whether packets can be sent.
---@return boolean
function Manager:_is_open()
  return self._state == "open"
end

-- Methods --------------------------------------------------------------------

--- Opens the connection. A manager that waits to reconnect does so now.
---@param callback function|nil called with nothing, or with an error: the manager then does not try again by itself
---@return table self
function Manager:open(callback)
  if callback ~= nil and type(callback) ~= "function" then
    error("bad argument #1 to 'open': give a function to call, got "
      .. type(callback), 2)
  end
  if self._state == "closed" or self._state == "waiting" then
    start(self, callback, self._state == "waiting")
  end
  return self
end

--- The same as open.
---@param callback function|nil
---@return table self
function Manager:connect(callback)
  return self:open(callback)
end

--- Ends the connection of all its sockets; they are connected again if the
--- manager is opened again.
---@return table self
function Manager:close()
  if self._state ~= "closed" then
    self._skip_reconnect = true
    on_close(self, "forced close")
  end
  return self
end

--- The socket of a namespace; made at the first call, connected unless
--- `auto_connect` is false.
---@param namespace string
---@param opts table|nil auth, ack_timeout (seconds), retries; of the first call
---@return table socket
function Manager:socket(namespace, opts)
  if type(namespace) ~= "string" then
    error("bad argument #1 to 'socket': give a namespace, got "
      .. type(namespace), 2)
  end
  local fault = url.namespace_fault(namespace)
  if fault then error("bad argument #1 to 'socket': " .. fault, 2) end
  local values = options.check("manager:socket", opts, SOCKET_SCHEMA)
  local found = self._sockets[namespace]
  if not found then
    found = socket.new(self, namespace, values)
    self._sockets[namespace] = found
    table.insert(self._sockets_in_order, found)
  end
  if self.opts.auto_connect and not found.active then found:connect() end
  return found
end

return manager
