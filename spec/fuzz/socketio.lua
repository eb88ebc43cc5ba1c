--- What the fuzz target "socketio" asserts of packets, and how it reads inputs.
--
-- An input is a byte of settings, then frames: a byte that says what it is, two
-- of its length, and its bytes. Asserted of each packet that the decoder gives:
-- it is within the bounds of its contract; the name and the last string that
-- are read without decoding are those that decoding gives; and what it carries,
-- encoded and decoded once more, is the same. A fault is a line of words.

local core = require "graphsocket.core"
local dump = require "spec.fuzz.dump"
local grammar = require "spec.fuzz.grammar"
local json = require "graphsocket.json"
local packet = require "graphsocket.socketio.packet"

local socketio = {}

local HANDSHAKE = '0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000}'

local decoder, is_broken

local function check_utf8(text)
  assert(core.utf8_valid(text) == (utf8.len(text) ~= nil), "UTF-8 is what Lua takes for it")
end

-- What is known of a payload without decoding it, against what decoding gives.
local function check_shortcuts(p, data, last)
  if p.name then
    local name = data[1]
    if type(name) == "number" then name = ("%.14g"):format(name) end
    assert(name == p.name, "the name is the first of the array")
  end
  if last ~= nil then
    assert(#data > 1 and data[#data] == last, "the last string is the last of the array")
  end
end

local function check_again(p, data)
  local payload, attachments = packet.encode_args(data, #data)
  -- Not everything that can be read may be sent: bytes that are no UTF-8,
  -- numbers that would not be exact.
  if not payload then return end
  local again = packet.decoder(math.huge)
  local copy, message = again:add(packet.encode(p.type, p.namespace, p.id, payload, attachments))
  for _, bytes in ipairs(attachments or {}) do
    assert(copy == nil and message == nil, message)
    copy, message = again:add(bytes, true)
  end
  assert(copy, message)
  assert(copy.type == p.type and copy.namespace == p.namespace and copy.id == p.id and copy.name == p.name)
  local back = packet.data(copy)
  assert(dump(back) == dump(data), "what is sent is what was read")
end

local function describe(p)
  assert(p.type >= packet.CONNECT and p.type <= packet.CONNECT_ERROR)
  assert(p.namespace:sub(1, 1) == "/" and #p.namespace <= packet.MAX_NAMESPACE)
  assert(p.id == nil or p.id >= 0 and p.id <= 2 ^ 53)
  assert(not packet.RESERVED[p.name or ""])
  local size = packet.size(p)
  local is_list = p.type == packet.EVENT or p.type == packet.ACK
  local last = is_list and packet.last_string(p) or nil
  local plain = is_list and (p.value or json.decode(p.text:sub(p.at)))
  if plain then check_shortcuts(p, plain, last) end
  local data, message = packet.data(p)
  if message then
    assert(data == nil and not message:find "%c", "a fault is one line")
    return ("fault in %d: %s"):format(p.type, message)
  end
  if is_list then
    assert(type(data) == "table")
    check_again(p, data)
  end
  return ("%d %s %s %s %d %s"):format(p.type, p.namespace, tostring(p.id), tostring(p.name), size, dump(data))
end

--- Reads an input.
---@param input string
---@return integer version of Engine.IO, 0 if it is to be found out
---@return integer max_payload
---@return table frames whether binary and bytes, by turns
function socketio.begin(input)
  local settings = input:byte() or 0
  local version = ({ 4, 4, 3, 0 })[settings % 4 + 1]
  local max_payload = settings >= 128 and 200 or 100000
  decoder, is_broken = packet.decoder(max_payload), false
  local frames, at = { false, HANDSHAKE }, 2
  while at + 2 <= #input do
    local kind, low, high = input:byte(at, at + 2)
    local length = low + 256 * (high % 16)
    local bytes = input:sub(at + 3, at + 2 + length)
    at = at + 3 + length
    -- Most frames are messages; what is not is of Engine.IO.
    local is_binary = kind % 4 == 1
    if is_binary then
      bytes = (version == 3 and "\4" or "") .. bytes
    elseif kind % 4 ~= 3 then
      bytes = "4" .. bytes
    end
    frames[#frames + 1] = is_binary
    frames[#frames + 1] = bytes
  end
  return version, max_payload, frames
end

--- Decodes a message, as the connection of a socket would.
---@param bytes string
---@param is_binary boolean
---@return string what it is
function socketio.message(bytes, is_binary)
  check_utf8(bytes)
  if is_broken then return "broken" end
  local p, fault = decoder:add(bytes, is_binary)
  if p then return describe(p) end
  is_broken = fault ~= nil
  return fault or "awaits attachments"
end

-- Inputs ----------------------------------------------------------------------

local NAMESPACES = { "", "", "/a,", "/notifications,", "/a?b=c,", "/a", "/," }
local NAMES = { '"notification"', '"a"', '"a\\u0062"', "1", '"connect"', '""', "null", '"\\""' }

local function frame(kind, bytes)
  if #bytes >= 4096 then bytes = bytes:sub(1, 4095) end
  return { kind = kind, bytes = bytes }
end

-- Appends a packet's frames.
local function add_packet(chance, frames)
  local type = chance:upto(8) - 1
  local attachments = type >= 5 and chance:upto(3) - 1 or nil
  local options = { placeholders = attachments }
  local parts = { ("%d"):format(type), attachments and ("%d-"):format(attachments) or "" }
  parts[3] = chance:one_of(NAMESPACES)
  parts[4] = (type % 3 == 0 or chance:once_in(3)) and ("%d"):format(chance:upto(100)) or ""
  if type == 2 or type == 5 then
    parts[5] = ("[%s,%s]"):format(chance:one_of(NAMES), grammar.value(chance, 4, options))
  elseif type == 3 or type == 6 then
    parts[5] = ("[%s]"):format(grammar.value(chance, 4, options))
  elseif type ~= 1 then
    parts[5] = grammar.value(chance, 3, options)
  end
  frames[#frames + 1] = frame(0, table.concat(parts))
  for i = 1, attachments or 0 do
    frames[#frames + 1] = frame(1, ("\0\255b"):rep(i))
  end
end

local function read(input)
  local frames, at = {}, 2
  while at + 2 <= #input do
    local kind, low, high = input:byte(at, at + 2)
    local length = low + 256 * (high % 16)
    frames[#frames + 1] = frame(kind, input:sub(at + 3, at + 2 + length))
    at = at + 3 + length
  end
  return frames
end

local function write(settings, frames)
  local parts = { string.char(settings) }
  for _, f in ipairs(frames) do
    parts[#parts + 1] = string.char(f.kind % 256, #f.bytes % 256, math.floor(#f.bytes / 256)) .. f.bytes
  end
  return table.concat(parts)
end

local CHANGES = {
  function(_, frames, at) table.remove(frames, at) end,
  function(_, frames, at) table.insert(frames, at, frames[at]) end,
  function(chance, frames, at)
    local other = chance:upto(#frames)
    frames[at], frames[other] = frames[other], frames[at]
  end,
  function(chance, frames, at) frames[at] = frame(chance:upto(4) - 1, frames[at].bytes) end,
}

--- Adds packets, or removes, repeats, swaps or retypes frames; once in two
--- times nothing.
---@param input string
---@param max integer
---@param seed integer
---@return string|nil
function socketio.mutate(input, max, seed)
  local chance = grammar.chance(seed)
  if chance:once_in(2) then return nil end
  local frames = read(input)
  if #frames == 0 or chance:once_in(2) then
    add_packet(chance, frames)
  else
    chance:one_of(CHANGES)(chance, frames, chance:upto(#frames))
  end
  local changed = write(input:byte() or 0, frames)
  return #changed <= max and changed or nil
end

return socketio
