--- One line to the service: an endpoint and the one socket opened on it, from
--- connecting to its end. It is never connected again; another line is.
--
-- Theory of operation. A line is in one state:
--
--   state      | the socket …                        | next
--   -----------+-------------------------------------+-------------------------
--   connecting | connects, then joins the namespace  | joined, ended, closed
--   joined     | is joined                           | ended, closed
--   ended      | failed, or was lost: told once      | -
--   closed     | was closed by its owner: not told   | -
--
-- However a socket is lost (a failed connect, a refused or an unanswered
-- namespace, a disconnect by the server, a broken connection), it is one event
-- here, with an error object. What to do about it is the owner's business.
-- Notifications are handed on in every state: those that were received before
-- an end have still been received.

local errors = require "graphsocket.errors"
local loop = require "graphsocket.loop"

local methods = {}
local metatable = { __name = "graphsocket.line", __index = methods }

local line = {}

local function lost(reason, was_joined)
  local message = was_joined and "the connection was lost"
    or "the connection ended before the namespace was joined"
  if reason == "io server disconnect" then
    message = "the server disconnected the socket"
  end
  return errors.new { kind = "network", code = reason, message = message }
end

local function on_end(self, err, reason, details)
  if self:is_over() then return end
  err = err or lost(reason, self.state == "joined")
  self.state = "ended"
  -- A socket may have failed and still keep its connection.
  self._socket:close()
  self._owner:_on_line_ended(self, {
    err = err,
    reason = reason,
    details = details,
  })
end

local function listen(self)
  local socket, owner = self._socket, self._owner
  socket:on("connect", function()
    if self.state ~= "connecting" then return end
    self.state, self.joined_at = "joined", loop.now()
    owner:_on_line_joined(self)
  end)
  socket:on("connect_error", function(err) on_end(self, err) end)
  socket:on("disconnect", function(reason, details)
    on_end(self, details, reason, details)
  end)
  socket:on("notification", function(data)
    if self._is_doubted then owner:_on_line_alive(self) end
    owner:_on_notification(data)
  end)
  -- The socket has it no more when it has ended.
  socket.io:on("open", function() self._connection = socket.io.engine end)
end

--- Opens a socket on the endpoint of a lease.
---@param lease graphsocket.lease
---@param opts table socket options
---@param owner table its methods _on_line_joined(line), _on_line_ended(line,
---  ending), _on_notification(data), which may wait, and, for who doubts,
---  _on_line_alive(line); `ending`: err, and reason and details as of "disconnect"
---@return table|nil line
---@return graphsocket.error|nil the endpoint's URL cannot be used
function line.open(lease, opts, owner)
  local given = {}
  for name, value in pairs(opts) do given[name] = value end
  given.reconnection = false
  -- What Graph gave as a URL is no mistake of the program.
  local ok, socket = pcall(lease.endpoint.open, lease.endpoint, given)
  if not ok then
    return nil, errors.new {
      kind = "protocol", code = "refused",
      message = "no socket can be opened on the endpoint: "
        .. tostring(socket):gsub("^[^\n]-:%d+: ", ""),
    }
  end
  local self = setmetatable({
    joined_at = nil,   -- loop.now() seconds
    lease = lease,
    state = "connecting",
    _connection = nil, -- while connected, and afterwards
    _is_doubted = false,
    _owner = owner,
    _socket = socket,
  }, metatable)
  listen(self)
  return self
end

--- Has the owner told of each sign of life from now on: a ping or a notification.
--- Not before, as each ping that is told wakes the program.
function methods:doubt()
  self._is_doubted = true
  self._socket.io:on("ping", function() self._owner:_on_line_alive(self) end)
end

--- Closes the line for good; nothing more is told but what was received.
function methods:close()
  if self.state ~= "ended" then
    self.state = "closed"
    self._socket:close()
  end
end

--- Whether nothing more comes of it.
---@return boolean
function methods:is_over()
  return self.state == "ended" or self.state == "closed"
end

--- When the server last showed life; known after the end, too.
---@return number|nil epoch seconds
function methods:last_ping_at()
  return self._connection and self._connection:stats().last_ping_at
end

return line
