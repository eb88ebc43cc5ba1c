--- Checks of option tables, and the socket options that several constructors
--- share, so that each option lives in one place.
--
-- Everything wrong with an option is the programmer's mistake: it raises one
-- line that begins with the function's name and says what to do. A name that
-- is not known raises too, with the nearest known one: a silently ignored
-- `verfy = false` is worse than an error.
--
-- A schema maps names to rules: {
--   type = "number" | { "string", "function" },   what is taken
--   default = value,                              what is used if it is absent
--   required = "say how to give it",              text for the error if absent
--   min =, max =, integer = true,                 of numbers
--   one_of = { … },                               the only values
--   check = function(value) -> nil | message,     anything else
--   unit = "seconds",                             for the error's text
-- }

local core = require "graphsocket.core"
local proxies = require "graphsocket.proxy"
local url = require "graphsocket.url"

local options = {}

-- Edit distance, given up beyond |limit|: option names are short, so the plain
-- table of Wagner and Fischer is enough.
local function distance(left, right, limit)
  if math.abs(#left - #right) > limit then return limit + 1 end
  local row = {}
  for j = 0, #right do row[j] = j end
  for i = 1, #left do
    local diagonal = row[0]
    row[0] = i
    for j = 1, #right do
      local cost = left:byte(i) == right:byte(j) and 0 or 1
      local best = math.min(row[j] + 1, row[j - 1] + 1, diagonal + cost)
      diagonal, row[j] = row[j], best
    end
  end
  return row[#right]
end

-- Letters only, so that "caFile", "ca-file" and "ca_file" are the same.
local function folded(name)
  return (name:lower():gsub("[^%w]", ""))
end

local function common_prefix(left, right)
  local length = 0
  while length < #left and left:byte(length + 1) == right:byte(length + 1) do
    length = length + 1
  end
  return length
end

-- One name is a part of the other, as "url" is of "base_url".
local function is_part(left, right)
  return math.min(#left, #right) >= 2
    and (left:find(right, 1, true) or right:find(left, 1, true)) ~= nil
end

-- Sorted, so that a message does not change from run to run.
local function sorted_names(known)
  local names = {}
  for name in pairs(known) do names[#names + 1] = name end
  table.sort(names)
  return names
end

--- The known name nearest to `name`, or nil if none is near. Among equally near
--- ones that which begins alike: "retry" means "retries", not "cert". One that
--- is a part of the other is worse than all that are mistyped.
---@param name string
---@param known table keys are the known names
---@return string|nil
function options.nearest(name, known)
  local target = folded(name)
  local limit = #target <= 4 and 2 or math.max(3, math.floor(#target / 2))
  local best, best_score
  for _, candidate in ipairs(sorted_names(known)) do
    local other = folded(candidate)
    local d = distance(target, other, limit)
    local score = d - common_prefix(target, other) / 1000
    local is_near = d <= limit and d < #target
    if not is_near and is_part(target, other) then
      is_near, score = true, 100 + math.abs(#target - #other)
    end
    if is_near and (not best or score < best_score) then
      best, best_score = candidate, score
    end
  end
  return best
end

local function is_one_of(value, list)
  for _, allowed in ipairs(list) do
    if value == allowed then return true end
  end
  return false
end

local ARTICLES = {
  string = "a string", number = "a number", boolean = "true or false",
  table = "a table", ["function"] = "a function",
}

local function describe_types(types, unit)
  local words = {}
  for i, name in ipairs(types) do
    words[i] = ARTICLES[name] or name
    if name == "number" and unit then
      words[i] = words[i] .. " of " .. unit
    end
  end
  return table.concat(words, " or ")
end

local function describe_values(list)
  local words = {}
  for i, value in ipairs(list) do
    words[i] = type(value) == "string" and ('"%s"'):format(value)
      or tostring(value)
  end
  return table.concat(words, ", ")
end

local function check_number(value, rule)
  if value ~= value then return "must be a number, not NaN" end
  if rule.integer and value ~= math.huge and value % 1 ~= 0 then
    return "must be a whole number"
  end
  local unit = rule.unit and " " .. rule.unit or ""
  if rule.min and value < rule.min then
    return ("must be at least %.14g%s"):format(rule.min, unit)
  end
  if rule.max and value > rule.max then
    return ("must be at most %.14g%s"):format(rule.max, unit)
  end
end

-- Returns what is wrong with |value|, or nil.
local function fault(value, rule)
  local types = rule.type
  if type(types) == "string" then types = { types } end
  if rule.one_of and not is_one_of(value, rule.one_of) then
    return "must be one of " .. describe_values(rule.one_of)
  end
  if types and not is_one_of(type(value), types) then
    return ("must be %s, got %s"):format(
      describe_types(types, rule.unit), type(value))
  end
  if type(value) == "number" then
    local message = check_number(value, rule)
    if message then return message end
  end
  return rule.check and rule.check(value)
end

local function unknown(where, name, schema)
  if type(name) ~= "string" then
    return ("%s: options are named, but the table has a %s key")
      :format(where, type(name))
  end
  local shown = name:gsub("%c", "?"):sub(1, 40)
  local near = options.nearest(name, schema)
  if near then
    return ('%s: unknown option "%s": did you mean "%s"?')
      :format(where, shown, near)
  end
  return ('%s: unknown option "%s": the options are %s')
    :format(where, shown, table.concat(sorted_names(schema), ", "))
end

--- Checks `given` against `schema` and returns a new table of the values, with
--- defaults filled in. Raises, at the caller's caller unless `level` says
--- otherwise, on the first mistake.
---@param where string the public function, as in "graphsocket.new"
---@param given table|nil
---@param schema table name -> rule
---@param level integer|nil as of error(), seen from the caller of check; 2
---@return table
function options.check(where, given, schema, level)
  level = (level or 2) + 1
  if given == nil then given = {} end
  if type(given) ~= "table" then
    error(("%s: options must be a table, got %s")
      :format(where, type(given)), level)
  end
  local values = {}
  for name, value in pairs(given) do
    local rule = schema[name]
    if not rule then error(unknown(where, name, schema), level) end
    local message = fault(value, rule)
    if message then
      error(('%s: option "%s" %s'):format(where, name, message), level)
    end
    values[name] = value
  end
  for name, rule in pairs(schema) do
    if values[name] == nil then
      if rule.required then
        error(('%s: option "%s" is missing: %s')
          :format(where, name, rule.required), level)
      end
      values[name] = rule.default
    end
  end
  return values
end

--- A schema made of several; a later one wins.
---@param ... table schemas
---@return table
function options.merge(...)
  local merged = {}
  for i = 1, select("#", ...) do
    for name, rule in pairs((select(i, ...))) do merged[name] = rule end
  end
  return merged
end

--- The part of `values` that `schema` names: options to hand on.
---@param values table
---@param schema table
---@return table
function options.pick(values, schema)
  local picked = {}
  for name in pairs(schema) do picked[name] = values[name] end
  return picked
end

-- Checks of single values ----------------------------------------------------

local function no_control(value)
  if value == "" then return "must not be empty" end
  if value:find("%c") then
    return "must not contain control characters"
  end
end

-- RFC 9110, 5.6.2: a field name is a token.
local function header_fault(name, value)
  if type(name) ~= "string" or not name:find("^[%w!#$%%&'*+.^_`|~-]+$") then
    return "must map header names to values, as in "
      .. '{ ["X-Name"] = "value" }'
  end
  local kind = type(value)
  if kind ~= "string" and kind ~= "number" then
    return ('has a %s as the value of header "%s": give a string')
      :format(kind, name)
  end
  -- A newline would let a value smuggle in a header of its own.
  if tostring(value):gsub("\t", " "):find("%c") then
    return ('has a control character in the value of header "%s"')
      :format(name)
  end
end

--- Check of a table of headers, for schemas.
---@param headers table
---@return string|nil message
function options.check_headers(headers)
  if type(headers) ~= "table" then return nil end
  for name, value in pairs(headers) do
    local message = header_fault(name, value)
    if message then return message end
  end
end

--- Whether something can be a query: a table, or text as it is in a URL.
---@param query table|string|any
---@return string|nil message what is wrong
function options.check_query(query)
  if type(query) == "string" then
    return query:find("[%s%c#]")
      and "must contain no spaces, control characters or #" or nil
  elseif type(query) ~= "table" then
    return nil
  end
  for name, value in pairs(query) do
    local kind = type(value)
    if type(name) ~= "string"
      or (kind ~= "string" and kind ~= "number" and kind ~= "boolean") then
      return "must map names to strings, numbers or booleans"
    end
  end
end

local function check_protocols(protocols)
  if type(protocols) == "string" then protocols = { protocols } end
  for _, name in ipairs(protocols) do
    if type(name) ~= "string"
      or not name:find("^[%w!#$%%&'*+.^_`|~-]+$") then
      return "must be a subprotocol name or a list of them"
    end
  end
end

local function check_transports(transports)
  if #transports ~= 1 or transports[1] ~= "websocket" then
    return 'must be { "websocket" }, the only transport there is'
  end
end

local function check_path(path)
  if path:sub(1, 1) ~= "/" then return 'must begin with "/"' end
  if path:find("[%s%c?#]") then
    return "must not contain spaces, control characters, ? or #"
  end
end

local function check_proxy(proxy)
  if proxy == true then
    return "must be a URL, or false for no proxy at all"
  end
  if not proxy or proxy == "" then return nil end
  if proxy:find("[%s%c]") then
    return "must not contain spaces or control characters"
  end
  local parsed, message = proxies.parse(proxy)
  return not parsed and message .. ": give another, or false for none" or nil
end

-- A name of an interface is not meant: libwebsockets would take one, libcurl
-- another.
local function check_local_address(address)
  local bare = address:gsub("%%.*", "") -- without the zone
  if url.ipv4(bare) then return nil end
  if bare:find(":", 1, true)
    and core.url_parse(("http://[%s]/"):format(bare)) then
    return nil
  end
  return "must be an IP address, such as 192.0.2.1 or 2001:db8::1"
end

---@class graphsocket.transport.options
---@field ca_file? string path of a PEM file with the authorities to trust, instead of the system's
---@field ca_path? string path of a folder of them (`openssl rehash`)
---@field crl_file? string path of a PEM file with revocation lists, one of each authority of the chain: without a
---  list that is valid, or with a certificate on it, the connection is refused
---@field cert? string path of the client's certificate, PEM
---@field key? string path of its key, PEM, without a passphrase; absent: it is in `cert`
---@field verify? boolean check the server's certificate and name
---@field proxy? string|boolean `http://user:password@host:port`; false: none. Absent: `https_proxy`, `http_proxy`,
---  `all_proxy` and `no_proxy` of the environment decide
---@field local_address? string IP address to connect from
---@field insecure? boolean allow plain http and ws beyond loopback

--- Options of TLS and of the way to the server: those that a client hands on
--- to its sockets.
options.transport = {
  ca_file = { type = "string", check = no_control },
  ca_path = { type = "string", check = no_control },
  crl_file = { type = "string", check = no_control },
  cert = { type = "string", check = no_control },
  key = { type = "string", check = no_control },
  verify = { type = "boolean", default = true },
  proxy = { type = { "string", "boolean" }, check = check_proxy },
  local_address = { type = "string", check = check_local_address },
  insecure = { type = "boolean", default = false },
}

---@class graphsocket.socket.options : graphsocket.transport.options
---@field path? string path of the Engine.IO request
---@field add_trailing_slash? boolean end the path with a slash
---@field query? table|string|function added to the URL's query; a function is asked before each connection
---@field extra_headers? table|function headers of the upgrade request; a function is asked before each connection
---@field auth? table|function payload of the CONNECT packet; a function is asked before each join, and may wait
---@field auto_connect? boolean connect at once
---@field force_new? boolean a connection of its own
---@field multiplex? boolean share the connection with other namespaces of the server
---@field reconnection? boolean connect again when the connection is lost
---@field reconnection_attempts? integer in a row; then `reconnect_failed`
---@field reconnection_delay? number first wait; it doubles each time
---@field reconnection_delay_max? number longest wait
---@field randomization_factor? number 0 to 1: each wait is longer or shorter by up to this part
---@field timeout? number from the look-up of the name to the open packet, and again until the namespace is joined
---@field ack_timeout? number awaited for every acknowledgement; its callback then takes an error first
---@field retries? integer events are sent one at a time, each again until it is acknowledged or this many times;
---  absent: 0
---@field reviver? fun(key: any, value: any): any for every value of an event or acknowledgement, from the inside out,
---  as the one of `JSON.parse`: what it returns takes the value's place, nil removes it
---@field engine? "auto"|4|3 revision of Engine.IO; 3 is what Socket.IO 2 servers speak. "auto" tells by the server's
---  first words; one that is slow to speak costs a second connection
---@field max_payload? integer largest message taken, attachments included
---@field max_queue? integer received and not handled yet; past it this socket is not read
---@field compression? boolean offer permessage-deflate; messages of 1 KiB and more are then compressed
---@field force_base64? boolean write binary data as base64 text, both ways, for a path that carries no binary messages
---@field protocols? string|string[] websocket subprotocols
---@field server_name? string name to send (SNI) and to check, instead of the URL's host
---@field timestamp_requests? boolean add a parameter that differs each time, against caches
---@field timestamp_param? string its name
---@field transports? string[] accepted for the sake of ported code; must be `{ "websocket" }`

--- Options of socketio.connect, socketio.manager and endpoint:open.
options.socket = options.merge(options.transport, {
  path = { type = "string", default = "/socket.io/", check = check_path },
  add_trailing_slash = { type = "boolean", default = true },
  query = {
    type = { "table", "string", "function" }, check = options.check_query,
  },
  extra_headers = {
    type = { "table", "function" }, check = options.check_headers,
  },
  auth = { type = { "table", "function" } },
  auto_connect = { type = "boolean", default = true },
  force_new = { type = "boolean", default = false },
  multiplex = { type = "boolean", default = true },
  reconnection = { type = "boolean", default = true },
  reconnection_attempts = {
    type = "number", default = math.huge, min = 0, integer = true,
  },
  reconnection_delay = {
    type = "number", default = 1, min = 0, unit = "seconds",
  },
  reconnection_delay_max = {
    type = "number", default = 5, min = 0, unit = "seconds",
  },
  randomization_factor = { type = "number", default = 0.5, min = 0, max = 1 },
  timeout = { type = "number", default = 20, min = 0.001, unit = "seconds" },
  ack_timeout = { type = "number", min = 0, unit = "seconds" },
  retries = { type = "number", min = 0, integer = true },
  reviver = { type = "function" },
  engine = { default = "auto", one_of = { "auto", 4, 3 } },
  max_payload = {
    type = "number", default = 16 * 1024 * 1024, min = 1, integer = true,
    unit = "bytes",
  },
  max_queue = {
    type = "number", default = 16 * 1024 * 1024, min = 1, integer = true,
    unit = "bytes",
  },
  compression = { type = "boolean", default = false },
  force_base64 = { type = "boolean", default = false },
  protocols = { type = { "string", "table" }, check = check_protocols },
  server_name = { type = "string", check = no_control },
  timestamp_requests = { type = "boolean", default = false },
  timestamp_param = { type = "string", default = "t", check = no_control },
  transports = { type = "table", check = check_transports },
})

return options
