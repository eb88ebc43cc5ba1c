--- The Socket.IO client: `connect` as the JavaScript client's io(), managers,
--- and the values that JSON has and Lua has not.
--
-- Sockets of one origin and path share a manager, and so a connection, unless
-- they ask for one of their own or are of the same namespace (index.ts,
-- lookup). As there, the options of the first of them make the connection.
-- Managers that nobody uses any more are forgotten.

require "graphsocket.abi"

local binary = require "graphsocket.socketio.binary"
local json = require "graphsocket.json"
local manager = require "graphsocket.socketio.manager"
local options = require "graphsocket.options"
local packet = require "graphsocket.socketio.packet"
local url = require "graphsocket.socketio.url"
local urls = require "graphsocket.url"

local socketio = {
  array = json.array;
  binary = binary.new;
  is_binary = binary.is;
  --- JSON's null, both ways: inside of tables, and as an argument.
  null = json.null;
  --- 5, the revision of the Socket.IO protocol that is preferred.
  protocol = packet.protocol;
}

-- origin and path -> manager
local cache = setmetatable({}, { __mode = "v" })

-- Reads what both constructors take; raises at their caller.
local function read(where, address, opts)
  if type(address) ~= "string" then
    error(("%s: the URL must be a string, got %s")
      :format(where, type(address)), 3)
  end
  local values = options.check(where, opts, options.socket, 3)
  local parts, message = url.parse(address)
  if not parts then error(where .. ": " .. message, 3) end
  message = urls.plain_fault(parts, values.insecure)
  if message then error(where .. ": " .. message, 3) end
  return parts, values
end

--- Makes a socket, and connects it unless `auto_connect` is false. Returns at
--- once. Raises if the URL or an option cannot be used.
---@param address string https://host/namespace?query
---@param opts graphsocket.socket.options|nil
---@return graphsocket.socket
function socketio.connect(address, opts)
  local parts, values = read("socketio.connect", address, opts)
  local key = parts.origin .. values.path:gsub("/*$", "")
  local shared = cache[key]
  if values.force_new or not values.multiplex
    or shared and shared:_has(parts.namespace) then
    shared = manager.new(parts, values)
  elseif not shared then
    shared = manager.new(parts, values)
    cache[key] = shared
  end
  return shared:socket(parts.namespace, {
    ack_timeout = values.ack_timeout,
    auth = values.auth,
    retries = values.retries,
  })
end

--- Makes a manager, and opens it unless `auto_connect` is false: a connection
--- for several sockets. The namespace in the URL, if any, means nothing here.
---@param address string https://host?query
---@param opts graphsocket.socket.options|nil
---@return graphsocket.manager
function socketio.manager(address, opts)
  return manager.new(read("socketio.manager", address, opts))
end

return socketio
