--- /metrics: stats() of graphsocket.nginx for Prometheus.
--
-- What is told of the watch is as its owner noted it last, seconds ago at most.
-- Whichever worker answers, it tells of all: each notes its own numbers in a
-- shared dict every few seconds, since a series that comes and goes with the
-- worker that was hit would be of no use. Numbers of the watch begin anew when
-- another worker takes over; rate() and increase() know that.

local feed = require "live.feed"
local nginx = require "graphsocket.nginx"
local prometheus = require "live.prometheus"
local versions = require "live.versions"

local metrics = {}

-- Seconds between the notes of a worker.
local INTERVAL = 10

local STATES = {
  "fetching", "connecting", "joined", "renewing", "waiting", "failed", "closed",
}

-- Field of stats(), type, name, help.
local OF_NGINX = {
  { "generation", "counter", "ownerships_total", "Workers that have owned the watch, one after the other." },
  { "takeovers", "counter", "takeovers_total", "Of these, those that followed a crash." },
  { "sources_at", "gauge", "noted_timestamp_seconds", "When the owner noted what is told of the watch." },
  { "published", "counter", "events_published_total", "Events that the owner gave to all workers." },
}
local OF_WORKER = {
  { "delivered", "counter", "events_delivered_total", "Events that handlers of a worker were called with." },
  { "dropped", "counter", "events_dropped_total", "Events that a worker missed, since its handlers were too slow." },
  { "errors", "counter", "errors_total", "Errors that a worker met, its handlers' among them." },
}
local OF_WATCH = {
  { "connects", "counter", "connects_total", "Sockets that were joined." },
  { "reconnects", "counter", "reconnects_total", "Of these, those after a gap." },
  { "renewals", "counter", "renewals_total", "Of these, those without one, before the endpoint expired." },
  { "attempts", "gauge", "connect_failures", "Attempts to connect in vain, in a row." },
  { "notifications", "counter", "notifications_total", "Notifications that came." },
  { "rounds", "counter", "rounds_total", "Looks into the feed of changes that are durable." },
  { "items", "counter", "items_total", "Changed items that were delivered in them." },
  { "failures", "gauge", "round_failures", "Looks that failed, in a row." },
  { "resyncs", "counter", "resyncs_total", "Times that the service has forgotten the place." },
  { "last_ping_at", "gauge", "last_ping_timestamp_seconds", "When the service was last heard." },
  { "last_notification_at", "gauge", "last_notification_timestamp_seconds", "When the last notification came." },
  { "last_sync_at", "gauge", "last_sync_timestamp_seconds", "When the last look succeeded." },
  { "expires_at", "gauge", "endpoint_expiry_timestamp_seconds", "When the endpoint expires." },
}

-- One family for each row; `list` has stats tables, `label` their labels.
local function add(families, rows, list, label)
  for _, row in ipairs(rows) do
    local samples = {}
    for i, stats in ipairs(list) do
      samples[i] = { value = stats[row[1]], labels = label and label(stats) }
    end
    families[#families + 1] = {
      type = row[2], name = "graphsocket_" .. row[3], help = row[4], samples = samples,
    }
  end
end

local function states_of(watches)
  local samples = {}
  for _, watch in ipairs(watches) do
    for _, state in ipairs(STATES) do
      samples[#samples + 1] = {
        value = watch.state == state,
        labels = { resource = watch.resource, state = state },
      }
    end
  end
  return samples
end

local function note(stats)
  feed.set("worker " .. ngx.worker.id(), {
    worker = ngx.worker.id(),
    delivered = stats.delivered,
    dropped = stats.dropped,
    errors = stats.errors,
  })
end

local function workers()
  local list = {}
  for id = 0, ngx.worker.count() - 1 do list[#list + 1] = feed.get("worker " .. id) end
  return list
end

--- For init_worker_by_lua, after nginx.start.
function metrics.start()
  local function tick(is_premature)
    if not is_premature then note(nginx.stats()) end
  end
  assert(ngx.timer.at(0, tick))
  assert(ngx.timer.every(INTERVAL, tick))
end

function metrics.serve()
  local stats = nginx.stats()
  note(stats)
  local families = {
    {
      name = "graphsocket_owned", type = "gauge", help = "Whether some worker owns the watch.",
      samples = { { value = stats.owner_pid ~= nil } },
    },
    {
      name = "graphsocket_state", type = "gauge", help = "1 for the state that the watch is in.",
      samples = states_of(stats.sources),
    },
    {
      name = "live_cache_versions_total", type = "counter", help = "Cached items that were given up.",
      samples = { { value = versions.count() } },
    },
  }
  add(families, OF_NGINX, { stats })
  add(families, OF_WORKER, workers(), function(of) return { worker = of.worker } end)
  add(families, OF_WATCH, stats.sources, function(of) return { resource = of.resource } end)
  ngx.header["Content-Type"] = prometheus.TYPE
  ngx.header["Cache-Control"] = "no-store"
  ngx.print(prometheus.format(families))
end

return metrics
