--- graphsocket connect: a console for any Socket.IO server.

local convert = require "graphsocket.cli.convert"
local emission = require "graphsocket.cli.emission"
local exit = require "graphsocket.cli.exit"
local graph = require "graphsocket.cli.graph"
local input = require "graphsocket.cli.input"
local meter = require "graphsocket.cli.meter"
local socketio = require "graphsocket.socketio"
local text = require "graphsocket.cli.text"
local url = require "graphsocket.url"
local urls = require "graphsocket.socketio.url"
local value = require "graphsocket.cli.value"

local unpack = table.unpack or unpack

local connect = {
  name = "connect",
  summary = "A console for any Socket.IO server.",
  description = "Connects to a Socket.IO server (versions 2 to 4, websocket "
    .. "only), prints its events, and emits what it reads from standard input: "
    .. "a line is an event's name and its arguments in JSON, as in\n"
    .. "   message \"hello\" {\"to\": [1, 2]} null\n\nThe end of the input "
    .. "ends it, unless --listen or --once is given.",
  examples = {
    "graphsocket connect https://localhost:3000/chat --emit 'hi' --once",
    "echo 'echo \"hello\" 5' | graphsocket connect https://localhost:3000 --ack",
  },
}

local function convert_emission(word)
  local name, arguments = emission.parse(word)
  if name then return { name, arguments } end
  return nil, arguments or "the event is empty: give its name, and arguments "
    .. "in JSON"
end

function connect.arguments(command)
  command:argument("url", "https://host/namespace; the query goes to the "
    .. "server."):convert(convert.server)
  command:option("--namespace", "Namespace to join, in place of the URL's path.")
    :argname "PATH":convert(convert.namespace)
  command:mutex(
    command:option("--auth", "JSON object that is sent when joining.")
      :argname "JSON":convert(convert.object),
    command:option("--auth-file", "The same, from a file: for secrets.")
      :target "auth":argname "FILE":convert(convert.object_file))
  command:option("--emit", "Emit an event after joining, as a line of the "
    .. "input; may be given again."):argname "LINE":count "*"
    :convert(convert_emission)
  command:flag("--ack", "Ask for an acknowledgement of each event, and print "
    .. "it.")
  command:flag("--listen", "Go on after the end of the input.")
  command:flag("--once", "End after the first event or acknowledgement.")
  command:option("--timeout", "End after so many seconds, with exit code 124.")
    :argname "SECONDS":convert(convert.seconds)
  command:option("--engine", "Engine.IO revision: 4, 3 (for Socket.IO 2), or "
    .. "auto."):choices { "auto", "4", "3" }:argname "N"
  command:option("--path", "Path of the server's Socket.IO; /socket.io/.")
    :argname "PATH":convert(convert.line)
  command:option("--header", "Header of the request, 'Name: value'; may be "
    .. "given again."):argname "HEADER":count "*":convert(convert.header)
  command:group("Way to the server", unpack(graph.way_options(command)))
end

function connect.check(values)
  local parts, message = urls.parse(values.url)
  if not parts then
    return (message:gsub("extra_headers = .* instead",
      "--header 'Authorization: Basic …'"))
  end
  if url.plain_fault(parts, values.insecure) then
    return ("%s:// would send everything in plain text to %s: use https://, or "
      .. "--insecure if that is wanted"):format(parts.scheme, parts.host)
  end
  if values.path and not values.path:find("^/[^?#]*$") then
    return "--path must begin with / and have no ? or #"
  end
end

local function options_of(values)
  local options = graph.transport(values)
  options.path = values.path
  options.engine = values.engine ~= "auto" and tonumber(values.engine) or nil
  if #(values.header or {}) > 0 then
    options.extra_headers = {}
    for _, header in ipairs(values.header) do
      options.extra_headers[header[1]] = header[2]
    end
  end
  options.force_new = true
  options.auto_connect = false
  return options
end

local function open(values)
  local options = options_of(values)
  if values.namespace then
    return socketio.manager(values.url, options)
      :socket(values.namespace, { auth = values.auth })
  end
  options.auth = values.auth
  return socketio.connect(values.url, options)
end

-- A line for a person: when, what, with what.
local function tell(out, colour, what, ...)
  local words = { out:clock(), out.paint(colour, text.safe(what)) }
  if select("#", ...) > 0 then words[3] = value.show(...) end
  out:line(table.concat(words, "  "))
