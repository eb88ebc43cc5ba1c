--- Arguments of events for the eye and for JSON. Bytes, which JSON has not, are
--- {"$binary": "base64"}.

local json = require "graphsocket.json"
local socketio = require "graphsocket.socketio"
local text = require "graphsocket.cli.text"

local value = {}

local ALPHABET =
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

--- RFC 4648, 4.
---@param bytes string
---@return string
function value.base64(bytes)
  local out = {}
  for i = 1, #bytes, 3 do
    local a, b, c = bytes:byte(i, i + 2)
    local bits = a * 65536 + (b or 0) * 256 + (c or 0)
    local word = ""
    for shift = 18, 0, -6 do
      local index = math.floor(bits / 2 ^ shift) % 64
      word = word .. ALPHABET:sub(index + 1, index + 1)
    end
    out[#out + 1] = c and word or b and word:sub(1, 3) .. "="
      or word:sub(1, 2) .. "=="
  end
  return table.concat(out)
end

--- A copy that JSON can hold.
---@param given any
---@return any
function value.plain(given)
  if socketio.is_binary(given) then
    return { ["$binary"] = value.base64(tostring(given)) }
  end
  if type(given) ~= "table" then return given end
  local copy = {}
  for key, inner in pairs(given) do copy[key] = value.plain(inner) end
  return json.is_array(given) and json.array(copy) or copy
end

--- A list of arguments that JSON can hold.
---@param ... any
---@return table array
function value.list(...)
  local list = json.array()
  for i = 1, select("#", ...) do
    local given = select(i, ...)
    list[i] = given == nil and json.null or value.plain(given)
  end
  return list
end

--- Arguments for the eye: JSON, one after the other, harmless.
---@param ... any
---@return string
function value.show(...)
  local words = {}
  for i, given in ipairs(value.list(...)) do
    local ok, word = pcall(json.encode, given)
    words[i] = text.safe(ok and word or tostring(given))
  end
  return table.concat(words, "  ")
end

return value
