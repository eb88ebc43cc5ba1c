--- The options of commands that speak to Graph, and the client that they make.

local convert = require "graphsocket.cli.convert"
local graphsocket = require "graphsocket"
local token = require "graphsocket.cli.token"
local url = require "graphsocket.url"

local graph = {}

--- Adds the options of the way to a server: TLS, proxy.
---@param command table argparse's
---@return table elements for a group
function graph.way_options(command)
  local elements = {
    command:option("--ca-file", "PEM file with the certificate authorities to "
      .. "trust."):argname "FILE":convert(convert.readable),
    command:option("--cert", "PEM file with a client certificate.")
      :argname "FILE":convert(convert.readable),
    command:option("--key", "PEM file with its key.")
      :argname "FILE":convert(convert.readable),
    command:option("--proxy", "HTTP proxy, http://host:port; else that of "
      .. "https_proxy."):argname "URL":convert(convert.proxy),
    command:flag("--no-proxy", "Use no proxy, whatever the environment says.")
      :target "no_proxy",
    command:flag("--insecure", "Allow plain http and ws to other machines: "
      .. "tokens go in plain text."),
    command:flag("--no-verify", "Do not check certificates: anybody between "
      .. "may read along."):target "no_verify",
  }
  command:mutex(elements[4], elements[5]) -- a proxy, or none
  return elements
end

--- Adds the option of the cloud.
---@param command table argparse's
---@return table element for a group
function graph.cloud_option(command)
  local list = table.concat(convert.CLOUDS, ", ")
  return command:option("--cloud", "National cloud: " .. list .. ".")
    :choices(convert.CLOUDS):argname "NAME"
end

--- Adds the options of a command that speaks to Graph.
---@param command table argparse's
function graph.options(command)
  local by_command = command:option("--token-command", "Shell command that "
    .. "prints a token, or JSON as az does."):argname "CMD"
    :convert(convert.command)
  local by_file = command:option("--token-file", "File that a token is read "
    .. "from, whenever one is needed."):argname "FILE":convert(convert.line)
  command:mutex(by_command, by_file)
  command:group("Token (else GRAPH_TOKEN, or graphsocket login)",
    by_command, by_file)
  local elements = graph.way_options(command)
  local cloud = graph.cloud_option(command)
  local base_url = command:option("--base-url", "Graph's URL, if it is none of "
    .. "those; https://graph.microsoft.com/v1.0."):argname "URL"
    :convert(convert.service)
  command:mutex(base_url, cloud)
  table.insert(elements, 1, cloud)
  table.insert(elements, 1, base_url)
  elements[#elements + 1] = command:option("--retries",
    "Attempts after the first that a failed request gets; 3.")
    :argname "N":convert(convert.count)
  command:group("Way to Graph", (table.unpack or unpack)(elements))
end

--- The transport options that the words mean.
---@param values table
---@return table
function graph.transport(values)
  local options = {
    ca_file = values.ca_file, cert = values.cert, key = values.key,
    proxy = values.proxy, insecure = values.insecure or nil,
    verify = not values.no_verify,
  }
  if values.no_proxy then options.proxy = false end
  return options
end

--- What is wrong with the options together.
---@param values table
---@return string|nil message
function graph.check(values)
  if values.key and not values.cert then return "--key needs --cert" end
  for _, name in ipairs { "base_url", "authority" } do
    local parts = values[name] and url.service(values[name])
    if parts and url.plain_fault(parts, values.insecure) then
      return ("%s:// would send the token in plain text to %s: use https://, "
        .. "or --insecure if that is wanted"):format(parts.scheme, parts.host)
    end
  end
end

--- A client as the options say, with a token source.
---@param session table of cli.session
---@param source table
---@return graphsocket.client
function graph.client_with(session, source)
  local values = session.values
  local options = graph.transport(values)
  options.token = source
  options.base_url = values.base_url
  options.cloud = values.cloud
  options.retries = values.retries
  return graphsocket.new(options)
end

--- A client as the options say, with the token that they mean.
---@param session table of cli.session
---@return graphsocket.client|nil
---@return graphsocket.error|nil
function graph.client(session)
  local source, from = token.source(session.values, function(message)
    session.out:warn(message)
  end)
  if not source then return nil, from end
  session.out:detail("token: " .. from)
  return graph.client_with(session, source)
end

return graph
