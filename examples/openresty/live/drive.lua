--- The watch: what a change does in the one worker that watches, and in all.
--
-- graphsocket.nginx sees to it that one worker watches, and that another goes on
-- where it was when it dies or when nginx is reloaded. What must happen once for
-- each change happens in that worker, in run: its handlers have returned before the
-- place in the feed is stored, so a crash brings the change again, and none is
-- lost. What each worker does for itself, waking its open pages, hangs on `on`.

local entry = require "live.entry"
local events = require "live.events"
local feed = require "live.feed"
local graphsocket = require "graphsocket"
local metrics = require "live.metrics"
local nginx = require "graphsocket.nginx"
local versions = require "live.versions"

local drive = {}

-- Seconds until a worker that has crashed is replaced.
local TTL = 15

-- A shorter loss of the connection is not worth a line on the page.
local GAP_SECONDS = 1

local function on_change(item, context)
  versions.raise(item.id)
  local parent = item.parentReference
  if type(parent) == "table" and type(parent.id) == "string" then
    versions.raise(parent.id)
  end
  local shown = entry.new(item, context.kind)
  if shown then feed.append("change", shown) end
end

-- Graph has forgotten the place: everything comes again but what was deleted.
local function on_resync()
  versions.raise_all()
  feed.append("resync", { at = ngx.now() })
end

local function on_state(name, detail)
  local now = ngx.now()
  detail = detail or {}
  feed.set("service", {
    state = name,
    since = now,
    reason = detail.err and tostring(detail.err) or nil,
    again_at = detail.delay and now + detail.delay or nil,
  })
end

local function on_disconnect()
  local lost = feed.get "lost"
  if not lost then feed.set("lost", { at = ngx.now() }) end
end

local function on_connect()
  local lost, now = feed.get "lost", ngx.now()
  feed.set("lost", nil)
  if lost and now - lost.at >= GAP_SECONDS then
    feed.append("gap", { from = lost.at, to = now })
  end
end

-- The owner before this one may have crashed, and have had no time to say so.
local function look_for_crash()
  local known, takeovers = feed.get "takeovers" or { count = 0 }, nginx.stats().takeovers
  feed.set("takeovers", { count = takeovers })
  if takeovers > known.count and not feed.get "lost" then
    feed.set("lost", { at = ngx.now() - TTL })
  end
end

-- Called by the one worker that owns; again, if it returns an error.
local function run()
  look_for_crash()
  local client = graphsocket.new {
    token = os.getenv "GRAPH_TOKEN",
    base_url = os.getenv "GRAPH_BASE_URL",
    ca_file = os.getenv "GRAPH_CA_FILE",
  }
  -- One fsync a round, a second apart at least. If that is too much for the
  -- worker, `state` takes functions instead: see docs/guide/watching.md.
  local watch, err = client:watch(os.getenv "GRAPH_RESOURCE" or "/me/drive/root", {
    state = ngx.config.prefix() .. "drive.state",
  })
  if not watch then return nil, err end
  watch:on("change", on_change)
  watch:on("resync", on_resync)
  watch:on("state", on_state)
  watch:on("disconnect", on_disconnect)
  watch:on("connect", on_connect)
  return watch
end

--- For init_worker_by_lua.
function drive.start()
  for _, event in ipairs { "change", "resync", "state", "connect" } do
    nginx.on(event, events.wake)
  end
  assert(nginx.start { dict = "graphsocket", ttl = TTL, run = run })
  events.end_with_worker()
  metrics.start()
end

return drive
