--- Arguments of events for the eye and for JSON. Bytes, which JSON has not, are
--- {"$binary": "base64"}.

local base64 = require "graphsocket.base64"
local json = require "graphsocket.json"
local socketio = require "graphsocket.socketio"
local text = require "graphsocket.cli.text"

local value = {}

--- A copy that JSON can hold.
---@param given any
---@return any
function value.plain(given)
  if socketio.is_binary(given) then
    return { ["$binary"] = base64.encode(tostring(given)) }
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
