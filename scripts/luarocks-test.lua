-- What "luarocks test" runs: the specs, under the Lua that luarocks is for.
--
--   luarocks test [-- SPEC...]

-- luarocks has what is for 5.1 run by Lua 5.1 where there is one; ours is LuaJIT's.
local version = _VERSION:match "%d.%d"
if version == "5.1" then version = "luajit" end
local command = ("scripts/setup test && make --no-print-directory spec LUA=%s"):format(version)
if #arg > 0 then
  command = ("%s SPECS='%s'"):format(command, table.concat(arg, " "):gsub("'", ""))
end
local ok = os.execute(command)
os.exit((ok == true or ok == 0) and 0 or 1) -- Lua 5.1 takes no boolean
