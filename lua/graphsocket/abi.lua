--- Loads the C core before anything else does, to say in words what is wrong
--- when it does not fit this Lua, or this Lua does not do: the dynamic linker
--- names a symbol, Lua a list of files, and neither what to do.
-- Requires nothing but the core and what words it, and is required first by
-- each module that a program begins with.

local needs = require "graphsocket.needs"

local is_jit = rawget(_G, "jit") ~= nil
local version = _VERSION:match "%d+%.%d+"

local function advise(what)
  local name = is_jit and jit.version or _VERSION
  local make = is_jit and "luajit" or version
  -- By itself luarocks takes the headers of Lua 5.1 where they are.
  local headers = is_jit and " LUA_INCDIR=/usr/include/luajit-2.1" or ""
  error(("graphsocket: %s: install it for %s, by luarocks "
    .. "--lua-version=%s install graphsocket%s (in a checkout: luarocks "
    .. "--lua-version=%s make%s, or make LUA=%s)")
    :format(what, name, version, headers, version, headers, make), 0)
end

-- Before the core is loaded: one built for LuaJIT, whose Lua is 5.1 as well,
-- may load here and work for a while.
if version == "5.1" and not is_jit or version == "5.2" then
  error(("graphsocket: %s is not enough%s: use Lua 5.4, Lua 5.3 or LuaJIT 2.1 "
    .. "(lua5.4 FILE, luajit FILE)"):format(_VERSION, version == "5.1"
      and ", its coroutines cannot yield across pcall, so no handler could wait"
      or ""), 0)
end

local ok, core = pcall(require, "graphsocket.core")
if ok then
  local missing = needs.module "cjson"
  if missing then error(missing, 0) end
  return core
end

local message = tostring(core)
local path = message:match "from file '([^']+)'"
if path and (message:find "undefined symbol" or message:find "[Ss]ymbol not found"
  or message:find "version mismatch") then
  advise(("%s was built for another Lua"):format(path))
elseif message:find "^module 'graphsocket.core' not found" then
  advise "its C core is not where this Lua looks for modules (LUA_CPATH)"
end
error(needs.library(message) or message, 0)
