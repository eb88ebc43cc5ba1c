-- The client of a soak (spec/soak/run.mjs): what a program might do in months,
-- in an hour. Plain and in an nginx worker alike:
--
--   require "spec.soak.client" "CONFIGURATION.json"
--
-- For each drive a watch, which mirrors it, and a subscription; beside them
-- sockets, subscriptions and watches that come and go, and garbage, so that the
-- collector always runs. Told by the configuration's `command` file: "run", "rest" (only
-- the watches and subscriptions stay), or "end". What it has is in the `status`
-- file, once a second.

local graphsocket = require "graphsocket"
local json = require "graphsocket.json"

local function read(path)
  local file = io.open(path, "rb")
  local text = file and file:read "*a"
  if file then file:close() end
  return text
end

local function write(path, text)
  local file = assert(io.open(path .. ".new", "wb"))
  assert(file:write(text))
  assert(file:close())
  assert(os.rename(path .. ".new", path))
end

local config, client
local command = "run"
local lasting = {}  -- watches and subscriptions that stay
local watching = {} -- drive -> its watch
local mirror = {}   -- drive -> item id -> eTag
local counts = {
  changes = 0, syncs = 0, resyncs = 0, notifications = 0, renewals = 0,
  connects = 0, errors = 0, opened = 0, unanswered = 0,
}
local busy = 0      -- tasks in the middle of something

local function count(name)
  return function() counts[name] = counts[name] + 1 end
end

local function options(more)
  local all = { reconnection_delay = 0.5, reconnection_delay_max = 4, lead = 20 }
  for name, value in pairs(more or {}) do all[name] = value end
  return all
end

local function follow(each)
  each:on("connect", count "connects")
  each:on("renew", count "renewals")
  each:on("error", count "errors")
  lasting[#lasting + 1] = each
end

local function keep_drive(number, drive)
  local resource = "/drives/" .. drive .. "/root"
  local watch = assert(client:watch(resource, options {
    from = "beginning", state = ("%s/%d.state"):format(config.folder, number),
  }))
  mirror[drive], watching[drive] = {}, watch
  watch:on("change", function(item)
    counts.changes = counts.changes + 1
    if not item.root then mirror[drive][item.id] = not item.deleted and item.eTag or nil end
  end)
  watch:on("resync", function()
    counts.resyncs, mirror[drive] = counts.resyncs + 1, {}
  end)
  watch:on("sync", count "syncs")
  follow(watch)
  local subscription = client:subscribe(resource, options())
  subscription:on("notification", count "notifications")
  follow(subscription)
end

-- What comes and goes -----------------------------------------------------------

local function open_socket(resource)
  local endpoint = client:endpoint(resource)
  if not endpoint then return end
  local socket = endpoint:open()
  for _ = 1, 20 do
    if socket.connected then break end
    graphsocket.sleep(0.1)
  end
  return socket
end

local coming = {
  function(resource)
    local socket = open_socket(resource)
    if socket then socket:disconnect() end
  end,
  function(resource) -- one that nothing but its own handler refers to
    local endpoint = client:endpoint(resource)
    local socket = endpoint and endpoint:open { timeout = 5, reconnection = false }
    if not socket then return end
    socket:on("connect", function() socket:close() end)
    socket:on("connect_error", function() socket:close() end)
  end,
  function(resource)
    local socket = open_socket(resource)
    if not socket then return end
    if not socket:timeout(0.3):emit_with_ack("nobody answers", ("x"):rep(1000)) then
      counts.unanswered = counts.unanswered + 1
    end
    socket:close()
  end,
  function(resource)
    local subscription = client:subscribe(resource, options())
    graphsocket.sleep(math.random())
    subscription:close()
  end,
  function(resource)
    local watch = client:watch(resource, options { from = "beginning" })
    watch:on("error", count "errors") -- nonsense for a page is told loudly else
    graphsocket.sleep(math.random())
    watch:close()
  end,
}

local function come_and_go()
  while command ~= "end" do
    if command == "run" then
      busy = busy + 1
      local drive = config.drives[math.random(#config.drives)]
      coming[math.random(#coming)]("/drives/" .. drive .. "/root")
      counts.opened = counts.opened + 1
      busy = busy - 1
    end
    graphsocket.sleep(0.2)
  end
end

local function litter()
  while command ~= "end" do
    local heap = {}
    for i = 1, 2000 do heap[i] = { ("%d"):format(i):rep(20), heap } end
    graphsocket.sleep(0.1)
  end
end

-- What it has -------------------------------------------------------------------

local function tell()
  local ready = 0
  for _, each in ipairs(lasting) do
    if each.connected and each.state == "joined" then ready = ready + 1 end
  end
  -- LuaJIT counts the code that it has compiled as memory, and compiles on and on
  -- up to its own limit (maxtrace): no leak, but it would hide one.
  local jit = rawget(_G, "jit")
  if jit and command == "rest" then jit.flush() end
  collectgarbage()
  collectgarbage()
  local watches = {}
  for drive, watch in pairs(watching) do
    local stats = watch:stats()
    watches[drive] = ("%s, %s, %d failures, next round in %.1f s, %s"):format(stats.state,
      stats.phase, stats.failures, (stats.next_round_at or 0) - os.time(),
      tostring(stats.last_round_error))
  end
  local status = {
    command = command, busy = busy, ready = ready, mirror = mirror, watches = watches,
    lua_kb = math.floor(collectgarbage "count"),
  }
  for name, value in pairs(counts) do status[name] = value end
  write(config.status, json.encode(status))
end

local function finish()
  for _, each in ipairs(lasting) do each:close() end
  lasting = {}
end

local function listen()
  while command ~= "end" do
    command = read(config.command) or command
    tell()
    graphsocket.sleep(1)
  end
  finish()
end

return function(path)
  config = json.decode(assert(read(path)))
  math.randomseed(config.seed)
  client = graphsocket.new {
    base_url = config.graph, token = config.token, ca_file = config.ca, timeout = 5, retries = 1,
  }
  for number, drive in ipairs(config.drives) do keep_drive(number, drive) end
  for _ = 1, 3 do graphsocket.spawn(come_and_go) end
  graphsocket.spawn(litter)
  graphsocket.spawn(listen)
end
