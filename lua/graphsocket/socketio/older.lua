--- Servers of Socket.IO 2: how one gives itself away on a connection that was
--- made for a newer one, and what is different on a connection of its own.
--
-- It speaks revision 3 of Engine.IO. Its CONNECT packets carry no session id;
-- it joins the default namespace by itself, whoever wants another one; and if
-- it refuses that namespace, no other will be joined.

local packet = require "graphsocket.socketio.packet"

local older = {}

--- Whether a packet of a connection that is not of revision 3 can only be an
--- older server's: no newer one joins a socket without a session id, or refuses
--- the default namespace where nobody asked for it. That no socket was joined
--- through the connection is for the caller to see: none that joined one is an
--- older server.
---@param p table of packet.parse
---@return boolean
function older.gives_itself_away(p)
  if p.connection.version == 3 then return false end
  if p.type == packet.CONNECT then return p.at > #p.text end
  return p.type == packet.CONNECT_ERROR and p.namespace == "/"
    and p.connection.root == "unasked"
end

--- Looks at a packet of a connection of revision 3 before its socket does.
---@param p table of packet.parse; the query is taken off its namespace
---@param sockets table[] all of the manager
function older.on_packet(p, sockets)
  p.namespace = p.namespace:match("^[^?]*")
  if p.namespace ~= "/" then return end
  if p.type == packet.CONNECT then
    p.connection.root = "joined"
  elseif p.type == packet.CONNECT_ERROR then
    for _, each in ipairs(sockets) do
      if each.active and each.namespace ~= "/" and not each.connected then
        each:_on_packet(p)
      end
    end
  end
end

return older
