--- What a command tells of a subscription or a watch while it goes on: that it
--- is connected, why it is not, when it tries again; in lines, in records, in
--- the status line, and to the service manager.

local date = require "graphsocket.date"
local loop = require "graphsocket.loop"
local meter = require "graphsocket.cli.meter"
local service = require "graphsocket.cli.service"
local text = require "graphsocket.cli.text"

local follow = {}

--- What the states are called for people.
local WORDS = {
  fetching = "asking for an endpoint", connecting = "connecting",
  joined = "connected", renewing = "connected, renewing",
  waiting = "not connected", failed = "ended", closed = "closed",
}

local function describe_wait(target)
  local stats = target:stats()
  if stats.state ~= "waiting" or not stats.next_at then return "" end
  return (", next attempt in %s")
    :format(text.duration(math.max(0, stats.next_at - loop.time())))
end

local function compose(self)
  local target, tally = self.target, self.tally
  local parts = { (WORDS[target.state] or target.state or "")
    .. describe_wait(target) }
  local extra = self.progress and self.progress()
  if extra then parts[#parts + 1] = extra end
  parts[#parts + 1] = text.count(tally.total, self.noun)
  if tally.last_at then
    parts[#parts + 1] = ("last %s ago")
      :format(text.duration(loop.now() - tally.last_at))
    parts[#parts + 1] = ("%.1f/min"):format(tally:rate(60) * 60)
  end
  return table.concat(parts, " · ")
end

local function on_state(self, name, detail)
  local session = self.session
  local out = session.out
  local record = { state = name }
  if name == "waiting" and detail then
    record.retryIn, record.attempts = detail.delay, detail.attempts
    out:detail(("trying again in %s"):format(text.duration(detail.delay)))
  else
    out:detail("state: " .. (WORDS[name] or name))
  end
  out:aside("state", record)
  if name == "failed" then
    session:fail(detail and detail.err or "the subscription is over")
  elseif name == "joined" then
    service.ready(WORDS[name] .. " to " .. self.target.resource)
  elseif name ~= "closed" then
    service.status(WORDS[name] or name)
  end
  out.status:changed()
end

--- Tells of a subscription or a watch, and ends it with the command.
---@param session table
---@param target table subscription or watch
---@param noun string what is counted
---@param progress fun(): string|nil harmless text for the status line
---@return table tally a meter of what is counted
function follow.start(session, target, noun, progress)
  local out = session.out
  local self = {
    session = session, target = target, noun = noun, progress = progress,
    tally = meter.new(), joins = 0,
  }
  target:on("connect", function()
    self.joins = self.joins + 1
    out:news(self.joins == 1 and "connected" or "connected again", "green")
    out:aside "connect"
  end)
  target:on("disconnect", function(reason)
    if session:is_over() then return end
    out:news("disconnected: " .. tostring(reason), "yellow")
    out:aside("disconnect", { reason = reason })
  end)
  target:on("connect_error", function(err) out:warn(err) end)
  target:on("error", function(err)
    -- What is final is said once, when the state says so.
    if target.state ~= "failed" and not session:is_over() then out:warn(err) end
  end)
  target:on("renew", function(endpoint)
    out:detail("endpoint renewed")
    out:aside("renew", {
      id = endpoint.id,
      expiresAt = endpoint.expires_at and date.to_iso(endpoint.expires_at),
    })
  end)
  target:on("state", function(name, detail) on_state(self, name, detail) end)
  session:on_end(function()
    service.stopping()
    target:close()
  end)
  service.start()
  out.status:show(function() return compose(self) end)
  return self.tally
end

return follow
