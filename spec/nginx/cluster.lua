-- A real nginx whose workers share events, for specs: `run` does what the spec
-- asks for, and each worker notes what its handlers got, in a dict of its own.

local cjson = require "cjson"
local helper = require "spec.helper"
local nginx = require "spec.nginx"

local M = { missing = nginx.missing }

local TTL = 3 -- seconds

-- %s: more code, which changes the options of start.
local INIT_WORKER = [[
local graphsocket = require "graphsocket"
local graphsocket_nginx = require "graphsocket.nginx"
local json = require "cjson"
local seen, pid = ngx.shared.seen, ngx.worker.pid()
local function note(what, value)
  local name = what .. pid
  seen:set(name .. ":" .. seen:incr(name .. ":count", 1, 0), json.encode(value))
end
graphsocket_nginx.on("change", function(...) note("got", ...) end)
graphsocket_nginx.on("stats", function()
  seen:set("stats" .. pid, json.encode(graphsocket_nginx.stats()))
end)
local function run(share)
  note("owned", pid)
  while share:is_active() do
    local command = seen:lpop "commands"
    if command then share(unpack(json.decode(command))) end
    graphsocket.sleep(command and 0 or 0.01)
  end
end
local options = { dict = "events", ttl = %d, run = run }
%s
assert(graphsocket_nginx.start(options))
]]

local HTTP = [[
lua_shared_dict events %s;
lua_shared_dict seen 10m;
client_body_buffer_size 1m;
]]

local DUMP = [[
local function dump(dict)
  local found = {}
  for _, key in ipairs(dict and dict:get_keys(0) or {}) do
    if key ~= "commands" then found[key] = dict:get(key) end
  end
  return found
end
ngx.print(require("cjson").encode {
  seen = dump(ngx.shared.seen), events = dump(ngx.shared.events),
})
]]

local STATS = [[
ngx.print(require("cjson").encode(require("graphsocket.nginx").stats()))
]]

local COMMAND = [[
ngx.req.read_body()
ngx.shared.seen:rpush("commands", ngx.req.get_body_data())
]]

local cluster = {}
local metatable = { __name = "spec.nginx.cluster", __index = cluster }

---@param settings table|nil workers (2), code (Lua in init_worker: changes
---  `options`), dict (its size, "1m"; "" for none), try (Lua of the location
---  /try), nginx (fields of spec.nginx)
---@return table
function M.start(settings)
  local given = settings or {}
  local all = {
    workers = 2;
    init_worker = INIT_WORKER:format(TTL, given.code or "");
    http = (given.dict == "" and HTTP:gsub("^[^\n]*\n", "")
      or HTTP:format(given.dict or "1m")) .. (given.http or "");
    locations = {
      ["/dump"] = DUMP, ["/command"] = COMMAND, ["/stats"] = STATS, ["/try"] = given.try,
    };
  }
  for name, value in pairs(given.nginx or {}) do all[name] = value end
  all.workers = given.workers or 2
  local self = setmetatable({ nginx = nginx.start(all), ttl = TTL }, metatable)
  if given.dict ~= "" then self:until_joined(all.workers) end
  return self
end

---@return table seen, events: the dicts
function cluster:dump()
  return cjson.decode((self.nginx:get "/dump"))
end

-- What the workers noted: by default, what their handlers got.
---@param what string|nil
---@return table pid -> list
function cluster:got(what)
  local found, seen = {}, self:dump().seen
  local pattern = "^" .. (what or "got") .. "(%d+):count$"
  for key, count in pairs(seen) do
    local pid = key:match(pattern)
    if pid then
      local list = {}
      for n = 1, count do
        -- The count is raised a moment earlier.
        local text = seen[key:gsub("count$", ("%d"):format(n))]
        if text then list[n] = cjson.decode("[" .. text .. "]")[1] end
      end
      found[tonumber(pid)] = list
    end
  end
  return found
end

-- Has the owner publish.
function cluster:publish(...)
  local response = assert(require("graphsocket.engine").request {
    url = self.nginx:url "/command"; method = "POST"; body = cjson.encode { ... };
  })
  assert(response.status == 200, response.body)
end

---@return integer|nil pid
function cluster:owner()
  local entry = self:dump().events["gs:owner"]
  return entry and tonumber(entry:match "^%d+")
end

-- Waits until so many workers can be told of news.
function cluster:until_joined(count)
  helper.eventually(function()
    local joined, events = 0, self:dump().events
    for _, pid in ipairs(self.nginx:workers()) do
      for id = 0, count - 1 do
        local place = events["gs:bell" .. id]
        if place and tonumber(place:match "^%d+") == pid then joined = joined + 1 end
      end
    end
    return joined == count
  end, "all workers are there")
end

-- Waits until somebody owns who is not `other`.
---@return integer pid
function cluster:until_owner(other)
  local pid
  helper.eventually(function()
    pid = self:owner()
    return pid and pid ~= other
  end, "a worker owns")
  return pid
end

-- Waits until all workers there have got exactly this.
function cluster:until_got(expected)
  local got
  local ok = pcall(helper.eventually, function()
    got = self:got()
    for _, pid in ipairs(self.nginx:workers()) do
      if cjson.encode(got[pid] or {}) ~= cjson.encode(expected) then return false end
    end
    return true
  end)
  if ok then return end
  local lists = {}
  for pid, list in pairs(got) do lists[tostring(pid)] = list end
  error(("expected %s, got %s"):format(cjson.encode(expected), cjson.encode(lists)), 2)
end

-- stats() of the worker that happens to answer.
---@return table
function cluster:any_stats()
  return cjson.decode((self.nginx:get "/stats"))
end

-- Each worker's stats(); `run` must be the one of this file.
---@return table pid -> stats
function cluster:stats()
  self:publish "stats"
  local found
  helper.eventually(function()
    found = {}
    for key, text in pairs(self:dump().seen) do
      local pid = key:match "^stats(%d+)$"
      if pid then found[tonumber(pid)] = cjson.decode(text) end
    end
    for _, pid in ipairs(self.nginx:workers()) do
      if not found[pid] then return false end
    end
    return true
  end, "every worker tells its stats")
  return found
end

function cluster:stop()
  self.nginx:stop()
end

return M
