--- Which lines of lua/graphsocket/ a fuzz target reaches. Loaded in its state
--- instead of the counters of lua_target.h, when FUZZ_COVERAGE names a file; at
--- the end of the state, "source:line" of each line that ran is appended to it.

local path = assert(os.getenv "FUZZ_COVERAGE")
local reached = {}

debug.sethook(function(_, line)
  local source = debug.getinfo(2, "S").source:match "lua/graphsocket/.*$"
  if source then
    local lines = reached[source] or {}
    reached[source] = lines
    lines[line] = true
  end
end, "l")

local function write()
  debug.sethook()
  local file = assert(io.open(path, "a"))
  for source, lines in pairs(reached) do
    for line in pairs(lines) do file:write(source, ":", line, "\n") end
  end
  file:close()
end

-- An object that is collected when the state is closed, and not before.
debug.getregistry()[reached] = setmetatable({}, { __gc = write })

return {}
