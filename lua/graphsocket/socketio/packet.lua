--- The Socket.IO packet codec: protocol v5 (Socket.IO 3 and 4, on Engine.IO 4)
--- and v4 (Socket.IO 1 and 2, on Engine.IO 3), which share one grammar:
--
--   packet      = type [attachments "-"] [namespace ","] [id] [payload]
--   type        = "0" CONNECT / "1" DISCONNECT / "2" EVENT / "3" ACK
--               / "4" CONNECT_ERROR / "5" BINARY_EVENT / "6" BINARY_ACK
--   attachments = 1*DIGIT        ; of 5 and 6 only: binary messages to follow
--   namespace   = "/" 1*( any character but "," )     ; left out when it is "/"
--   id          = 1*DIGIT        ; asks for, or is, an acknowledgement
--   payload     = JSON           ; by type:
--                 CONNECT an object, or none; DISCONNECT none; CONNECT_ERROR an
--                 object or a string; the others an array, which for an event
--                 begins with its name
--
-- Pure, but for the decoder, which remembers the packet whose attachments have
-- not all come. Decoding is in two steps. What routes a packet (type,
-- namespace, id, count) is read at once; the JSON of an event or of an
-- acknowledgement stays text until somebody wants it, since most of the cost of
-- a message is there. So a fault inside that JSON is found when its handler is
-- about to run; that it is a bracketed array is checked at once. What routes
-- a packet is read by csrc/packet.c.
--
-- A message about a fault never repeats the packet's content.

local binary = require "graphsocket.socketio.binary"
local core = require "graphsocket.core"
local json = require "graphsocket.json"

local packet = {}

local read_head = core.packet

local CONNECT, DISCONNECT, EVENT, ACK, CONNECT_ERROR = 0, 1, 2, 3, 4
local BINARY_EVENT, BINARY_ACK = 5, 6

packet.CONNECT = CONNECT
packet.DISCONNECT = DISCONNECT
packet.EVENT = EVENT
packet.ACK = ACK
packet.CONNECT_ERROR = CONNECT_ERROR

--- The revision of the protocol that this client prefers.
packet.protocol = 5

--- Longest namespace, in bytes; as in csrc/packet.h.
packet.MAX_NAMESPACE = 1024

--- Most attachments of one packet, either way; as in csrc/packet.h.
packet.MAX_ATTACHMENTS = 1000

--- Event names that mean something else, on either side of the protocol; an
--- event with such a name is neither sent nor taken (socket.io-parser).
local RESERVED = {
  connect = true,          -- the client's own
  connect_error = true,    -- the client's own
  disconnect = true,       -- both sides' own
  disconnecting = true,    -- the server's own
  newListener = true,      -- Node's EventEmitter's, on the server
  removeListener = true,   -- Node's EventEmitter's, on the server
}
packet.RESERVED = RESERVED

-- Encoding -------------------------------------------------------------------

--- Encodes the arguments of an event or of an acknowledgement.
---@param args table may contain nil
---@param count integer how many of |args| there are
---@return string|nil payload JSON text; nil if an argument cannot be sent
---@return string[]|string|nil attachments the bytes of the binary values, nil
--- if there are none; or what is wrong
---@return integer|nil index of the faulty argument
function packet.encode_args(args, count)
  local parts, attachments = {}, nil
  for i = 1, count do
    local value = args[i]
    if binary.has(value) then
      attachments = attachments or {}
      value = binary.extract(value, attachments)
    end
    if value == nil then value = json.null end
    local ok, text = pcall(json.encode, value, "value", 0)
    if not ok then return nil, text, i end
    parts[i] = text
    if attachments and #attachments > packet.MAX_ATTACHMENTS then
      return nil, ("more than %d binary values in one packet")
        :format(packet.MAX_ATTACHMENTS), i
    end
  end
  return "[" .. table.concat(parts, ",") .. "]", attachments
end

