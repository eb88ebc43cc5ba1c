-- busted under whichever interpreter runs this file; the installed command
-- knows one version of Lua only.

-- What a spec starts finds the core by BUILD, the spec itself by LUA_CPATH:
-- where they disagree, a passing test would say nothing of the core that is
-- meant.
local version = rawget(_G, "jit") and "luajit" or _VERSION:match "%d.%d"
local folder = (os.getenv "BUILD" or "build") .. "/" .. version
local meant = folder .. "/graphsocket/core.so"
local found = package.searchpath("graphsocket.core", package.cpath)
if found and found ~= meant and found:sub(-#meant - 1) ~= "/" .. meant then
  io.stderr:write(("busted.lua: LUA_CPATH leads to %s, but BUILD and this Lua "
    .. 'mean %s: set LUA_CPATH="%s/?.so;;", or BUILD\n')
    :format(found, meant, folder))
  os.exit(2)
end

require "busted.runner" { standalone = false }
