-- nginx with ngx_lua for specs: a configuration of its own in a scratch folder,
-- on a free port, with the LuaJIT build of the core. NGINX names the binary;
-- else it is the one of PATH, or Debian's.
--
-- The core's files go to a folder of this nginx alone (TMPDIR), so that one
-- which was left behind is noticed: stop() fails for that, for a process that
-- is still there, and for anything in the error log that was not announced.

local engine = require "graphsocket.engine"
local helper = require "spec.helper"
local lfs = require "lfs"

local M = {}

local binary = os.getenv "NGINX"
if not binary then
  binary = lfs.attributes "/usr/sbin/nginx" and "/usr/sbin/nginx" or "nginx"
end

local MODULES = "/usr/lib/nginx/modules/"

-- A shell stays between us and nginx, so that nginx ends when the pipe to it
-- closes, also because this process was killed.
local WRAPPER = [[
"$@" & nginx=$!
cat >/dev/null
kill -TERM $nginx 2>/dev/null
wait $nginx
]]

local CONFIGURATION = [[
daemon off;
%(user)s
worker_processes %(workers)s;
pid nginx.pid;
error_log error.log notice;
env TMPDIR=%(prefix)s/tmp;
%(modules)s
%(main)s
events { worker_connections %(connections)s; }
http {
  access_log off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  lua_package_path "%(tree)s/lua/?.lua;%(tree)s/lua/?/init.lua;%(tree)s/?.lua;;";
  lua_package_cpath "%(cpath)s;;";
  lua_shared_dict spec 1m;
  %(http)s
  server {
    listen 127.0.0.1:%(port)s;
    %(server)s
    %(locations)s
  }
}
]]

local server = {}
local metatable = { __name = "spec.nginx", __index = server }

-- Why there is no nginx to test with.
---@return string|nil
function M.missing()
  if os.getenv "ASAN_OPTIONS" then
    return "nginx is not built with sanitizers"
  elseif not lfs.attributes "build/luajit/graphsocket/core.so" then
    return "the core is not built for LuaJIT: make LUA=luajit"
  elseif not os.execute(binary .. " -v 2>/dev/null") then
    return "nginx is not installed"
  elseif M.modules() == nil then
    return "nginx has no ngx_lua module"
  end
end

-- The directives that load ngx_lua; "" if it is built in.
function M.modules()
  if helper.read(MODULES .. "ngx_http_lua_module.so") then
    return ("load_module %sndk_http_module.so;\nload_module %sngx_http_lua_module.so;")
      :format(MODULES, MODULES)
  end
  local pipe = assert(io.popen(binary .. " -V 2>&1"))
  local built = pipe:read "*a"
  pipe:close()
  return built:find "lua%-nginx%-module" and "" or built:find "ngx_lua" and "" or nil
end

local function user_directive()
  local pipe = assert(io.popen "id -un")
  local name = pipe:read "*l"
  pipe:close()
  -- As root the workers would be somebody who cannot read this tree.
  return name == "root" and "user root;" or ""
end

