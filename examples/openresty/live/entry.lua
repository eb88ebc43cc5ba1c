--- From an item of the drive to what the page shows of it.
--
-- Pure but for the names of items: a deleted item comes as its id and nothing
-- else, so what it was called is remembered in a shared dict that forgets
-- what was not asked for in the longest time.

local cjson = require "cjson.safe"

local entry = {}

local names = ngx.shared.names

-- Longest text that is passed on, in bytes. Names have 255 characters at most.
local LONGEST = 1024

-- Cuts between characters, not in one.
local function cut(text)
  if type(text) ~= "string" or #text <= LONGEST then return text end
  return text:sub(1, LONGEST):gsub("[\192-\255][\128-\191]*$", "") .. "…"
end

-- The folder that an item is in: parentReference.path is percent-encoded, and
-- begins with "/drives/<id>/root:".
local function folder_of(item)
  local parent = item.parentReference
  local path = type(parent) == "table" and parent.path
  if type(path) ~= "string" then return nil end
  path = path:gsub("^.-root:", ""):gsub("%%(%x%x)", function(hex)
    return string.char(tonumber(hex, 16))
  end)
  return cut(path == "" and "/" or path)
end

-- A person, an application or a device.
local function who(item)
  local by = item.lastModifiedBy
  if type(by) ~= "table" then return nil end
  for _, kind in ipairs { "user", "application", "device" } do
    local identity = by[kind]
    if type(identity) == "table" and type(identity.displayName) == "string" then
      return cut(identity.displayName)
    end
  end
end

local function recall(id)
  return cjson.decode(names:get(id) or "{}") or {}
end

--- What the page shows, or nil for the drive's own root, which is said to have
--- changed with everything in it.
---@param item table a driveItem
---@param kind string "created" "updated" "deleted"
---@return table|nil at (epoch seconds), modified (as Graph writes it), and text:
---  item (its id), kind, name, folder, by; is_folder
function entry.new(item, kind)
  if item.root then return nil end
  local about = {
    name = cut(item.name),
    folder = folder_of(item),
    is_folder = item.folder ~= nil,
  }
  if kind == "deleted" then
    local known = recall(item.id)
    if not about.name then about = known end
    names:delete(item.id)
  else
    names:set(item.id, cjson.encode(about))
  end
  return {
    at = ngx.now(),
    modified = kind ~= "deleted" and item.lastModifiedDateTime or nil,
    item = item.id,
    kind = kind,
    name = about.name,
    folder = about.folder,
    is_folder = about.is_folder or false,
    by = who(item),
  }
end

return entry
