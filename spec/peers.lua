-- Misbehaving servers (spec/support/peer) for a Lua spec, and connections of
-- the engine to them, without Socket.IO above.
--
--   local peers = peers.start()
--   local peer = peers:launch { script = { … } }     -- GET /steps has the verbs
--   local sink = peers:connect(peer, { max_queue = 1000 })
--   sink.opened, sink.messages, sink.closed          -- what came of it

local cjson = require "cjson"
local engine = require "graphsocket.engine"
local helper = require "spec.helper"

local M = {}

local peers = {}
local metatable = { __name = "spec.peers", __index = peers }

function M.start()
  return setmetatable({ service = helper.service "peer/index.js" }, metatable)
end

function peers:post(path, fields)
  local answer = assert(engine.request {
    url = self.service.info.control .. "/" .. path;
    method = "POST";
    headers = "Content-Type: application/json\r\n";
    body = cjson.encode(fields);
  })
  if answer.status ~= 200 then error(path .. ": " .. answer.body, 2) end
  return cjson.decode(answer.body)
end

-- A peer that has upgraded the connection and sent the open packet before it
-- plays `given.script`.
---@param given table as of peers/launch
---@return table peer {id, port}
function peers:launch(given)
  local script = { { upgrade = true }, { open = true } }
  for _, step in ipairs(given.script) do script[#script + 1] = step end
  return self:post("peers/launch", { script = script; tls = given.tls })
end

-- What the peer saw of its first connection.
---@param peer table
---@return table {heads, frames, bytes, ended}
function peers:seen(peer)
  return self:post("peers/report", { id = peer.id }).connections[1]
end

local Sink = {}

function Sink:on_open(fields) self.opened = fields end
function Sink:on_message(data)
  self.messages[#self.messages + 1] = data
  if self.handle then self:handle(data) end
  self.connection:release(#data)
end
function Sink:on_ping()
  if self.handle then self:handle() end
  self.connection:release(0)
end
function Sink:on_close(fields) self.closed = fields end

-- Connects. `opts` are the core's; handle(sink, data), called before a message
-- counts as handled; and tell_pings.
---@param peer table
---@param opts table|nil
---@return table sink
function peers.connect(_, peer, opts)
  local all = {
    host = "127.0.0.1"; port = peer.port; path = "/socket.io/?EIO=4";
    verify = false; timeout = helper.TEST_TIMEOUT;
  }
  for name, value in pairs(opts or {}) do all[name] = value end
  local sink = setmetatable({ messages = {}; handle = all.handle },
    { __index = Sink })
  all.handle, all.tell_pings = nil, nil
  sink.connection = assert(engine.open(all, sink))
  sink.connection:tell_pings(opts and opts.tell_pings)
  return sink
end

function peers:stop()
  engine.stop()
  self.service:stop()
end

return M
