--- What a manager makes of its server's heartbeat: the event "ping", while
--- somebody listens to it.
--
-- The core answers heartbeats by itself, and keeps their time (stats()). Each one
-- that it tells of wakes the program, which an idle one should not be.

local loop = require "graphsocket.loop"

local heartbeat = {}

local Manager = {}

--- The methods, for the manager's class, which is an emitter.
heartbeat.methods = Manager

--- For the connection.
---@return boolean
function Manager:_wants_pings()
  return self:has_listeners "ping"
end

--- The server showed life.
function Manager:_on_ping()
  loop.spawn(self._call, self, "ping")
end

--- For the emitter.
function Manager:_on_listeners_changed()
  if self.engine then self.engine:tell_pings(self:_wants_pings()) end
end

return heartbeat
