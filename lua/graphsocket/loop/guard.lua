--- Protected calls: where errors of the program's own functions end up.
--
-- Every function that is not ours is called through `guard.call` or
-- `guard.try`, so that an error costs one handler call and never the loop.
--
-- One error is not for us: Lua's standalone interpreter turns Ctrl-C into the
-- error "interrupted!", raised by a debug hook. PUC Lua sets the hook on the
-- main thread only, so it strikes in the pump itself; LuaJIT's hooks are
-- global, so it strikes in whatever coroutine runs, a handler as a rule. It has
-- to end run(), so it is recognised here and never given to on_error.
-- This module must not require any other of the project.

local guard = {
  --- The table whose field on_error is called with errors: the loop.
  owner = {},
}

local INTERRUPT = "interrupted!"

-- What an error becomes on its way out of xpcall: the traceback can only be
-- taken where the error is raised.
local Failure = {}

--- Whether an error value is the interpreter's answer to Ctrl-C.
---@param err any
---@return boolean
function guard.is_interrupt(err)
  -- luaL_error may have put a position in front.
  return type(err) == "string" and err:sub(-#INTERRUPT) == INTERRUPT
end

local function on_raise(err)
  if getmetatable(err) == Failure then
    return err
  end
  local traceback = debug.traceback("", 2):gsub("^%s+", "")
  return setmetatable({ err = err, traceback = traceback }, Failure)
end

local function settle(ok, first, ...)
  if ok then
    return true, first, ...
  end
  -- Out of memory and errors inside on_raise come as they are.
  if getmetatable(first) ~= Failure then
    first = setmetatable({ err = first, traceback = "" }, Failure)
  end
  return false, first
end

--- Calls fn(...) and keeps its error, with the traceback of its place.
---@param fn function
---@param ... any arguments
---@return boolean ok
---@return any ... results, or one table {err = any, traceback = string}
function guard.try(fn, ...)
  return settle(xpcall(fn, on_raise, ...))
end

--- Where guard.print writes; nginx's adapter has it write the error log.
---@param text string lines
function guard.write(text)
  io.stderr:write(text)
end

--- The default on_error: one line and a traceback on standard error.
---@param err any
---@param traceback string|nil
function guard.print(err, traceback)
  local text = "graphsocket: " .. tostring(err) .. "\n"
  if traceback and traceback ~= "" then
    text = text .. traceback .. "\n"
  end
  guard.write(text)
end

--- Hands an error to on_error; what on_error raises itself is printed, since
--- nobody is left to be told. Only Ctrl-C comes out of it.
---@param err any as it was raised
---@param traceback string|nil
function guard.report(err, traceback)
  local ok, second = pcall(guard.owner.on_error or guard.print, err,
    traceback or "")
  if ok then
    return
  end
  if guard.is_interrupt(second) then
    error(second, 0)
  end
  -- tostring() of an error value runs the program's code once more.
  if not pcall(guard.print, err, traceback) then
    guard.print("an error of type " .. type(err), traceback)
  end
  local printable, text = pcall(tostring, second)
  guard.print("on_error failed: " .. (printable and text or type(second)))
end

local function report_failure(ok, first, ...)
  if ok then
    return true, first, ...
  end
  if guard.is_interrupt(first.err) then
    error(first.err, 0)
  end
  guard.report(first.err, first.traceback)
  return false, first.err
end

--- Calls fn(...) so that an error does no harm: it is reported.
---@param fn function
---@param ... any arguments
---@return boolean ok
---@return any ... results, or the error
function guard.call(fn, ...)
  return report_failure(guard.try(fn, ...))
end

return guard
