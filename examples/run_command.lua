-- Runs a command when something in a drive has changed: once for a burst of
-- changes, again if it fails, and never for nothing.
--
--   scripts/example run_command lua5.4 cat 3      against the Graph simulator
--   GRAPH_TOKEN=... lua5.4 examples/run_command.lua COMMAND 0 drive.state [resource]
--
-- It ends after so many changes; 0: never. The command gets the changed items on
-- its standard input, a JSON object a line, and how many they are in
-- GRAPH_CHANGES. The name of a file never becomes a word of the shell: people
-- call their files "; rm -rf ~".

local cjson = require "cjson"
local graphsocket = require "graphsocket"

local command = arg[1] or error("give the command to run", 0)
local left = tonumber(arg[2] or 0)
if left == 0 then left = math.huge end

local client = graphsocket.new {
  token = os.getenv "GRAPH_TOKEN",
  base_url = os.getenv "GRAPH_BASE_URL",
  ca_file = os.getenv "GRAPH_CA_FILE",
}

local watch = assert(client:watch(arg[4] or "/me/drive/root", {
  state = arg[3],
  quiet = 1, max_wait = 30, -- seconds: what a burst is
}))

-- By id: an item that is delivered again is still one.
local changed = {}

watch:on("change", function(item, context)
  changed[item.id] = cjson.encode { id = item.id, name = item.name, kind = context.kind }
end)

-- Before the place is stored: if this raises, the same changes come again.
watch:on("commit", function()
  local path, count = os.tmpname(), 0
  local file = assert(io.open(path, "w"))
  for _, line in pairs(changed) do
    assert(file:write(line, "\n"))
    count = count + 1
  end
  assert(file:close())
  -- May take its time: the connection is kept by another thread.
  local ok = os.execute(("exec <%s; export GRAPH_CHANGES=%d\n%s"):format(path, count, command))
  os.remove(path)
  if ok ~= true and ok ~= 0 then error("the command failed", 0) end
  changed, left = {}, left - count
end)

watch:on("sync", function() if left <= 0 then watch:close() end end)
watch:on("error", function(err) io.stderr:write(tostring(err), "\n") end)

graphsocket.run()
