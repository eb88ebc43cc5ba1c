--- Who listens to what: the lists of handlers of a socket or a manager.
--
-- The rules are those of @socket.io/component-emitter: handlers run in the
-- order in which they were registered, the same function may be registered
-- twice, `off` with a function removes one registration of it, and what a
-- handler registers or removes has no effect on the event that is being
-- delivered.
--
-- When and in which task handlers run is decided by the owner of the lists. A
-- list is never changed once it is made: each change makes a new one, so that a
-- delivery can walk its list while handlers come and go, without a copy for
-- every event.
--
-- An owner that gets an event only while somebody listens to it has a method
-- _on_listeners_changed(): it is called after each change.

local loop = require "graphsocket.loop"

local emitter = {}

local Emitter = {}

--- The methods of a class that is an emitter.
emitter.methods = Emitter

--- Copies methods into a class.
---@param class table
---@param ... table emitter.methods, emitter.any_methods
function emitter.extend(class, ...)
  for i = 1, select("#", ...) do
    for name, method in pairs((select(i, ...))) do class[name] = method end
  end
end

--- Gives |object| the fields that the methods need.
---@param object table
---@return table object
function emitter.init(object)
  object._listeners = {}         -- event name -> list of entries
  object._any = false            -- list of functions, or false
  object._any_outgoing = false   -- list of functions, or false
  return object
end

-- An entry is the function itself, or, of `once`, a table around it: the table
-- is also the mark by which a delivery knows that it must be removed first.
local function function_of(entry)
  return type(entry) == "table" and entry.handler or entry
end

