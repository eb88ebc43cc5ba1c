--- graphsocket in nginx: one worker talks to Graph, every worker has the events.
--
--   init_worker_by_lua_block {
--     local graphsocket_nginx = require "graphsocket.nginx"
--     graphsocket_nginx.on("change", function(item) … end)
--     graphsocket_nginx.start { dict = "graphsocket", run = function(share)
--       return client:watch("/me/drive/root", { state = … })
--     end }
--   }
--
-- Behind this face, each with its own idea: lease.lua (who owns), journal.lua
-- (the events in the dict), delivery.lua (to this worker's handlers), members.lua
-- (the workers and their bells), pace.lua (waiting for slow ones),
-- ownership.lua and share.lua (what the owner does), portable.lua (what may lie
-- in a dict), supervisor.lua (nginx's timers), memory.lua (without a dict), and
-- worker.lua, which ties them together.

require "graphsocket.abi"

local emitter = require "graphsocket.socketio.emitter"
local engine = require "graphsocket.engine"
local loop = require "graphsocket.loop"
local memory = require "graphsocket.nginx.memory"
local options = require "graphsocket.options"
local supervisor = require "graphsocket.nginx.supervisor"
local worker = require "graphsocket.nginx.worker"

local nginx = {}

---@class graphsocket.nginx.options
---@field dict string name of a `lua_shared_dict`, best one that nothing else uses
---@field run fun(share: graphsocket.nginx.share) called in a task by the worker that owns; forwards the
---  subscriptions and watches that it returns; called again, later and later, if it raises or returns nil and an error
---@field ttl? number after which an owner that has crashed is replaced
---@field max_events? integer events that the dict keeps for workers that are behind

--- The options of start.
nginx.options = {
  dict = {
    type = "string",
    required = 'give the name of a dict, as in dict = "graphsocket" for '
      .. "lua_shared_dict graphsocket 1m;",
  },
  run = {
    type = "function",
    required = "give the function that the owner calls, as in run = "
      .. "function(share) return client:watch(…) end",
  },
  ttl = {
    type = "number", default = 15, min = 1, max = 86400, unit = "seconds",
  },
  max_events = {
    type = "number", default = 1024, min = 8, max = 1e6, integer = true,
  },
}

local Handlers = {}
Handlers.__index = Handlers
emitter.extend(Handlers, emitter.methods)

local handlers = emitter.init(setmetatable({}, Handlers))
local current -- {worker, supervisor}

--- Has `fn` called in this worker with what is published as `event`, from now
--- on. Handlers run one at a time, in order, and may wait.
---@param event string
---@param fn fun(...: any)
function nginx.on(event, fn)
  return handlers:on(event, fn) -- so that a mistake is told of at its place
end

--- Takes on() back.
---@param event string
---@param fn function|nil nil: all of the event
function nginx.off(event, fn)
  return handlers:off(event, fn)
end

local function check_place(ngx)
  if not ngx then
    error("graphsocket.nginx.start: this works inside nginx only, in "
      .. "init_worker_by_lua", 3)
  end
  local phase = ngx.get_phase()
  if phase ~= "init_worker" then
    error(("graphsocket.nginx.start: call it in init_worker_by_lua, not in the "
      .. "phase %s"):format(phase), 3)
  end
  if current then
    error("graphsocket.nginx.start: this worker has started already: call it "
      .. "once, with one run that returns all subscriptions and watches", 3)
  end
end

local function dict_of(ngx, name)
  local dict = ngx.shared[name]
  if dict then return dict end
  if ngx.worker.id() == 0 then
    ngx.log(ngx.WARN, ("graphsocket.nginx: there is no shared dict '%s', so "
      .. "every worker runs for itself: add lua_shared_dict %s 1m; to the http "
      .. "block"):format(name, name))
  end
  return memory.new(loop.now)
end

--- Starts this worker's part: in init_worker_by_lua of every worker. Raises on
--- a mistake in the options, in another phase, and when it is called twice.
---@param opts graphsocket.nginx.options
---@return boolean|nil ok
---@return string|nil message nginx's, if it gives no timer
function nginx.start(opts)
  local ngx = rawget(_G, "ngx")
  local checked = options.check("graphsocket.nginx.start", opts, nginx.options)
  check_place(ngx)
  -- The privileged agent serves no request and has no id.
  local id = ngx.worker.id()
  if not id then return true end
  checked.interval = math.min(supervisor.INTERVAL, checked.ttl / 3)
  local this, looks
  this = worker.new({
    dict = dict_of(ngx, checked.dict),
    id = id,
    pid = ngx.worker.pid(),
    warn = function(text) ngx.log(ngx.WARN, text) end,
    bell = function(on_ring)
      return engine.bell(function()
        looks:check()
        on_ring()
      end)
    end,
    ring = engine.ring,
  }, checked, handlers)
  looks = supervisor.new(ngx, checked.interval, {
    look = function() this:look() end,
    leave = function() this:leave() end,
  })
  current = { worker = this, supervisor = looks }
  return looks:start()
end

--- What this worker does, and what all of them know. No secret is among it.
---@return graphsocket.nginx.stats
function nginx.stats()
  if not current then
    error("graphsocket.nginx.stats: call start in init_worker_by_lua first; "
      .. "with lua_code_cache off each request has a Lua state of its own, "
      .. "which knows nothing of it", 2)
  end
  current.supervisor:check()
  return current.worker:stats()
end

--- Ends this worker's part: closes the sources, and gives the ownership up, if
--- it has it. Handlers stay registered. A worker that exits does so by itself.
function nginx.stop()
  if not current then return end
  local old = current
  current = nil
  old.supervisor:stop()
  old.worker:leave()
end

return nginx
