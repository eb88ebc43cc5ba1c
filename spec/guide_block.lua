-- Runs one code block of a page as a reader would, but against the test
-- servers: graphsocket.new gets the simulator's address and certificate, and
-- socketio.connect the reference server's in the place of example.com's.
--
--   lua5.4 spec/guide_block.lua PAGE LINE FILE     FILE: the block that begins there
--
-- A block may use what the text around it has made: `client`, `endpoint`,
-- `socket`, `sub`, `watch` are there. It is ended after its first line of
-- output, or after a while; the status says whether an error was raised.

local graphsocket = require "graphsocket"
local loop = require "graphsocket.loop"
local socketio = require "graphsocket.socketio"

-- Seconds that a block without output runs.
local ENOUGH = 3

local page, line = arg[1], arg[2]
local file = assert(io.open(arg[3]))
local source = file:read "*a"
file:close()

local failures = 0
graphsocket.on_error = function(err, traceback)
  failures = failures + 1
  io.stderr:write(tostring(err), "\n", traceback, "\n")
end

local new, connect, manager, command =
  graphsocket.new, socketio.connect, socketio.manager, graphsocket.auth.command

graphsocket.new = function(opts)
  local all = {}
  for name, value in pairs(opts) do all[name] = value end
  all.base_url, all.cloud, all.proxy = os.getenv "GRAPH_BASE_URL", nil, nil
  all.ca_file = os.getenv "GRAPH_CA_FILE"
  return new(all)
end

graphsocket.auth.command = function(text, opts)
  command(text, opts)
  return graphsocket.auth.static(os.getenv "GRAPH_TOKEN")
end

local function local_address(address)
  return (address:gsub("^%a+://[%w.-]*example%.com[:%d]*", os.getenv "SOCKETIO_URL"))
end
socketio.connect = function(address, opts) return connect(local_address(address), opts) end
socketio.manager = function(address, opts) return manager(local_address(address), opts) end

-- What the text around a block has made.
local made = {
  graphsocket = function() return graphsocket end,
  socketio = function() return socketio end,
  client = function() return graphsocket.new { token = os.getenv "GRAPH_TOKEN" } end,
}
local environment = {}
function made.endpoint() return assert(environment.client:endpoint "/me/drive/root") end
function made.socket() return socketio.connect "https://example.com" end
function made.sub() return environment.client:subscribe "/me/drive/root" end
function made.watch() return assert(environment.client:watch "/me/drive/root") end

setmetatable(environment, {
  __index = function(self, name)
    local value = _G[name]
    if value == nil and made[name] then
      value = made[name]()
      rawset(self, name, value)
    end
    return value
  end,
})

local printed = false
local function output(original)
  return function(...)
    original(...)
    printed = true
    loop.stop()
  end
end
environment.print = output(print)
environment.io = setmetatable({
  write = output(io.write),
  stderr = { write = function(_, ...) output(function(...) io.stderr:write(...) end)(...) end },
}, { __index = io })
environment.os = setmetatable({
  exit = function(code) os.exit(code, true) end,
}, { __index = os })

-- A block that waits for what does not come, such as an error, has run too.
local run, has_run = graphsocket.run, false
graphsocket.run = function(main)
  has_run = true
  if printed then return end
  loop.timer(ENOUGH, loop.stop)
  run(main)
end

local chunk
if setfenv then
  chunk = assert(loadstring(source, "@" .. page .. ":" .. line))
  setfenv(chunk, environment)
else
  chunk = assert(load(source, "@" .. page .. ":" .. line, "t", environment))
end

local ok, err = xpcall(chunk, debug.traceback)
if not ok then
  failures = failures + 1
  io.stderr:write(tostring(err), "\n")
end
if ok and not has_run then graphsocket.run() end
os.exit(failures == 0, true)
