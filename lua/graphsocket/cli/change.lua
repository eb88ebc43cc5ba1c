--- A change of a watch as a record, as a line, and as a command's environment.
-- Pure but for the time in a record.

local output = require "graphsocket.cli.output"
local text = require "graphsocket.cli.text"

local change = {}

local function string_or_nil(value)
  return type(value) == "string" and value or nil
end

--- Where the item lies, as "/Documents/report.docx", if the feed says it. It is
--- not said of deleted items, and of a list's.
---@param item table
---@return string|nil
function change.path(item)
  local name = string_or_nil(item.name)
  local parent = type(item.parentReference) == "table" and item.parentReference
  local folder = parent and string_or_nil(parent.path)
  if type(item.root) == "table" then return "/" end
  folder = folder and folder:match("root:(.*)$")
  if not name or not folder then return nil end
  return folder:gsub("/+$", "") .. "/" .. name
end

--- The record of a change, as --json and --exec give it.
---@param item table
---@param context table of the watch's event
---@param resource string
---@return table
function change.record(item, context, resource)
  return output.stamp("change", {
    kind = context.kind, id = string_or_nil(item.id),
    name = string_or_nil(item.name), path = change.path(item),
    folder = type(item.folder) == "table", driveId = context.drive_id,
    resource = resource, round = context.round, item = item,
  })
end

--- The environment of a command that is run for a change.
---@param record table
---@return table
function change.environment(record)
  return {
    GRAPHSOCKET_KIND = record.kind,
    GRAPHSOCKET_ID = record.id or "",
    GRAPHSOCKET_NAME = record.name or "",
    GRAPHSOCKET_PATH = record.path or "",
    GRAPHSOCKET_FOLDER = record.folder and "1" or "",
    GRAPHSOCKET_DRIVE_ID = record.driveId or "",
    GRAPHSOCKET_RESOURCE = record.resource,
    GRAPHSOCKET_ROUND = ("%d"):format(record.round),
  }
end

--- What tells one state of an item from another.
---@param record table
---@return string
function change.key(record)
  local item = record.item
  return table.concat({
    record.kind, record.id or "?",
    string_or_nil(item.eTag) or string_or_nil(item.lastModifiedDateTime) or "",
  }, "\0")
end

--- What a person reads.
---@param record table
---@return string harmless
function change.label(record)
  return text.safe(record.path or record.name or record.id or "?")
    .. (record.folder and record.path ~= "/" and "/" or "")
end

return change