local function with(list, entry, first)
  local copy = {}
  if first then copy[1] = entry end
  for _, other in ipairs(list or {}) do copy[#copy + 1] = other end
  if not first then copy[#copy + 1] = entry end
  return copy
end

-- Returns |list| without the first entry that is or holds |handler|; false if
-- nothing is left.
local function without(list, handler)
  local copy, found = {}, false
  for _, entry in ipairs(list or {}) do
    if not found and (entry == handler or function_of(entry) == handler) then
      found = true
    else
      copy[#copy + 1] = entry
    end
  end
  if #copy == 0 then return false end
  return copy
end

local function set_list(self, event, list)
  self._listeners[event] = list or nil
  if self._on_listeners_changed then self:_on_listeners_changed() end
end

local function check_event(event, method)
  if type(event) == "string" then return end
  -- What "on" gets in the place of a name if it is called with a dot.
  local hint = type(event) == "function" and ": call it with a colon, as in "
    .. "socket:" .. method .. '("name", fn)' or ""
  error(("bad argument #1 to '%s': give the name of the event, got %s%s")
    :format(method, type(event), hint), 3)
end

local function check_handler(handler, index, method)
  if type(handler) ~= "function" then
    error(("bad argument #%d to '%s': give a function to call, got %s")
      :format(index, method, type(handler)), 3)
  end
end

--- Calls |handler| for every |event|. Raises if it is not a function.
---@param event string
---@param handler function
---@return table self
function Emitter:on(event, handler)
  check_event(event, "on")
  check_handler(handler, 2, "on")
  set_list(self, event, with(self._listeners[event], handler))
  return self
end

--- Calls |handler| for the next |event| only.
---@param event string
---@param handler function
---@return table self
function Emitter:once(event, handler)
  check_event(event, "once")
  check_handler(handler, 2, "once")
  set_list(self, event, with(self._listeners[event], { handler = handler }))
  return self
end

--- Removes one handler of an event, all handlers of it, or all of all events.
---@param event string|nil
---@param handler function|nil
---@return table self
function Emitter:off(event, handler)
  if event == nil then
    for name in pairs(self._listeners) do set_list(self, name, nil) end
    return self
  end
  check_event(event, "off")
  if handler ~= nil then check_handler(handler, 2, "off") end
  set_list(self, event,
    handler ~= nil and without(self._listeners[event], handler))
  return self
end

local function functions(list)
  local copy = {}
  for i, entry in ipairs(list or {}) do copy[i] = function_of(entry) end
  return copy
end

--- The handlers of an event, in order; a copy.
---@param event string
---@return function[]
function Emitter:listeners(event)
  check_event(event, "listeners")
  return functions(self._listeners[event])
end

--- Whether an event has a handler.
---@param event string
---@return boolean
function Emitter:has_listeners(event)
  check_event(event, "has_listeners")
  return self._listeners[event] ~= nil
end

-- Removes the entry of a `once`; true if it was still there, and so is this
-- delivery's to call.
local function take_once(self, event, entry)
  local list = self._listeners[event]
  for i = 1, list and #list or 0 do
    if list[i] == entry then
      set_list(self, event, without(list, entry))
      return true
    end
  end
  return false
end

--- Calls the handlers of an event, in the task of the caller. What one of them
--- raises is reported, and the next is called.
---@param event string
---@param ... any
function Emitter:_call(event, ...)
  local list = self._listeners[event]
  for i = 1, list and #list or 0 do
    local entry = list[i]
    if type(entry) == "function" then
      loop.call(entry, ...)
    elseif take_once(self, event, entry) then
      loop.call(entry.handler, ...)
    end
  end
end

--- Calls the handlers of an event until one raises, which is reported, or
--- |goes_on| says no after one. One of `once` is kept until it has returned: for
--- events that come again if they were not dealt with.
---@param goes_on function() -> boolean
---@param event string
---@param ... any
---@return boolean|nil true: all have returned; false: one raised; nil: told to
---  stop
---@return any raised
function Emitter:_call_while(goes_on, event, ...)
  local list = self._listeners[event]
  for i = 1, list and #list or 0 do
    local entry = list[i]
    local ok, raised = loop.call(function_of(entry), ...)
    if not ok then return false, raised end
    if type(entry) == "table" then take_once(self, event, entry) end
    if not goes_on() then return nil end
  end
  return true
end

-- Handlers of every event ----------------------------------------------------

local Any = {}

--- The methods of a class that also tells of every event, whatever its name.
emitter.any_methods = Any

--- Calls |handler| for every event received, with its name first, before the
--- event's own handlers.
---@param handler function
---@return table self
function Any:on_any(handler)
  check_handler(handler, 1, "on_any")
  self._any = with(self._any, handler)
  return self
end

--- Like on_any, before those already registered.
---@param handler function
---@return table self
function Any:prepend_any(handler)
  check_handler(handler, 1, "prepend_any")
  self._any = with(self._any, handler, true)
  return self
end

--- Removes one handler of every event, or all of them.
---@param handler function|nil
---@return table self
function Any:off_any(handler)
  if handler ~= nil then check_handler(handler, 1, "off_any") end
  self._any = handler ~= nil and without(self._any, handler)
  return self
end

--- The handlers of every event, in order; a copy.
---@return function[]
function Any:listeners_any()
  return functions(self._any)
end

--- Calls |handler| for every event that is sent, with its name first.
--- Acknowledgements are not events.
---@param handler function
---@return table self
function Any:on_any_outgoing(handler)
  check_handler(handler, 1, "on_any_outgoing")
  self._any_outgoing = with(self._any_outgoing, handler)
  return self
end

--- Like on_any_outgoing, before those already registered.
---@param handler function
---@return table self
function Any:prepend_any_outgoing(handler)
  check_handler(handler, 1, "prepend_any_outgoing")
  self._any_outgoing = with(self._any_outgoing, handler, true)
  return self
end

--- Removes one handler of every event sent, or all of them.
---@param handler function|nil
---@return table self
function Any:off_any_outgoing(handler)
  if handler ~= nil then check_handler(handler, 1, "off_any_outgoing") end
  self._any_outgoing = handler ~= nil and without(self._any_outgoing, handler)
  return self
end

--- The handlers of every event sent, in order; a copy.
---@return function[]
function Any:listeners_any_outgoing()
  return functions(self._any_outgoing)
end

return emitter
