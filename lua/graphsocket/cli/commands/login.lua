--- graphsocket login: a person signs in, on this device or another (RFC 8628),
--- and the other commands use it from then on.

local account = require "graphsocket.cli.account"
local auth = require "graphsocket.auth"
local convert = require "graphsocket.cli.convert"
local errors = require "graphsocket.errors"
local graph = require "graphsocket.cli.graph"
local graphsocket = require "graphsocket"
local scope = require "graphsocket.scope"
local text = require "graphsocket.cli.text"

local login = {
  name = "login",
  summary = "Sign in, for the other commands.",
  description = "Shows a code, and where to enter it in a browser on whatever "
    .. "device. The tokens are kept in a file that only you can read "
    .. "($XDG_STATE_HOME/graphsocket/tokens.json) and renewed by themselves.\n\n"
    .. "The application is one that you registered with Microsoft Entra, as a "
    .. "public client with the delegated permission Files.Read.",
  examples = {
    "graphsocket login --client-id 00000000-0000-4000-a000-00000000c11e",
  },
}

function login.arguments(command)
  command:option("--client-id", "The application's id; else GRAPH_CLIENT_ID.")
    :target "client_id":argname "ID":convert(convert.line)
  command:option("--tenant", "Tenant's id or domain, or common, organizations, "
    .. "consumers; common."):argname "NAME":convert(convert.tenant)
  command:option("--scopes", "Permissions to ask for, with spaces between; "
    .. "Files.Read."):argname "LIST":convert(convert.line)
  command:option("--authority", "URL of the login service; that of the cloud.")
    :argname "URL":convert(convert.service)
  command:flag("--forget", "Remove the tokens that are kept, and end.")
  command:option("--timeout", "Give up after so many seconds, with code 124.")
    :argname "SECONDS":convert(convert.seconds)
  local elements = graph.way_options(command)
  table.insert(elements, 1, graph.cloud_option(command))
  command:group("Way to the login service",
    (table.unpack or unpack)(elements))
end

function login.check(values)
  if not values.forget and not values.client_id then
    return "--client-id is missing (or GRAPH_CLIENT_ID): the id of an "
      .. "application that you registered with Microsoft Entra"
  end
end

local function forget(session)
  local was_there, err = account.forget()
  if err then return session:fail(err) end
  session.out:record("forgotten", { wasThere = was_there })
  session.out:line(was_there and "The tokens are removed."
    or "There were none.")
end

local function show_code(out, info)
  out:record("prompt", {
    userCode = info.user_code, verificationUri = info.verification_uri,
    message = info.message, expiresIn = info.expires_in,
  })
  out:line(text.safe(info.message))
end

-- Asks the person. Returns the life of the token; or nil and an error.
local function sign_in(session, options)
  local values = session.values
  options.prompt = function(info) show_code(session.out, info) end
  local source = auth.device_code(options)
  local client_options = graph.transport(values)
  client_options.token, client_options.cloud = source, values.cloud
  local client = graphsocket.new(client_options)
  local token, err = source:get {
    scope = scope.new(), context = client._auth_context,
  }
  if token then return true end
  if err.kind == "auth" then return nil, err end
  -- Whatever went wrong, nobody is signed in.
  return nil, errors.wrap(err, "auth")
end

function login.run(session)
  local values = session.values
  if values.forget then return forget(session) end
  local options, err = account.prepare {
    client_id = values.client_id, tenant = values.tenant or "common",
    scopes = values.scopes or "Files.Read", authority = values.authority,
  }
  if not options then return session:fail(err) end
  session:on_end(function() account.discard(options) end)
  local ok
  ok, err = sign_in(session, options)
  options.prompt = nil
  if ok and not session:is_over() then ok, err = account.commit(options) end
  if not ok then return session:fail(err) end
  session.out:record("login", {
    clientId = options.client_id, tenant = options.tenant,
  })
  session.out:line("You are signed in. graphsocket drives shows what you may "
    .. "watch.")
end

return login
