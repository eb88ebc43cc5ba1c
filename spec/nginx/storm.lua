-- Reloads and kills of an nginx that watches a drive of the Graph simulator,
-- while the drive changes all the time; and what is to be said of it afterwards.
-- For storm_spec.lua, and at length for bench/nginx_reloads.

local core = require "graphsocket.core"
local helper = require "spec.helper"
local lfs = require "lfs"
local loop = require "graphsocket.loop"
local nginx = require "spec.nginx"
local simulator = require "spec.simulator"

local M = { missing = nginx.missing }

-- Each change is published with a tag that no other has. A worker writes what
-- its handler gets into a file of its own, which a kill does not lose.
local INIT_WORKER = [[
local graphsocket = require "graphsocket"
local graphsocket_nginx = require "graphsocket.nginx"
local pid = ngx.worker.pid()
local file = assert(io.open(%q .. pid, "w"))
local function write(...)
  file:write(table.concat({ ... }, " "), "\n")
  file:flush()
end
write("from", ngx.shared.events:get "gs:last" or 0)
graphsocket_nginx.on("change", function(tag, name) write(tag, name) end)
local client = graphsocket.new { base_url = %q, token = %q, ca_file = %q }
local count = 0
assert(graphsocket_nginx.start { dict = "events", ttl = %d, run = function(share)
  local watch, err = client:watch("/me/drive/root", { state = %q })
  if not watch then return nil, err end
  share:forward(watch, {})
  watch:on("change", function(item)
    count = count + 1
    share("change", pid .. "-" .. count, item.name or "-")
  end)
end })
]]

local STATS = [[
ngx.print(require("cjson").encode(require("graphsocket.nginx").stats()))
]]

local storm = {}
storm.__index = storm

function storm:stats()
  return require("cjson").decode((self.nginx:get "/stats"))
end

function storm:workers()
  return self.nginx:workers()
end

local function file_of(self, pid)
  return helper.read(("%s/%d"):format(self.folder, pid)) or ""
end

-- A task that changes the drive all the time.
local function change(self)
  while not self.is_over do
    self.created = self.created + 1
    self.graph:post("items/create", { name = ("n%06d"):format(self.created) })
    loop.sleep(self.pause)
  end
  self.load_ended = true
end

-- Waits until the right number of workers run the module.
local function until_ready(self)
  helper.eventually(function()
    local pids = self:workers()
    for _, pid in ipairs(pids) do
      if not file_of(self, pid):find "^from" then return false end
    end
    return #pids == self.count
  end, "the workers have started")
end

-- Seconds until `condition` holds.
local function seconds_until(condition, what)
  local began = core.now()
  helper.eventually(condition, what)
  return core.now() - began
end

local function until_owned(self, other)
  return seconds_until(function()
    local ok, stats = pcall(self.stats, self)
    return ok and stats.owner_pid and stats.owner_pid ~= other
  end, "a worker owns")
end

local function reload(self)
  local old = {}
  for _, pid in ipairs(self:workers()) do old[pid] = true end
  self.nginx:signal "HUP"
  local took = seconds_until(function()
    for _, pid in ipairs(self:workers()) do
      if old[pid] then return false end
    end
    return true
  end, "the old workers have ended")
  self.slowest_end = math.max(self.slowest_end, took)
  until_ready(self)
end

local function kill(self)
  until_owned(self)
  local owner = self:stats().owner_pid
  self.nginx:signal("KILL", owner)
  local took = until_owned(self, owner)
  self.slowest_takeover = math.max(self.slowest_takeover, took)
  until_ready(self)
end

---@param settings table reloads, kills (spread among them), workers (2), ttl
---  (3), pause (seconds between two changes, 0.02), on_step(text)
---@return table
function M.start(settings)
  local self = setmetatable({
    count = settings.workers or 2;
    created = 0;
    folder = helper.scratch "seen";
    graph = simulator.start();
    pause = settings.pause or 0.02;
    settings = settings;
    slowest_end = 0;
    slowest_takeover = 0;
    ttl = settings.ttl or 3;
  }, storm)
  assert(lfs.mkdir(self.folder))
  local graph = self.graph
  self.nginx = nginx.start {
    workers = self.count;
    http = "lua_shared_dict events 1m;";
    init_worker = INIT_WORKER:format(self.folder .. "/", graph.graph, graph.token,
      graph.ca, self.ttl, helper.scratch "state");
    locations = { ["/stats"] = STATS };
    allow = { "exited on signal 9" };
  }
  until_ready(self)
  -- What changes before the first round has found its place is not told of.
  helper.eventually(function()
    local source = self:stats().sources[1]
    return source and source.last_sync_at
  end, "the watch has its place")
  return self
