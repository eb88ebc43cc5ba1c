-- The reference servers (spec/support/interop: socket.io 4.8 and 2.5, plain and
-- TLS) for a Lua spec: one process a spec file, its control port as functions,
-- and sockets that are closed when their test has ended.

local cjson = require "cjson"
local engine = require "graphsocket.engine"
local helper = require "spec.helper"
local loop = require "graphsocket.loop"
local socketio = require "graphsocket.socketio"

local M = {}

local reference = {}
local metatable = { __name = "spec.reference", __index = reference }

-- Starts the servers. v4, v4_tls, v2 and v2_tls have the fields id, url, port,
-- version, tls.
---@return table
function M.start()
  local service = helper.service "interop/index.js"
  local self = { _service = service; _managers = {} }
  for name, value in pairs(service.info) do self[name] = value end
  return setmetatable(self, metatable)
end

local function post(control, path, fields)
  local answer = assert(engine.request {
    url = control .. "/" .. path;
    method = "POST";
    headers = "Content-Type: application/json\r\n";
    body = cjson.encode(fields);
  })
  if answer.status ~= 200 then
    error(("%s: %s"):format(path, answer.body), 3)
  end
  return cjson.decode(answer.body)
end

-- A control request, as "servers/emit".
---@param path string
---@param fields table
---@return table
function reference:post(path, fields)
  return post(self.control, path, fields)
end

-- A request to the misbehaving peers (spec/support/peer), as "proxies/launch".
---@param path string
---@param fields table
---@return table
function reference:peers(path, fields)
  self._peers = self._peers or helper.service "peer/index.js"
  return post(self._peers.info.control, path, fields)
end

-- Another server; `given` as of servers/launch.
---@param given table
---@return table server
function reference:launch(given)
  return self:post("servers/launch", given)
end

-- The messages that a server received on its connections, the first of which is
-- `first`, in order, one list for each.
---@param server table
---@param first integer
---@return table
function reference:received(server, first)
  local report = self:post("servers/report", { id = server.id })
  local lists = {}
  for i = first, #report.connections do
    lists[#lists + 1] = report.connections[i].received
  end
  return lists
end

-- Of a server's first connection: how many binary websocket messages it
-- `received`, and whether it is `allowed` to send some.
---@param server table
---@return table
function reference:binary_frames(server)
  local report = self:post("servers/report", { id = server.id })
  return report.connections[1].binary_frames
end

-- How many connections a server has seen.
---@param server table
---@return integer
function reference:connections(server)
  return #self:post("servers/report", { id = server.id }).connections
end

-- A manager of a server, with a connection of its own.
---@param server table
---@param opts table|nil
---@return table
function reference:manager(server, opts)
  local all = { ca_file = self.ca }
  for name, value in pairs(opts or {}) do all[name] = value end
  local manager = socketio.manager(server.url, all)
  self._managers[#self._managers + 1] = manager
  return manager
end

-- A socket of a server, with a connection of its own.
---@param server table
---@param path string|nil namespace and query
---@param opts table|nil
---@return table
function reference:connect(server, path, opts)
  local all = { ca_file = self.ca; force_new = true }
  for name, value in pairs(opts or {}) do all[name] = value end
  local socket = socketio.connect(server.url .. (path or ""), all)
  self._managers[#self._managers + 1] = socket.io
  return socket
end

-- Ends what the test has opened.
function reference:close_sockets()
  for _, manager in ipairs(self._managers) do manager:close() end
  self._managers = {}
end

function reference:stop()
  self:close_sockets()
  self._service:stop()
  if self._peers then self._peers:stop() end
end

-- A function that waits until a socket or manager has told `event` after now,
-- and returns what it is told.
---@param emitter table
---@param event string
---@return function
function M.upcoming(emitter, event)
  local future = loop.future()
  emitter:once(event, function(...) future:resolve(...) end)
  return function()
    local told = { future:await(helper.TEST_TIMEOUT) }
    if not told[1] then
      error(("waited in vain for %s of %s"):format(event, tostring(emitter)), 2)
    end
    return (table.unpack or unpack)(told, 2, #told)
  end
end

-- Waits until a socket or manager tells `event`; what it is told.
---@param emitter table
---@param event string
---@return any ...
function M.await(emitter, event)
  return M.upcoming(emitter, event)()
end

return M
