-- The way of an event through Lua, without a network: a stand-in for the core's
-- engine has an OPEN, a CONNECT and COUNT events; a handler takes them. The
-- same instructions in each run. See scripts/counts.lua.
--
--   lua5.4 bench/counts/dispatch.lua COUNT         runs, for callgrind
--   lua5.4 bench/counts/dispatch.lua COUNT lua     prints what each function of
--                                                  lua/ executed: "count name"

local core = require "graphsocket.core"
local loop = require "graphsocket.loop"
local socketio = require "graphsocket.socketio"

local count, counting = tonumber(arg[1]), arg[2] == "lua"
local EVENT = '2["notification","{\\"value\\":[{\\"subscriptionId\\":\\"'
  .. ("a"):rep(220) .. '\\",\\"resource\\":\\"b!x\\"}]}",{"n":[1,2.5]}]'

local nothing = function() end
local stub = { __index = function() return nothing end }
local connection = setmetatable({
  id = function() return 1 end,
  send = function() return true end,
}, stub)

local thread = setmetatable({ fd = function() return -1 end }, stub)
local given = 0

function thread.open() return connection end

function thread.next()
  given = given + 1
  if given == 1 then return core.OPEN, 1, { sid = "s", version = 4 } end
  if given == 2 then return core.MESSAGE, 1, '0{"sid":"t"}', false end
  if given <= count + 2 then return core.MESSAGE, 1, EVENT, false end
end

-- "file:function" of what runs: the name stands in the line that begins it.
local names, sources = {}, {}
local function name_of(info)
  local key = info.short_src .. ":" .. info.linedefined
  if not names[key] then
    local lines = sources[info.short_src]
    if not lines then
      lines = {}
      for line in io.lines(info.short_src) do lines[#lines + 1] = line end
      sources[info.short_src] = lines
    end
    local line = lines[info.linedefined] or ""
    local name = line:match "function%s+([%w_.:]+)" or line:match "([%w_.:%[%]]+)%s*=%s*function"
    names[key] = info.short_src .. ":" .. (name or "(no name)")
  end
  return names[key]
end

local executed = {}
local function on_instruction()
  local info = debug.getinfo(2, "S")
  if info.short_src:sub(1, 4) ~= "lua/" then return end
  local name = name_of(info)
  executed[name] = (executed[name] or 0) + 1
end

local function count_from_here()
  local create = coroutine.create
  -- Each coroutine has a hook of its own.
  rawset(coroutine, "create", function(fn)
    local co = create(fn)
    debug.sethook(co, on_instruction, "", 1)
    return co
  end)
  debug.sethook(on_instruction, "", 1)
end

local function report()
  debug.sethook()
  local list = {}
  for name, number in pairs(executed) do list[#list + 1] = ("%d %s"):format(number, name) end
  table.sort(list)
  print(table.concat(list, "\n"))
end

core.engine = function() return thread end
core.poll = nothing
local received = 0
local socket = socketio.connect("http://127.0.0.1:1", { reconnection = false })
if counting then count_from_here() end
socket:on("notification", function()
  received = received + 1
  if received < count then return end
  if counting then report() end
  os.exit(true, true)
end)
loop.run()
error "the events did not arrive"