end

function storm:rage()
  local settings = self.settings
  local load = loop.spawn(change, self)
  local kills, step = 0, settings.on_step or function() end
  for n = 1, settings.reloads do
    reload(self)
    step(("reload %d"):format(n))
    while kills * settings.reloads < settings.kills * n do
      kill(self)
      kills = kills + 1
      step(("kill %d"):format(kills))
    end
  end
  self.is_over = true
  helper.eventually(function() return self.load_ended end, "the load ends")
  load:await()
end

-- The last change of all, and that each worker of now has it.
function storm:calm()
  local last = "the last"
  self.graph:post("items/create", { name = last })
  helper.eventually(function()
    for _, pid in ipairs(self:workers()) do
      if not file_of(self, pid):find(last, 1, true) then return false end
    end
    return true
  end, "every worker has the last change")
  self.graph:post("wait", { ["for"] = { sockets = 1, connections = 1 }, timeout = 10000 })
end

-- What a worker's file says: from (number of the newest event at its start),
-- tags in order, names by tag.
local function parse(text)
  local seen = { from = tonumber(text:match "^from (%d+)"), tags = {}, names = {} }
  for tag, name in text:gmatch "\n(%d+%-%d+) ([^\n]*)%f[\n]" do
    seen.tags[#seen.tags + 1], seen.names[tag] = tag, name
  end
  return seen
end

-- Faults of a worker against what all others saw: between two events that it
-- got, and that another got too, nothing is missing, and the order is the same.
local function compare(seen, followers, faults)
  for i = 2, #seen.tags do
    local before, tag = seen.tags[i - 1], seen.tags[i]
    if followers[before] and followers[before] ~= tag then
      faults[#faults + 1] = ("after %s came %s, elsewhere %s"):format(before, tag,
        followers[before])
    end
    followers[before] = tag
  end
end

-- Names that were told more than once: how many, and how many of these by one
-- owner, which nothing excuses.
local function count_twice(names)
  local owners, twice, excessive = {}, 0, 0
  for tag, name in pairs(names) do
    local owner = tag:match "^%d+"
    if owners[name] then
      twice = twice + 1
      if owners[name][owner] then excessive = excessive + 1 end
    end
    owners[name] = owners[name] or {}
    owners[name][owner] = true
  end
  return owners, twice, excessive
end

---@return table figures; faults: list of texts
function storm:judge()
  local followers, names, faults, files = {}, {}, {}, 0
  local last = self:stats().published
  for pid in lfs.dir(self.folder) do
    if tonumber(pid) then
      files = files + 1
      local seen = parse(file_of(self, tonumber(pid)))
      compare(seen, followers, faults)
      for tag, name in pairs(seen.names) do names[tag] = name end
      for _, living in ipairs(self:workers()) do
        if living == tonumber(pid) and #seen.tags ~= last - seen.from then
          faults[#faults + 1] = ("worker %s has %d events of %d"):format(pid, #seen.tags,
            last - seen.from)
        end
      end
    end
  end
  local told, twice, excessive = count_twice(names)
  for n = 1, self.created do
    local name = ("n%06d"):format(n)
    if not told[name] then faults[#faults + 1] = name .. " was told to nobody" end
  end
  if excessive > 0 then faults[#faults + 1] = excessive .. " twice by one owner" end
  return {
    changes = self.created + 1;
    faults = faults;
    files = #self.nginx:files();
    processes = files;
    slowest_end = self.slowest_end;
    slowest_takeover = self.slowest_takeover;
    takeovers = self:stats().takeovers;
    ttl = self.ttl;
    twice = twice;
    workers = #self:workers();
  }
end

function storm:stop()
  self.nginx:stop()
  self.graph:stop()
end

return M
