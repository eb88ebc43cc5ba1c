-- Logs every change of a drive, a line each: at least once, whatever is
-- restarted, killed or unplugged in between.
--
--   scripts/example log_changes lua5.4 3      against the Graph simulator
--   GRAPH_TOKEN=... lua5.4 examples/log_changes.lua 0 drive.state [resource]
--
-- It ends after so many changes; 0: never. Its place in the feed of changes is
-- in the state file: with it, it goes on after a restart where it was. A line may
-- come twice after a crash: whoever reads the log must bear that.

local graphsocket = require "graphsocket"

local left = tonumber(arg[1] or 0)
if left == 0 then left = math.huge end

local client = graphsocket.new {
  token = os.getenv "GRAPH_TOKEN",
  base_url = os.getenv "GRAPH_BASE_URL",
  ca_file = os.getenv "GRAPH_CA_FILE",
}

local watch = assert(client:watch(arg[3] or "/me/drive/root", { state = arg[2] }))

local function log(...)
  io.write(os.date "!%Y-%m-%dT%H:%M:%SZ", "\t", table.concat({ ... }, "\t"), "\n")
  io.flush()
end

watch:on("change", function(item, context)
  local folder = item.parentReference and item.parentReference.path or ""
  local path = item.name and folder .. "/" .. item.name or ""
  log(context.kind, item.id, (path:gsub("%c", "?")))
end)

-- The place is stored: what was logged does not come again.
watch:on("sync", function(summary)
  left = left - summary.items
  if left <= 0 then watch:close() end
end)

watch:on("resync", function(reason) log("resync", reason) end)
watch:on("error", function(err) log("error", tostring(err)) end)
watch:on("state", function(name) log("state", name) end)

graphsocket.run()