--- Puts a packet's text together.
---@param type integer packet.EVENT …; those with attachments are made binary
---@param namespace string
---@param id integer|nil
---@param payload string|nil JSON text
---@param attachments string[]|nil of EVENT and ACK: the bytes to be sent behind
---@return string text
function packet.encode(type, namespace, id, payload, attachments)
  local head
  if attachments then
    type = type == EVENT and BINARY_EVENT or BINARY_ACK
    head = ("%d%d-"):format(type, #attachments)
  else
    head = ("%d"):format(type)
  end
  if namespace ~= "/" then head = head .. namespace .. "," end
  if id then head = head .. ("%d"):format(id) end
  return payload and head .. payload or head
end

-- Decoding -------------------------------------------------------------------

-- Events whose name is no plain string: the payload has to be decoded for it.
-- Returns the name and the decoded payload, or nil and what is wrong.
local function decode_name(text, at)
  local data, message = json.decode(text, at)
  if data == nil then return nil, "invalid payload: " .. message end
  local name = data[1]
  if type(name) == "number" then
    -- 1 and "1" are the same event to the JavaScript client.
    return ("%.14g"):format(name), data
  elseif type(name) ~= "string" then
    return nil, "invalid payload: an event without a name"
  end
  return name, data
end

--- Reads all but the payload of a packet's text.
---@param text string
---@return table|nil packet with its fields: type (never a binary one),
--- namespace, id, name (of an event), text and at (where the payload begins in
--- it); if attachments were announced, their count as `attachments` and the list
--- of their bytes as `buffers`; `value` if the payload had to be decoded
---@return string|nil message what is wrong with it
function packet.parse(text)
  local type, namespace, id, name, at, count = read_head(text)
  if not type then return nil, namespace end
  local value
  if type == EVENT then
    if not name then
      name, value = decode_name(text, at)
      if not name then return nil, value end
    end
    if RESERVED[name] then
      return nil, "invalid payload: an event with a reserved name"
    end
  end
  -- One a message: eight fields fill a table of eight exactly, and the others
  -- are added to those of rare packets only.
  local p = {
    type = type;
    namespace = namespace;
    id = id;
    name = name;
    text = text;
    at = at;
    connection = false;   -- what brought it; connection.lua's
    session = false;      -- what the id belongs to; socket.lua's
  }
  if value ~= nil then p.value = value end
  if count and count > 0 then p.attachments, p.buffers = count, {} end
  return p
end

-- Which JSON values CONNECT and CONNECT_ERROR carry. In protocol v4, what the
-- server's middleware gave is sent as it is.
local function data_fault(p, data, protocol)
  local is_object = type(data) == "table" and p.text:find("^%s*{", p.at)
  if p.type == CONNECT and not is_object then
    return "invalid payload: not an object"
  end
  if p.type == CONNECT_ERROR and type(data) ~= "string" and not is_object
    and protocol ~= 4 then
    return "invalid payload: neither an object nor a string"
  end
end

-- Calls reviver(key, value) for every value from the inside out, as JSON.parse
-- does: what it returns takes the value's place, nil removes it.
local function revive(holder, key, reviver)
  local value = holder[key]
  if type(value) == "table" then
    for inner in pairs(value) do value[inner] = revive(value, inner, reviver) end
  end
  return reviver(key, value)
end

--- Decodes the payload of a packet that packet.parse read; once.
---@param p table
---@param protocol integer|nil revision of the protocol, 5 or 4; 5
---@param reviver function|nil see the option of that name
---@return any data nil if there is none, or if it is wrong
---@return string|nil message what is wrong with it
function packet.data(p, protocol, reviver)
  local data = p.value
  if data == nil then
    if p.at > #p.text then return nil end
    local message
    data, message = json.decode(p.text, p.at)
    if data == nil then return nil, "invalid payload: " .. message end
    if p.type ~= EVENT and p.type ~= ACK then
      message = data_fault(p, data, protocol)
      if message then return nil, message end
    end
    if reviver then data = revive({ [""] = data }, "", reviver) end
  end
  if p.buffers then return binary.insert(data, p.buffers) end
  return data
end

--- What a packet counts for.
---@param p table
---@return integer bytes
function packet.size(p)
  local size = #p.text
  for i = 1, p.buffers and #p.buffers or 0 do size = size + #p.buffers[i] end
  return size
end

--- The last argument of an event if it is a string, without decoding more than
--- needed: where state recovery is on, it is the offset of the packet.
---@param p table
---@return string|nil
function packet.last_string(p)
  local text = p.text
  if text:byte(-2) ~= 34 then return nil end
  -- The payload is an array, so a string before its last bracket is its last
  -- element; a quote behind a comma begins a string or ends one, and what ends
  -- one is not followed by text.
  local plain = text:match(',%s*"([^"\\]*)"%]$')
  if plain then return plain end
  local data = p.value or json.decode(text, p.at)
  local last = type(data) == "table" and #data > 1 and data[#data]
  return type(last) == "string" and last or nil
end

-- The decoder ----------------------------------------------------------------

local Decoder = {}
local metatable = { __name = "graphsocket.decoder", __index = Decoder }

--- A decoder puts packets and their attachments together.
---@param max_bytes number of a packet with its attachments
---@return table
function packet.decoder(max_bytes)
  return setmetatable({
    _bytes = 0;       -- of the partial packet
    _max_bytes = max_bytes;
    _partial = nil;   -- the packet whose attachments are awaited
  }, metatable)
end

--- Takes a message. Returns a whole packet; nothing if attachments are awaited;
--- or nil and what is wrong: the connection is then of no further use.
---@param message string
---@param is_binary boolean|nil
---@return table|nil packet
---@return string|nil message
function Decoder:add(message, is_binary)
  local partial = self._partial
  if is_binary then
    if not partial then
      return nil, "got binary data when not reconstructing a packet"
    end
    return self:_attach(partial, message)
  end
  if partial then
    return nil, "got plaintext data when reconstructing a packet"
  end
  local p, fault = packet.parse(message)
  if not p then return nil, fault end
  if p.attachments then
    self._partial = p
    return nil
  end
  return p
end

function Decoder:_attach(partial, bytes)
  local buffers = partial.buffers
  buffers[#buffers + 1] = bytes
  self._bytes = (#buffers == 1 and #partial.text or self._bytes) + #bytes
  -- Each message is bounded by itself; together they would not be.
  if self._bytes > self._max_bytes then
    return nil, "a packet and its attachments are larger than max_payload"
  end
  if #buffers < partial.attachments then return nil end
  self._partial = nil
  return partial
end

--- Forgets a packet whose attachments have not all come.
function Decoder:reset()
  self._partial = nil
end

return packet
