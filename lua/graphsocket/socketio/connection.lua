--- One Engine.IO connection of a manager: messages of the core become packets,
--- and packets messages. It lives from one opening to one end; a manager that
--- reconnects makes another.
--
-- It decides nothing. It tells its manager, and only while it is that manager's
-- current one: what comes late, from a connection that was given up, is dropped
-- here. Told by the pump, so nothing here, and nothing that it calls, may wait.
--
-- Every message must be released when its handler is called: the core counts
-- what was not, and stops reading at `max_queue` bytes.

local engine = require "graphsocket.engine"
local errors = require "graphsocket.errors"
local loop = require "graphsocket.loop"
local packet = require "graphsocket.socketio.packet"

-- RFC 6455, section 7.4.1.
local NORMAL, GOING_AWAY = 1000, 1001

local connection = {}

local Connection = {}
local metatable = { __name = "graphsocket.connection", __index = Connection }

--- Begins to connect. The manager is told by _on_opened(), _on_packet(p),
--- _on_bad_packet(connection, message), _on_ended(fields), and, while its
--- _wants_pings() says so, _on_ping().
---@param manager table
---@param options table flat options of the core, by handshake.lua
---@param query string|nil the query of the URL and the options
---@return table|nil connection
---@return table|nil err
function connection.open(manager, options, query)
  local self = setmetatable({
    id = nil;         -- of the Engine.IO session, once open
    query = query;
    root = "unasked"; -- the default namespace: "unasked" "asked" "left", and
                      -- "joined" where Socket.IO 2 did so by itself
    version = nil;    -- revision of Engine.IO, 3 or 4, once open
    _core = nil;      -- the core's connection
    _is_gone = false;
    _decoder = packet.decoder(options.max_payload);
    _manager = manager;
  }, metatable)
  local core, err = engine.open(options, self)
  if not core then return nil, err end
  self._core = core
  self:tell_pings(manager:_wants_pings())
  return self
end

local function is_current(self)
  return self._manager.engine == self
end

--- For the core.
---@param fields table of GS_EVENT_OPEN, see csrc/report.h
function Connection:on_open(fields)
  self.id, self.version = fields.sid, fields.version
  if is_current(self) then self._manager:_on_opened() end
end

-- A packet that is whole counts towards `max_queue` from now on; its last
-- attachment does already.
local function retain(self, p)
  local buffers = p.buffers
  self._core:retain(#p.text)
  for i = 1, #buffers - 1 do self._core:retain(#buffers[i]) end
end

--- For the core.
---@param data string
---@param is_binary boolean
function Connection:on_message(data, is_binary)
  if self._manager.engine ~= self then return end
  local p, message = self._decoder:add(data, is_binary)
  if p then
    p.connection = self
    if p.buffers then retain(self, p) end
    self._manager:_on_packet(p)
  elseif message then
    self._manager:_on_bad_packet(self, message)
  else
    -- No handler can make room before the rest of the packet has come, so it
    -- must not be what stops the reading. `max_payload` bounds it.
    self._core:release(#data)
  end
end

--- For the core.
function Connection:on_ping()
  self._core:release(0)
  if is_current(self) then self._manager:_on_ping() end
end

--- For the core.
---@param fields table of GS_EVENT_CLOSED, see csrc/report.h
function Connection:on_close(fields)
  if is_current(self) then self._manager:_on_ended(fields) end
end

--- For the core.
function Connection:on_gone()
  self._is_gone = true
  loop.release(self)
end

local REFUSED = {
  FULL = "too much waits to be sent already: the server reads too slowly",
  FORKED = "the process was forked: the child must make its own sockets",
}

local function refused(code)
  return errors.new {
    kind = "state", code = code, retryable = code == "FULL",
    message = REFUSED[code] or "the packet could not be sent",
  }
end

--- Sends a packet.
---@param text string
---@param attachments string[]|nil
---@param compress boolean|nil false: not compressed
---@return boolean|nil sent false if the connection has ended; nil if it takes no more
---@return table|nil err
function Connection:send(text, attachments, compress)
  compress = compress ~= false
  local ok, code = self._core:send(text, false, compress)
  for i = 1, ok and attachments and #attachments or 0 do
    ok, code = self._core:send(attachments[i], true, compress)
    -- The server awaits the rest; anything else would be taken for it.
    if not ok then
      self:close()
      break
    end
  end
  if ok then return true end
  if code == "CLOSED" then return false end
  return nil, refused(code)
end

--- Whether nothing waits to be sent.
---@return boolean
function Connection:writable()
  return self._core:writable()
end

--- Has the manager told of pings from now on, or no more. Each one wakes Lua.
---@param wanted boolean
function Connection:tell_pings(wanted)
  self._core:tell_pings(wanted)
end

--- Says that a packet does not wait for its handler any more.
---@param p table
function Connection:release(p)
  self._core:release(#p.text)
  local buffers = p.buffers
  for i = 1, buffers and #buffers or 0 do self._core:release(#buffers[i]) end
end

--- For the core: the process is about to end.
function Connection:on_leave()
  if is_current(self) then self._manager:_on_leave() end
  self:close()
end

--- Ends the connection. If it is the manager's current one, that is an end like
--- any other (reason "forced close"): the manager reconnects. What was sent
--- before still goes out, and run() waits for that: for as long as the core gives
--- the goodbye, a second at most.
function Connection:close()
  self._core:close(loop.ending() and GOING_AWAY or NORMAL)
  if not self._is_gone then loop.hold(self) end
end

--- The counters of the core, and the revision of Engine.IO as `version`.
---@return table
function Connection:stats()
  local stats = self._core:stats()
  stats.version = self.version
  return stats
end

return connection
