-- What all sessions share: wires that spoil the network in front of a server by
-- a plan, waiting with a limit, a story of what was told, and saying what is
-- wrong.

local cjson = require "cjson"
local core = require "graphsocket.core"
local engine = require "graphsocket.engine"
local helper = require "spec.helper"
local loop = require "graphsocket.loop"

local session = {}

-- Seconds after which something that should happen has failed to. Many sessions
-- share a processor, and nothing waits that long unless it is broken.
local LIMIT = 12 * helper.TEST_TIMEOUT

local PERIOD = 0.02

local Session = {}
local metatable = { __name = "spec.faults.session", __index = Session }

---@param world table servers, peers, struck
---@param number integer
---@param random table
---@return table
function session.new(world, number, random)
  return setmetatable({
    excuses = 0;  -- connections that the machine is to blame for
    number = number;
    random = random;
    story = {};   -- what was told, in words
    world = world;
    _deadline = core.now() + LIMIT;
    _undo = {};   -- functions
    _wires = {};
  }, metatable)
end

-- Fails unless |ok|.
function Session.check(_, ok, words, ...)   -- luacheck: ignore 212
  if not ok then error(words:format(...), 0) end
end

---@return boolean
function Session:is_late()
  return core.now() > self._deadline
end

-- Waits until condition() is true. Only this session waits.
---@param condition function
---@param what string|function what is waited for
function Session:await(condition, what)
  while true do
    local value = condition()
    if value then return value end
    if self:is_late() then
      if type(what) == "function" then what = what() end
      error("waited in vain until " .. what, 0)
    end
    loop.sleep(PERIOD)
  end
end

-- Has a function called at the end, also of a session that fails.
function Session:finally(fn)
  table.insert(self._undo, 1, fn)
end

function Session:finish()
  for _, fn in ipairs(self._undo) do fn() end
end

-- What says that the machine was slow, or that the client has looked for the
-- reason of a failure by a connection of its own.
local EXCUSES = {
  "timeout", "not connected after", "did not answer", "code PROXY",
  "code CONNECT",
}

-- Adds to the story.
function Session:note(event, what)
  local words = what == nil and event or event .. ": " .. tostring(what)
  table.insert(self.story, words)
  for _, excuse in ipairs(EXCUSES) do
    if words:find(excuse, 1, true) then
      self.excuses = self.excuses + 1
      return
    end
  end
end

-- Has a story of these events.
function Session:follow(emitter, events)
  for _, event in ipairs(events) do
    emitter:on(event, function(what) self:note(event, what) end)
  end
end

local Wire = {}
local wire_metatable = { __index = Wire }

local function post(self, path, fields)
  local answer = assert(engine.request {
    url = self.session.world.peers .. "/wires/" .. path;
    method = "POST";
    headers = "Content-Type: application/json\r\n";
    body = cjson.encode(fields);
    timeout = LIMIT;
  })
  if answer.status ~= 200 then error(path .. ": " .. answer.body, 0) end
  return cjson.decode(answer.body)
end

-- Puts a wire in front of a port.
---@param port integer
---@param plan table
---@return table wire port
function Session:wire(port, plan)
  local wire = setmetatable({ session = self, planned = #plan }, wire_metatable)
  local made = post(wire, "launch", { port = port, plan = plan })
  wire.id, wire.port = made.id, made.port
  table.insert(self._wires, wire)
  self:finally(function() wire:close() end)
  return wire
end

---@return table counters planned, clean, struck.<name>
function Wire:counters()
  return post(self, "report", { id = self.id }).counters
end

-- Checks how many connections came when the plan was at its end. Nobody but the
-- session knows the port (listenApart of spec/support/common/listen.js).
---@param most integer
function Wire:check_clean(most)
  local report = post(self, "report", { id = self.id })
  local clean = report.counters.clean or 0
  local heads = {}
  for i, head in ipairs(report.heads) do heads[i] = ("%q"):format(head) end
  self.session:check(clean <= most, "%d faultless connections were made, where %d are accounted for:\n    %s",
    clean, most, table.concat(heads, "\n    "))
end

-- Whether the plan is at its end.
function Wire:is_clean()
  if not self._is_clean then
    self._is_clean = (self:counters().clean or 0) > 0
  end
  return self._is_clean
end

-- Counts what has struck, and removes it.
function Wire:close()
  local struck = self.session.world.struck
  for name, count in pairs(self:counters()) do
    local kind = name:match "^struck%.(.*)"
    if kind then struck[kind] = (struck[kind] or 0) + count end
  end
  post(self, "close", { id = self.id })
end

return session
