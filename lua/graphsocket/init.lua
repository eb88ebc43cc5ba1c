--- graphsocket: change notifications of Microsoft Graph over Socket.IO.
--
-- What a script sees; everything is made elsewhere. `on_error` is the loop's
-- field under this name, so that assigning it takes effect.

local core = require "graphsocket.abi"

local auth = require "graphsocket.auth"
local client = require "graphsocket.client"
local json = require "graphsocket.json"
local loop = require "graphsocket.loop"

local graphsocket = {
  _VERSION = core.version,

  new = client.new,

  --- Ways to get a token: static, command, device_code, refresh_token.
  auth = auth,

  --- JSON's null; the same as `socketio.null`.
  null = json.null,

  array = json.array,

  loop = loop.host,

  run = loop.run,
  stop = loop.stop,
  step = loop.step,
  spawn = loop.spawn,
  sleep = loop.sleep,
  fd = loop.fd,
  timeout = loop.timeout,
  pollfd = loop.pollfd,
  events = loop.events,
}

return setmetatable(graphsocket, {
  __name = "graphsocket",

  __index = function(_, name)
    if name == "on_error" then return loop.on_error end
  end,

  __newindex = function(self, name, value)
    if name ~= "on_error" then return rawset(self, name, value) end
    if value ~= nil and type(value) ~= "function" then
      error("graphsocket.on_error must be a function(err, traceback), or nil "
        .. "for the default, got " .. type(value), 2)
    end
    loop.on_error = value
  end,
})
