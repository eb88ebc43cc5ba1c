--- graphsocket endpoint: what Microsoft's page documents, the endpoint alone.

local convert = require "graphsocket.cli.convert"
local core = require "graphsocket.core"
local date = require "graphsocket.date"
local graph = require "graphsocket.cli.graph"
local text = require "graphsocket.cli.text"

local endpoint = {
  name = "endpoint",
  summary = "Get a websocket endpoint for a resource.",
  description = "Gets a websocket endpoint from Graph and shows what it is. Its "
    .. "URL is as good as a password, and is shown only with --show-url.",
  examples = { "graphsocket endpoint /me/drive/root" },
}

function endpoint.arguments(command)
  command:argument("resource", "Path of a drive or list, such as "
    .. "/me/drive/root."):convert(convert.resource)
  command:flag("--show-url", "Show the URL with its secret."):target "show_url"
  command:option("--timeout", "Give up after so many seconds, with code 124.")
    :argname "SECONDS":convert(convert.seconds)
  graph.options(command)
end

function endpoint.run(session)
  local client, err = graph.client(session)
  local found
  if client then found, err = client:endpoint(session.values.resource) end
  if not found then return session:fail(err) end
  local url = session.values.show_url and found.notification_url or nil
  local host = core.url_parse(found.notification_url).host
  local out = session.out
  out:record("endpoint", {
    id = found.id, resource = found.resource, expiresAt = found.expires_at
      and date.to_iso(found.expires_at),
    url = url, host = host,
  })
  local rows = {
    { "resource", text.safe(found.resource) },
    { "id", text.safe(found.id or "-") },
    { "host", text.safe(host) },
    { "expires", found.expires_at and ("%s (in %s)"):format(
      date.to_iso(found.expires_at),
      text.duration(found.expires_at - client:_server_time())) or "not stated" },
  }
  if url then rows[#rows + 1] = { "url", text.safe(url) } end
  out:table(rows, { "dim" })
end

return endpoint
