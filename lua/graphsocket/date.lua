--- The two ways in which Graph writes a time, read into epoch seconds (UTC).
-- Done by hand because os.time reads a local time, and in nginx the zone of
-- the worker is whatever the environment said.
-- Pure: no clock.

local date = {}

local MONTHS = {
  jan = 1, feb = 2, mar = 3, apr = 4, may = 5, jun = 6,
  jul = 7, aug = 8, sep = 9, oct = 10, nov = 11, dec = 12,
}

local DAYS = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }

local function is_leap(year)
  return year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)
end

-- Days from 1970-01-01 to a date of the Gregorian calendar. The year begins
-- in March, so that the leap day is its last.
local function days(year, month, day)
  if month <= 2 then year, month = year - 1, month + 12 end
  local before = 365 * year + math.floor(year / 4) - math.floor(year / 100)
    + math.floor(year / 400)
  return before + math.floor((153 * (month - 3) + 2) / 5) + day - 719469
end

local function epoch(year, month, day, hour, minute, second)
  year, month, day = tonumber(year), tonumber(month), tonumber(day)
  hour, minute, second = tonumber(hour), tonumber(minute), tonumber(second)
  if year < 1970 or month < 1 or month > 12 then return nil end
  local last = DAYS[month]
  if month == 2 and is_leap(year) then last = 29 end
  -- 60 is a leap second.
  if day < 1 or day > last or hour > 23 or minute > 59 or second > 60 then
    return nil
  end
  return ((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second
end

--- Reads an ISO 8601 time such as "2026-01-31T23:59:59.1234567Z": any number
--- of fractional digits, "Z" or an offset.
---@param text any
---@return number|nil epoch seconds
function date.from_iso(text)
  if type(text) ~= "string" then return nil end
  local year, month, day, hour, minute, second, rest = text:match(
    "^(%d%d%d%d)%-(%d%d)%-(%d%d)[Tt ](%d%d):(%d%d):(%d%d)(.*)$")
  if not year then return nil end
  local fraction, zone = rest:match("^(%.%d+)(.*)$")
  zone = zone or rest
  local at = epoch(year, month, day, hour, minute, second)
  if not at then return nil end
  if fraction then at = at + tonumber("0" .. fraction) end
  if zone == "Z" or zone == "z" then return at end
  local sign, zone_hour, zone_minute = zone:match("^([+-])(%d%d):?(%d%d)$")
  if not sign then return nil end
  local offset = tonumber(zone_hour) * 3600 + tonumber(zone_minute) * 60
  return sign == "+" and at - offset or at + offset
end

--- Reads an HTTP date (RFC 9110, 5.6.7), the two obsolete forms included.
---@param text any
---@return number|nil epoch seconds
function date.from_http(text)
  if type(text) ~= "string" then return nil end
  local day, month, year, hour, minute, second = text:match(
    "^%a+, (%d%d?)[ -](%a%a%a)[ -](%d+) (%d%d):(%d%d):(%d%d) %u+$")
  if not day then
    month, day, hour, minute, second, year = text:match(
      "^%a+ (%a%a%a) +(%d%d?) (%d%d):(%d%d):(%d%d) (%d%d%d%d)$")
  end
  if not day or not MONTHS[month:lower()] then return nil end
  if #year == 2 then
    -- RFC 850's form: two digits, of this century or the last.
    year = tonumber(year) + (tonumber(year) < 70 and 2000 or 1900)
  end
  return epoch(year, MONTHS[month:lower()], day, hour, minute, second)
end

--- Writes epoch seconds as "2026-01-31T23:59:59Z".
---@param at number
---@return string
function date.to_iso(at)
  return (os.date("!%Y-%m-%dT%H:%M:%SZ", math.floor(at)))
end

return date
