-- Keeps a list of all items of a document library in a file: id, path and eTag, a
-- line each, sorted. The file is always whole, and as new as the last round.
--
--   scripts/example mirror_list lua5.4 "$(mktemp -u)" 4      against the Graph simulator
--   GRAPH_TOKEN=... lua5.4 examples/mirror_list.lua library.list 0 [resource]
--
-- It ends after so many changes; 0: never. Its place in the feed is beside the
-- list, in library.list.state, and is stored after it: a crash between the two
-- costs the same changes again, and they change nothing the second time.

local graphsocket = require "graphsocket"

local path = arg[1] or error("give the file of the list", 0)
local left = tonumber(arg[2] or 0)
if left == 0 then left = math.huge end

local items = {} -- id -> line
local seen = {}  -- id -> true: since the feed began anew
local old = io.open(path)
for line in (old and old:read "*a" or ""):gmatch "[^\n]+" do items[line:match "^[^\t]+"] = line end
if old then old:close() end

local client = graphsocket.new {
  token = os.getenv "GRAPH_TOKEN",
  base_url = os.getenv "GRAPH_BASE_URL",
  ca_file = os.getenv "GRAPH_CA_FILE",
}

local watch = assert(client:watch(arg[3] or "/me/drive/root", {
  state = path .. ".state", from = "beginning",
}))

watch:on("change", function(item)
  local folder = item.parentReference and item.parentReference.path or ""
  local name = (folder .. "/" .. (item.name or "")):gsub("%c", "?")
  items[item.id] = not item.deleted and table.concat({ item.id, name, item.eTag }, "\t") or nil
  seen[item.id] = true
end)

-- The feed will show everything that there is; what it does not show is gone.
watch:on("resync", function() seen = {} end)

watch:on("commit", function(summary)
  local lines = {}
  for id, line in pairs(items) do
    if summary.resync and not seen[id] then items[id] = nil else lines[#lines + 1] = line .. "\n" end
  end
  table.sort(lines)
  local file = assert(io.open(path .. ".new", "w"))
  assert(file:write(table.concat(lines)) and file:close() and os.rename(path .. ".new", path))
  left = left - summary.items
end)

watch:on("sync", function() if left <= 0 then watch:close() end end)
watch:on("error", function(err) io.stderr:write(tostring(err), "\n") end)

graphsocket.run()
