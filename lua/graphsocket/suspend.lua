--- Who wants to know that the machine was suspended.
--
-- The core's clock event says that it was, or that the clock was set, which
-- cannot be told apart and asks for the same: look whether something was
-- missed. The engine calls notice(); those who watch are referenced weakly.

local loop = require "graphsocket.loop"

local suspend = {}

local watching = setmetatable({}, { __mode = "k" })

--- Has object:_on_resume() called at each resume. It must not wait.
---@param object table
function suspend.watch(object)
  watching[object] = true
end

--- Takes it back.
---@param object table
function suspend.forget(object)
  watching[object] = nil
end

--- The machine was suspended, or its clock set.
function suspend.notice()
  local list = {}
  for object in pairs(watching) do list[#list + 1] = object end
  for _, object in ipairs(list) do loop.call(object._on_resume, object) end
end

return suspend
