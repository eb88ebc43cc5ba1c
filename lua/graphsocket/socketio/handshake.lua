--- What a connection is opened with: the core's flat options, made of the URL,
--- the manager's options, and what the query and header functions answer.
--
-- Those functions are asked for every connection, so a token in a query or a
-- header is never older than the connection. They may wait; what they return
-- is checked here as the options were.

local core = require "graphsocket.core"
local errors = require "graphsocket.errors"
local loop = require "graphsocket.loop"
local options = require "graphsocket.options"
local proxy = require "graphsocket.proxy"
local url = require "graphsocket.socketio.url"

local handshake = {}

local VERSIONS = { auto = 0, [3] = 3, [4] = 4 }
local DEFAULT_PORT = { [true] = 443, [false] = 80 }

local RULES = {
  query = {
    types = { table = true, string = true }, fault = options.check_query,
  },
  extra_headers = { types = { table = true }, fault = options.check_headers },
}

-- What is wrong with a value that a function gave, or nil.
local function fault(name, value)
  if value == nil then return nil end
  local rule = RULES[name]
  local message = rule.fault(value)
  if not rule.types[type(value)] then
    message = "must not be a " .. type(value)
  end
  return message and ("%s %s"):format(name, message)
end

-- The value of an option that may be a function. Waits if the function does.
local function ask(opts, name)
  local value = opts[name]
  if type(value) == "function" then
    local ok, answer, err = loop.call(value)
    if not ok then
      return nil, errors.wrap(answer, "usage", "the " .. name .. " function")
    elseif answer == nil and err ~= nil then
      return nil, errors.wrap(err, "auth", "the " .. name .. " function")
    end
    value = answer
  end
  local message = fault(name, value)
  if message then
    return nil, errors.new { kind = "usage", message = message }
  end
  return value
end

--- Whether anything has to be asked.
---@param opts table
---@return boolean
function handshake.must_ask(opts)
  return type(opts.query) == "function"
    or type(opts.extra_headers) == "function"
end

--- Finds the query and the headers of one connection; waits as their functions
--- do.
---@param opts table options of the manager
---@return table|nil asked {query, headers}, to be given to handshake.options
---@return table|nil err an error of a function or of what it returned
function handshake.ask(opts)
  local query, err = ask(opts, "query")
  if err then return nil, err end
  local headers
  headers, err = ask(opts, "extra_headers")
  if err then return nil, err end
  return { query = query, headers = headers }
end

local function host_header(parts)
  local host = parts.host
  if host:find(":", 1, true) then host = "[" .. host .. "]" end
  if parts.port == DEFAULT_PORT[parts.secure] then return host end
  return ("%s:%d"):format(host, parts.port)
end

local function header_text(parts, headers)
  local names, has_host = {}, false
  for name in pairs(headers or {}) do
    names[#names + 1] = name
    has_host = has_host or name:lower() == "host"
  end
  table.sort(names)
  local lines = has_host and {} or { "Host: " .. host_header(parts) }
  for _, name in ipairs(names) do
    lines[#lines + 1] = name .. ": " .. tostring(headers[name])
  end
  return table.concat(lines, "\r\n") .. "\r\n"
end

local function protocols_text(protocols)
  if type(protocols) == "table" then return table.concat(protocols, ",") end
  return protocols
end

-- The target of the request; with timestamp_requests no two are the same, so
-- that no cache on the way can answer.
local function target(opts, query, version)
  if opts.timestamp_requests then
    local stamp = ("%x%04x"):format(math.floor(loop.time() * 1000),
      math.floor(core.random() * 0x10000))
    query = url.join_queries(query,
      url.query_text { [opts.timestamp_param] = stamp })
  end
  return url.request_target(opts.path, query, version == 3 and 3 or 4,
    opts.add_trailing_slash)
end

--- The core's options for one connection.
---@param parts table of url.parse
---@param opts table options of the manager
---@param asked table of handshake.ask
---@param timeout number seconds left for the connection; math.huge: no limit
---@param revision integer|string of Engine.IO: 3, 4 or "auto"
---@return table|nil options
---@return string|table|nil query the query without the handshake's own; or the error
function handshake.options(parts, opts, asked, timeout, revision)
  local found, message = proxy.find(parts.scheme, parts.host, opts.proxy)
  if found == nil then
    return nil, errors.new { kind = "usage", message = message }
  end
  local query = url.join_queries(parts.query, url.query_text(asked.query))
  local version = VERSIONS[revision]
  -- The server learns so that it must write bytes as text, too.
  if opts.force_base64 then query = url.join_queries(query, "b64=1") end
  return {
    base64 = opts.force_base64;
    host = parts.host;
    port = parts.port;
    tls = parts.secure;
    path = target(opts, query, version);
    engine = version;
    headers = header_text(parts, asked.headers);
    timeout = timeout < math.huge and timeout or nil;
    ca_file = opts.ca_file;
    ca_path = opts.ca_path;
    crl_file = opts.crl_file;
    cert = opts.cert;
    compression = opts.compression;
    key = opts.key;
    local_address = opts.local_address;
    max_payload = opts.max_payload;
    max_queue = opts.max_queue;
    protocols = protocols_text(opts.protocols);
    proxy = found and found.url or nil;
    server_name = opts.server_name;
    verify = opts.verify;
  }, query
end

return handshake
