-- What an emitter told, for specs: every event with its arguments, in the order
-- in which they came. spec/subscriber.lua and spec/watcher.lua build on it.

local M = {}

local recorder = {}

-- A class of recorders: its methods, to which more may be added, and a
-- metatable for its objects.
---@param name string of the metatable
---@return table methods
---@return table metatable
function M.class(name)
  local methods = {}
  for method, fn in pairs(recorder) do methods[method] = fn end
  return methods, { __name = name, __index = methods }
end

-- Records an event: {name, arguments…} in the field `events`.
function recorder:record(...)
  self.events[#self.events + 1] = { ... }
end

-- The first arguments of all events of a name, in order.
---@param name string
---@return table
function recorder:all(name)
  local found = {}
  for _, event in ipairs(self.events) do
    if event[1] == name then found[#found + 1] = event[2] == nil and true or event[2] end
  end
  return found
end

---@return integer
function recorder:count(name)
  return #self:all(name)
end

function recorder:forget()
  self.events = {}
end

return M
