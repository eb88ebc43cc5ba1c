--- A value as text: two that mean the same to a program give the same text.

local binary = require "graphsocket.socketio.binary"
local json = require "graphsocket.json"

local function dump(value)
  if value == json.null then return "null" end
  if binary.is(value) then return "binary " .. tostring(value) end
  if type(value) == "number" then return ("%.17g"):format(value) end
  if type(value) ~= "table" then return type(value) .. " " .. tostring(value) end
  local parts = {}
  for key, item in pairs(value) do
    parts[#parts + 1] = type(key) .. " " .. tostring(key) .. " = " .. dump(item)
  end
  -- An empty list is not told from an empty object, here as in graphsocket.json.
  table.sort(parts)
  return "{ " .. table.concat(parts, "; ") .. " }"
end

return dump
