-- The Graph simulator (spec/support/simulator) for a Lua spec: one process a
-- spec file, its control port as functions, and clients that know it.

local cjson = require "cjson"
local engine = require "graphsocket.engine"
local helper = require "spec.helper"

local M = {}

local simulator = {}
local metatable = { __name = "spec.simulator", __index = simulator }

-- Starts one. Fields of its ready line (graph, login, token, ids, ca …) are
-- fields of the object.
---@param ... string arguments, as of `node spec/support/simulator --help`
---@return table
function M.start(...)
  local service = helper.service("simulator/index.js", ...)
  local self = { _service = service }
  for name, value in pairs(service.info) do self[name] = value end
  return setmetatable(self, metatable)
end

local function ask(self, method, path, fields)
  local answer = assert(engine.request {
    url = self.control .. path;
    method = method;
    headers = "Content-Type: application/json\r\n";
    body = fields and cjson.encode(fields);
  })
  if answer.status ~= 200 then
    error(("%s %s: %s"):format(method, path, answer.body), 3)
  end
  return cjson.decode(answer.body)
end

-- A control request, as "faults/add".
---@param path string
---@param fields table|nil
---@return table
function simulator:post(path, fields)
  return ask(self, "POST", "/" .. path, fields or {})
end

local drive = {}
local drive_metatable = { __name = "spec.simulator.drive", __index = drive }

-- Makes a drive of its own for a test, with methods that change its items;
-- `fields` as of drives/create.
---@return table id, resource (its path)
function simulator:drive(fields)
  local id = self:post("drives/create", fields).drives[1].drive
  return setmetatable({
    id = id, resource = "/drives/" .. id .. "/root", _sim = self,
  }, drive_metatable)
end

local function change(self, how, fields)
  local all = { drive = self.id }
  for name, value in pairs(fields or {}) do all[name] = value end
  return self._sim:post("items/" .. how, all)
end

---@param fields table|nil of items/create: id, name, count …
---@return string[] ids
function drive:create(fields) return change(self, "create", fields).ids end

---@return number version
function drive:update(id, fields)
  local all = { id = id }
  for name, value in pairs(fields or {}) do all[name] = value end
  return change(self, "update", all).version
end

function drive:delete(id) change(self, "delete", { id = id }) end

-- What it saw since the last clear.
---@return table requests, sockets, counters …
function simulator:report()
  return ask(self, "GET", "/report")
end

function simulator:state()
  return ask(self, "GET", "/state")
end

-- The requests seen; of one kind, and whose path contains a text, if they are
-- given. Those of an earlier test that have no end yet are among them.
---@param kind string|nil
---@param text string|nil
function simulator:requests(kind, text)
  local found = {}
  for _, request in ipairs(self:report().requests) do
    if (not kind or request.kind == kind)
      and (not text or request.path:find(text, 1, true)) then
      found[#found + 1] = request
    end
  end
  return found
end

-- Makes the next request of a kind go wrong.
function simulator:fault(rule)
  return self:post("faults/add", rule)
end

-- Forgets faults and reports, and mends what a test broke.
function simulator:reset()
  self:post "faults/clear"
  self:post "report/clear"
end

-- A client of this Graph; `opts` are options of graphsocket.new.
function simulator:client(opts)
  local all = { base_url = self.graph; token = self.token; ca_file = self.ca }
  for name, value in pairs(opts or {}) do all[name] = value end
  return require("graphsocket").new(all)
end

function simulator:stop()
  self._service:stop()
end

return M
