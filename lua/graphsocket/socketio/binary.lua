--- Binary values, and their way into packets and out of them.
--
-- A Lua string is text on the wire; bytes are wrapped by `binary.new` and
-- arrive wrapped, so that what was sent as binary is never taken for text.
-- A packet with binary values is sent as JSON in which each of them is replaced
-- by {"_placeholder":true,"num":n}, followed by the values themselves, one
-- websocket message each (socket.io-protocol v5, "Packet encoding";
-- socket.io-parser's binary.ts and is-binary.ts).
--
-- Pure. Tables of the caller are copied, never changed; tables that were just
-- decoded are changed in place.

local binary = {}

--- Deeper tables are left to the JSON codec, which refuses them by the same
--- bound and says why.
local MAX_DEPTH = 1000

local metatable = { __name = "graphsocket.binary" }

-- Without LUAJIT_ENABLE_LUA52COMPAT, LuaJIT asks no table for its __len, but it
-- does ask userdata: there a value is a proxy, and its bytes are beside it.
local newproxy = rawget(_G, "newproxy")
local proxy_bytes = setmetatable({}, { __mode = "k" })
local prototype

-- Elsewhere it is a table, whose key no JSON codec takes for an object's.
local BYTES = {}

local bytes_of
if newproxy then
  prototype = newproxy(true)
  local shared = getmetatable(prototype)
  for name, value in pairs(metatable) do shared[name] = value end
  metatable = shared
  bytes_of = function(value) return proxy_bytes[value] end
else
  bytes_of = function(value) return value[BYTES] end
end

metatable.__tostring = bytes_of
metatable.__len = function(value) return #bytes_of(value) end
metatable.__eq = function(left, right)
  return bytes_of(left) == bytes_of(right)
end

local function wrap(bytes)
  if not newproxy then return setmetatable({ [BYTES] = bytes }, metatable) end
  local value = newproxy(prototype)
  proxy_bytes[value] = bytes
  return value
end

--- Makes a binary value. `tostring(value)` gives the bytes, `#value` their
--- count; two values are equal if their bytes are. Raises if it is no string.
---@param bytes string
---@return table|userdata value
function binary.new(bytes)
  if type(bytes) ~= "string" then
    error("bad argument #1 to 'binary': give the bytes as a string, got "
      .. type(bytes), 2)
  end
  return wrap(bytes)
end

local is
if newproxy then
  is = function(value)
    return type(value) == "userdata" and proxy_bytes[value] ~= nil
  end
else
  is = function(value)
    return type(value) == "table" and getmetatable(value) == metatable
  end
end

--- True for a value that binary.new made, or that was received as binary.
---@param value any
---@return boolean
function binary.is(value)
  return is(value)
end

local function has(value, depth, seen)
  if is(value) then return true end
  if type(value) ~= "table" or seen[value] or depth > MAX_DEPTH then
    return false
  end
  seen[value] = true
  for _, item in next, value do
    if has(item, depth + 1, seen) then return true end
  end
  return false
end

--- True if there is a binary value in |value|, however deep.
---@param value any
---@return boolean
function binary.has(value)
  if type(value) ~= "table" then return is(value) end
  return has(value, 1, {})
end

local function extract(value, list, depth, path)
  if is(value) then
    list[#list + 1] = bytes_of(value)
    return { _placeholder = true, num = #list - 1 }
  end
  if type(value) ~= "table" or depth > MAX_DEPTH or path[value] then
    return value
  end
  path[value] = true
  local copy = {}
  -- With the metatable goes the mark that the table is an array.
  local mark = getmetatable(value)
  if type(mark) == "table" then setmetatable(copy, mark) end
  for key, item in next, value do
    copy[key] = extract(item, list, depth + 1, path)
  end
  path[value] = nil
  return copy
end

--- Copies |value| with every binary value replaced by its placeholder, and
--- appends the bytes to |list|.
---@param value any
---@param list string[]
---@return any
function binary.extract(value, list)
  return extract(value, list, 1, {})
end

local function insert(value, list)
  if type(value) ~= "table" then return value end
  if value._placeholder == true then
    local num = value.num
    local bytes = type(num) == "number" and list[num + 1]
    if not bytes then return nil, "illegal attachments" end
    return wrap(bytes)
  end
  for key, item in next, value do
    if type(item) == "table" then
      local whole, message = insert(item, list)
      if message then return nil, message end
      value[key] = whole
    end
  end
  return value
end

--- Puts the binary values of |list| in the place of their placeholders.
---@param value any just decoded; changed in place
---@param list string[]
---@return any value, or nil and what was wrong
---@return string|nil message
function binary.insert(value, list)
  return insert(value, list)
end

return binary