end

local function on_any(self, name, ...)
  if self.session:is_over() then return end
  local out = self.session.out
  local count = select("#", ...)
  local list = { ... }
  local wants_ack = type(list[count]) == "function"
  if wants_ack then count = count - 1 end
  self.tally:count()
  out:record("event", {
    event = name, args = value.list(unpack(list, 1, count)),
    wantsAck = wants_ack,
  })
  tell(out, "green", name, unpack(list, 1, count))
  out.status:changed()
  if self.session.values.once then self.session:finish(exit.OK) end
end

-- Ends when there is nothing left to do: the input is over, all is sent, and all
-- acknowledgements have come.
local function end_if_done(self)
  local values = self.session.values
  if self.is_input_over and self.pending == 0 and self.has_joined
    and not values.listen and not values.once then
    self.session:finish(self.is_wrong and exit.USAGE or exit.OK)
  end
end

local function on_ack(self, name)
  return function(...)
    self.pending = self.pending - 1
    local out = self.session.out
    out:record("ack", { event = name, args = value.list(...) })
    tell(out, "cyan", "ack " .. name, ...)
    if self.session.values.once then self.session:finish(exit.OK) end
    end_if_done(self)
  end
end

local function emit(self, name, arguments)
  local list = { n = arguments.n, unpack(arguments, 1, arguments.n) }
  local wants_ack = self.session.values.ack
  if wants_ack then
    list.n = list.n + 1
    list[list.n] = on_ack(self, name)
  end
  local ok, problem = pcall(self.socket.emit, self.socket, name,
    unpack(list, 1, list.n))
  if not ok then
    -- The library's sentence, without the places in it.
    problem = tostring(problem):gsub("^[^ ]*:%d+: ", "")
    self.session.out:warn((problem:gsub("^bad argument #%d+ to 'emit': ", "")))
    self.is_wrong = true
  elseif wants_ack then
    self.pending = self.pending + 1
  end
end

local function on_line(self, line)
  local name, arguments = emission.parse(line)
  if name then return emit(self, name, arguments) end
  if not arguments then return end
  self.session.out:warn(arguments)
  self.is_wrong = true
end

local function start_input(self)
  input.start(function(line) on_line(self, line) end, function(message)
    if message then
      self.session.out:warn("standard input: " .. message)
      self.is_wrong = true
    end
    self.is_input_over = true
    end_if_done(self)
  end)
end

local function on_connect(self)
  local out = self.session.out
  out:news(self.has_joined and "connected again"
    or "connected to " .. self.socket.namespace, "green")
  out:aside("connect", {
    id = self.socket.id, namespace = self.socket.namespace,
    recovered = self.socket.recovered or false,
  })
  if self.has_joined then return end
  self.has_joined = true
  for _, given in ipairs(self.session.values.emit or {}) do
    emit(self, given[1], given[2])
  end
  start_input(self)
end

local function on_disconnect(self, reason, details)
  local session = self.session
  if session:is_over() then return end
  session.out:aside("disconnect", { reason = reason })
  if self.socket.active then
    return session.out:news("disconnected: " .. reason, "yellow")
  end
  session:fail("disconnected: " .. reason
    .. (details and details.message and " (" .. details.message .. ")" or ""))
end

local function on_connect_error(self, err)
  if self.socket.active then return self.session.out:warn(err) end
  self.session:fail(err)
end

local function leave(self)
  input.stop()
  self.socket:disconnect()
end

function connect.run(session)
  local self = {
    session = session, socket = open(session.values),
    has_joined = false, is_input_over = false, is_wrong = false, pending = 0,
    tally = meter.new(),
  }
  local socket = self.socket
  socket:on_any(function(...) on_any(self, ...) end)
  socket:on("connect", function() on_connect(self) end)
  socket:on("disconnect", function(...) on_disconnect(self, ...) end)
  socket:on("connect_error", function(...) on_connect_error(self, ...) end)
  session:on_end(function() leave(self) end)
  session:linger()
  session.out.status:show(function()
    return ("%s · %s"):format(socket.connected and "connected"
      or "not connected", text.count(self.tally.total, "event"))
  end)
  socket:connect()
  return session:await()
end

return connect
