--- /events: the feed as Server-Sent Events, one request for each open page.
--
-- A request reads the feed up to its end, then sleeps on the worker's semaphore
-- until the watch wakes it: nothing polls. A page that comes back tells the last id
-- that it has seen (Last-Event-ID) and gets what follows, from whichever worker
-- answers; so it misses nothing when nginx is reloaded. When the worker is to exit, its
-- requests end, since one that did not would keep the old worker alive for as
-- long as the page is open.
--
-- The heartbeat is the state once more, and no comment: the page can see it,
-- and notices by its absence that a connection is dead.

local cjson = require "cjson.safe"
local feed = require "live.feed"
local nginx = require "graphsocket.nginx"
local semaphore = require "ngx.semaphore"

local events = {}

-- Seconds between heartbeats; the page waits for two and a half of them.
local HEARTBEAT = 15

-- Milliseconds until a browser comes back.
local RETRY = 500

local waiting = assert(semaphore.new())

--- Wakes the requests of this worker: there is something to read.
function events.wake()
  local count = -waiting:count()
  if count > 0 then waiting:post(count) end
end

--- For init_worker_by_lua. A timer that is pending when the worker is told to exit
--- is called at once, as premature: nginx has no other word for it.
function events.end_with_worker()
  assert(ngx.timer.every(3600, function(is_premature)
    if is_premature then events.wake() end
  end))
end

-- How the watch is; nothing, as long as no worker owns it.
local function service()
  return nginx.stats().owner_pid and feed.get "service" or {}
end

local function state(about)
  return cjson.encode { now = ngx.now(), service = about }
end

local function format(event, data, id)
  return ("%sevent: %s\ndata: %s\n\n"):format(id and "id: " .. id .. "\n" or "",
    event, data)
end

-- What follows a number in the feed, and the last number.
local function news(number)
  local out = {}
  while true do
    local next_number, id, event, json = feed.next(number)
    if not next_number then return out, number end
    number = next_number
    out[#out + 1] = format(event, json, id)
  end
end

local function send(out)
  if #out == 0 then return true end
  return ngx.print(out) and ngx.flush(true)
end

local function last_seen()
  return ngx.var.http_last_event_id or ngx.var.arg_after
end

--- Answers a page for as long as it is open.
function events.serve()
  ngx.header["Content-Type"] = "text/event-stream"
  ngx.header["Cache-Control"] = "no-store"
  ngx.header["X-Accel-Buffering"] = "no" -- for another nginx in front
  local number, has_missed = feed.find(last_seen())
  local out = { "retry: " .. RETRY .. "\n\n" }
  if has_missed then out[2] = format("missed", "{}") end
  local told
  while send(out) and not ngx.worker.exiting() do
    out, number = news(number)
    local about = service()
    local text = cjson.encode(about)
    if text ~= told then
      told = text
      table.insert(out, 1, format("state", state(about)))
    end
    -- Nothing may yield between the look at the feed and the wait.
    if #out == 0 and not waiting:wait(HEARTBEAT) then
      told = nil
    end
  end
end

return events
