-- What "luarocks test" runs: the specs, under the Lua that luarocks is for.
--
--   luarocks test [-- SPEC...]

local version = rawget(_G, "jit") and "luajit" or _VERSION:match "%d.%d"
local command = ("scripts/setup test && make --no-print-directory spec LUA=%s"):format(version)
if #arg > 0 then
  command = ("%s SPECS='%s'"):format(command, table.concat(arg, " "):gsub("'", ""))
end
local ok = os.execute(command)
os.exit(ok == true or ok == 0)
