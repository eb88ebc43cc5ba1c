--- graphsocket subscribe: that something changed, without end.

local convert = require "graphsocket.cli.convert"
local date = require "graphsocket.date"
local follow = require "graphsocket.cli.follow"
local graph = require "graphsocket.cli.graph"
local text = require "graphsocket.cli.text"

local subscribe = {
  name = "subscribe",
  summary = "Say when something has changed.",
  description = "Prints a line for each notification of a drive or list: "
    .. "that something changed, not what (see watch). Goes on until it is "
    .. "ended; connects anew and renews the endpoint by itself.",
  examples = { "graphsocket subscribe /me/drive/root --once" },
}

function subscribe.arguments(command)
  command:argument("resource", "Path of a drive or list, such as "
    .. "/me/drive/root."):convert(convert.resource)
  command:flag("--once", "End after the first notification.")
  command:option("--timeout", "End after so many seconds, with exit code 124.")
    :argname "SECONDS":convert(convert.seconds)
  graph.options(command)
end

local function on_notification(session, tally, found, count)
  local out = session.out
  tally:count()
  out:record("notification", {
    subscriptionId = found.subscription_id, resource = found.resource,
    tenantId = found.tenant_id, siteUrl = found.site_url, webId = found.web_id,
    userId = found.user_id, count = count,
    expiresAt = found.expires_at and date.to_iso(found.expires_at),
    raw = found.raw,
  })
  out:line(("%s  %s  %s"):format(
    out:clock(),
    out.paint("green", "changed"),
    text.safe(found.site_url or found.resource or session.values.resource)))
  if session.values.once then session:finish(0) end
end

function subscribe.run(session)
  local client, err = graph.client(session)
  if not client then return session:fail(err) end
  local sub = client:subscribe(session.values.resource)
  local tally = follow.start(session, sub, "notification")
  sub:on("notification", function(...)
    if not session:is_over() then on_notification(session, tally, ...) end
  end)
  return session:await()
end

return subscribe
