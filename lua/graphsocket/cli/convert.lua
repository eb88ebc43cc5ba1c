--- Words of the command line turned into values. Each function is what argparse
--- calls a converter: it takes a word, and returns the value (the word itself,
--- where nothing else is said), or nil and one line that says what to give.

local core = require "graphsocket.core"
local json = require "graphsocket.json"
local proxy = require "graphsocket.proxy"
local resource = require "graphsocket.resource"
local url = require "graphsocket.url"
local urls = require "graphsocket.socketio.url"

local convert = {}

--- Longest file that holds a JSON object, in bytes.
local MAX_OBJECT = 1024 * 1024

--- The least that counts as waiting, in seconds; the library's options agree.
local SHORTEST = 0.001

--- Seconds, more than none; a number.
function convert.seconds(word)
  local number = tonumber(word)
  if number and number >= SHORTEST and number < math.huge
    and not word:find("[xX]") then
    return number
  end
  return nil, ("'%s' is no number of seconds: give one such as 30 or 0.5")
    :format(word)
end

--- A whole number, 0 or more; a number.
function convert.count(word)
  if word:find("^%d+$") and #word < 10 then return tonumber(word) end
  return nil, ("'%s' is no whole number: give one such as 3"):format(word)
end

--- A resource of Graph.
function convert.resource(word)
  if word:find("^{") then
    return nil, "a resource is a path here, such as /me/drive/root"
  end
  local ok, message = resource.parse(word)
  if ok then return word end
  -- The library names its table forms too, which are of no use here.
  return nil, (message:gsub(", or { .*$", ""))
end

--- The names that --cloud takes.
convert.CLOUDS = { "global", "usgov", "usgov-dod", "china" }

--- A national cloud of Graph.
function convert.cloud(word)
  for _, name in ipairs(convert.CLOUDS) do
    if word == name then return word end
  end
  return nil, ("'%s' is no cloud: give one of %s")
    :format(word, table.concat(convert.CLOUDS, ", "))
end

--- The URL of a service, as --base-url and --authority take it.
function convert.service(word)
  local parts, message = url.service(word)
  if parts then return word end
  return nil, ("'%s' %s"):format(word, message)
end

--- The URL of a Socket.IO server.
function convert.server(word)
  local parts = core.url_parse(word)
  local schemes = { http = true, https = true, ws = true, wss = true }
  if parts and schemes[parts.scheme] and (parts.host or "") ~= "" then
    return word
  end
  return nil, ("'%s' is no URL of a server: give one such as "
    .. "https://example.com/chat (http, https, ws or wss)")
    :format(word:match("^[^?]*"))
end

--- A namespace of a Socket.IO server, its first "/" left out or not; with it.
function convert.namespace(word)
  local namespace = word:gsub("^/*", "/")
  local fault = word == "" and "it must not be empty"
    or not core.utf8_valid(word) and "a namespace is UTF-8"
    or urls.namespace_fault(namespace)
  if fault then return nil, fault end
  return namespace
end

--- An HTTP proxy.
function convert.proxy(word)
  local ok, message = proxy.parse(word)
  if ok then return word end
  return nil, "the proxy " .. message
end

-- Opens a file to read. Returns it, or nil and a message. A folder can be
-- opened too; to try to read would take what is in a pipe.
local function open(path)
  local folder = io.open(path .. "/.", "rb")
  if folder then
    folder:close()
    return nil, ("%s is a folder: give a file"):format(path)
  end
  local file, message = io.open(path, "rb")
  if file then return file end
  return nil, "the file cannot be read: " .. message
end

--- The path of a file that is there and can be read.
function convert.readable(word)
  local file, message = open(word)
  if not file then return nil, message end
  file:close()
  return word
end

--- Text without control characters.
function convert.line(word)
  if word ~= "" and not word:find("%c") then return word end
  return nil, "it must not be empty or contain control characters"
end

--- A tenant of the login service.
function convert.tenant(word)
  if word:find("^[%w.-]+$") then return word end
  return nil, ("'%s' is no tenant: give its id or domain, or common, "
    .. "organizations, consumers"):format(word)
end

--- A shell command.
function convert.command(word)
  if word:find("%S") then return word end
  return nil, "the command is empty"
end

--- A JSON object; a table. Of what is none nothing is shown, since it may hold
--- a secret.
function convert.object(word)
  local value = core.utf8_valid(word) and json.decode(word)
  if type(value) == "table" and word:find("^%s*{") then return value end
  return nil, "it is no JSON object: give one such as '{\"token\": \"abc\"}'"
end

--- The path of a file with a JSON object; the object. What is in the file is not
--- shown.
function convert.object_file(word)
  local file, message = open(word)
  if not file then return nil, message end
  local content = file:read(MAX_OBJECT + 1)
  file:close()
  if content and #content > MAX_OBJECT then
    return nil, ("%s is longer than a MiB"):format(word)
  end
  local object = convert.object(content or "")
  if object then return object end
  return nil, ("%s holds no JSON object"):format(word)
end

--- A header, "Name: value"; a table of the two.
function convert.header(word)
  local name, value = word:match("^([%w!#$%%&'*+.^_`|~-]+):%s*(%C*)$")
  if name then return { name, value } end
  return nil, ("'%s' is no header: give one such as 'X-Name: value'")
    :format(word)
end

return convert