local function locations(list)
  local text = {}
  for path, code in pairs(list or {}) do
    text[#text + 1] = ("location = %s { content_by_lua_block {\n%s\n} }"):format(path, code)
  end
  return table.concat(text, "\n")
end

local function block(name, code)
  return code and ("%s {\n%s\n}\n"):format(name, code) or ""
end

local function configure(self)
  local options = self.options
  local values = {
    user = user_directive();
    workers = options.workers or 1;
    prefix = self.prefix;
    modules = M.modules();
    main = options.main or "";
    connections = options.connections or 256;
    tree = lfs.currentdir();
    cpath = options.cpath or lfs.currentdir() .. "/build/luajit/?.so";
    http = (options.http or "") .. "\n" .. block("init_by_lua_block", options.init)
      .. block("init_worker_by_lua_block", options.init_worker);
    port = self.port;
    server = options.server or "";
    locations = locations(options.locations);
  }
  local text = (options.text or CONFIGURATION):gsub("%%%((%w+)%)s", function(name)
    return tostring(values[name])
  end)
  helper.write(self.prefix .. "/nginx.conf", text)
end

local function launch(self)
  self.port = math.random(20000, 32000)
  configure(self)
  os.remove(self.prefix .. "/error.log")
  self.process = helper.spawn {
    "sh", "-c", WRAPPER, "nginx", binary, "-p", self.prefix .. "/",
    "-c", self.prefix .. "/nginx.conf", "-e", self.prefix .. "/error.log";
    env = self.options.env;
  }
  -- The reaper's KILL would miss nginx.
  function self.process.signal()
    self:kill()
  end
  helper.eventually(function()
    self.pid = tonumber(helper.read(self.prefix .. "/nginx.pid") or "")
    return self.pid and #self:workers() > 0 or self:log():find "%[emerg%]"
  end, "nginx starts")
  return self.pid ~= nil
end

-- Starts one.
---@param options table Lua code: init, init_worker, locations (path -> code);
--- directives: main, http, server; numbers: workers (1), connections (256);
--- cpath; allow: patterns of what may stand in the error log; text: a
--- configuration instead of ours, with the same %(words)s; env: name -> value
---@return table server port, pid, prefix, and the methods below
function M.start(options)
  local self = setmetatable({
    options = options;
    pid = nil;        -- of the master
    port = nil;
    prefix = helper.scratch "nginx";
    process = nil;
    seen = {};        -- pid -> true: workers that workers() has told of
  }, metatable)
  assert(lfs.mkdir(self.prefix))
  assert(lfs.mkdir(self.prefix .. "/tmp"))
  for _ = 1, 20 do
    if launch(self) then return self end
    self.process:close()
    if not self:log():find "Address already in use" then break end
  end
  error("nginx does not start: " .. self:log() .. self.process:err())
end

---@return string text the error log
function server:log()
  return helper.read(self.prefix .. "/error.log") or ""
end

---@return integer[] pids of all workers, those that are about to exit too
function server:workers()
  local children = helper.read(("/proc/%d/task/%d/children"):format(self.pid, self.pid)) or ""
  local pids = {}
  for pid in children:gmatch "%d+" do
    pids[#pids + 1] = tonumber(pid)
    self.seen[tonumber(pid)] = true
  end
  return pids
end

-- A signal for the master or a worker.
---@param name string
---@param pid integer|nil
function server:signal(name, pid)
  os.execute(("kill -%s %d 2>/dev/null"):format(name, pid or self.pid))
end

-- Whether a process is there; a zombie is not.
local function is_alive(pid)
  local stat = helper.read(("/proc/%d/stat"):format(pid))
  return stat ~= nil and not stat:find "%) Z"
end

-- Reloads and waits until the old workers have ended and new ones are there.
function server:reload()
  local old = self:workers()
  self:signal "HUP"
  helper.eventually(function()
    for _, pid in ipairs(old) do
      if is_alive(pid) then return false end
    end
    return #self:workers() >= (self.options.workers or 1)
  end, "the old workers have ended")
end

-- Does a request.
---@param path string
---@return string body
---@return integer status
function server:get(path)
  local response, err = engine.request { url = self:url(path) }
  if not response then error(tostring(err), 2) end
  return response.body, response.status
end

function server:url(path)
  return ("http://127.0.0.1:%d%s"):format(self.port, path)
end

-- Waits until a location answers with a text.
function server:until_body(path, expected)
  local body
  helper.eventually(function()
    body = self:get(path)
    return body == expected
  end, ("%s says %s"):format(path, expected))
end

-- The master first: it would start other workers.
function server:kill()
  if not self.pid or not is_alive(self.pid) then return end
  self:signal "STOP"
  self:workers()
  self:signal "KILL"
  for pid in pairs(self.seen) do
    if is_alive(pid) then self:signal("KILL", pid) end
  end
end

-- What the error log holds beyond notices and what options.allow announces.
---@return string[] lines
function server:complaints()
  local found = {}
  for line in self:log():gmatch "[^\n]+" do
    local is_news = not line:find "%[notice%]"
    for _, pattern in ipairs(self.options.allow or {}) do
      is_news = is_news and not line:find(pattern)
    end
    if is_news then found[#found + 1] = line end
  end
  return found
end

---@return string[] names of what the core has left in its folder
function server:files()
  local names = {}
  for name in lfs.dir(self.prefix .. "/tmp") do
    if name:sub(1, 1) ~= "." then names[#names + 1] = name end
  end
  return names
end

-- Ends it, and fails for whatever it leaves behind.
---@param signal string|nil "QUIT", in peace; "TERM"
function server:stop(signal)
  self:workers()
  self:signal(signal or "QUIT")
  helper.eventually(function()
    for pid in pairs(self.seen) do
      if is_alive(pid) then return false end
    end
    return not is_alive(self.pid)
  end, "nginx and its workers end")
  self.process:close()
  local left = self:complaints()
  for _, name in ipairs(self:files()) do left[#left + 1] = "file " .. name end
  if #left > 0 then error("nginx left: " .. table.concat(left, "\n"), 2) end
end

return M
