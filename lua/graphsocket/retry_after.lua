--- Retry-After: how long a server asks to wait (RFC 9110, 10.2.3).

local date = require "graphsocket.date"

local retry_after = {}

--- The longest pause taken from a server, in seconds: more is a mistake, or
--- malice, and would end a subscription without a word.
local MAX_PAUSE = 86400

--- The seconds that the header asks for, as a number or as a date. A date is
--- read against the server's own clock where it tells it: a local clock that
--- is wrong by a day must not make a pause of a day.
---@param value string|nil of Retry-After
---@param server_date string|nil of Date
---@param now number epoch seconds of the local clock
---@return number|nil seconds nil: it asks for nothing that can be understood
function retry_after.seconds(value, server_date, now)
  if not value then return nil end
  local seconds = tonumber(value:match("^%d+%.?%d*$"))
  if seconds then return math.min(seconds, MAX_PAUSE) end
  local at = date.from_http(value)
  if not at then return nil end
  local pause = at - (date.from_http(server_date) or now)
  return math.max(0, math.min(pause, MAX_PAUSE))
end

return retry_after
