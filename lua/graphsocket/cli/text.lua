--- Text for a terminal: what other people named their files, made harmless and
--- aligned; times and amounts as people read them.
-- Pure: no I/O, no clock.

local core = require "graphsocket.core"

local text = {}

local NAMED = { ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

local function escape(byte)
  return NAMED[byte] or ("\\x%02x"):format(byte:byte())
end

-- Bytes that are no UTF-8 are shown as what they are.
local function mend(value)
  if core.utf8_valid(value) then return value end
  return (value:gsub("[\128-\255]", escape))
end

--- Makes text harmless for a terminal: control characters (a file may be named
--- by an escape sequence that types commands), those of C1, marks that turn the
--- direction of writing round, and what is no UTF-8, are shown as escapes.
---@param value any turned into a string
---@return string one line
function text.safe(value)
  value = mend(tostring(value))
  value = value:gsub("[%z\1-\31\127]", escape)
  -- U+0080 to U+009F; U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069.
  value = value:gsub("\194([\128-\159])", escape)
  value = value:gsub("\226\128[\142\143\168-\174]", function(mark)
    return ("\\u%04x"):format(0x2000 + mark:byte(3) - 0x80)
  end)
  return (value:gsub("\226\129([\166-\169])", function(last)
    return ("\\u%04x"):format(0x2040 + last:byte() - 0x80)
  end))
end

--- One UTF-8 character, for gmatch.
local CHARACTER = "[%z\1-\127\194-\244][\128-\191]*"

-- Characters that take two columns: East Asian ones and emoji, roughly, by
-- their first bytes; and those that take none: combining marks.
local function columns_of(character)
  local first, second = character:byte(1, 2)
  if #character == 4 then return 2 end
  if #character == 3 and (first == 0xE1 and second < 0x86
    or first >= 0xE3 and first <= 0xED and not (first == 0xED and second > 0x9E)
    or first == 0xEF and second >= 0xBC) then
    return first == 0xE1 and second < 0x84 and 1 or 2
  end
  if first == 0xCC or (first == 0xCD and second < 0xB0) then return 0 end
  return 1
end

--- Columns that harmless text takes.
---@param value string
---@return integer
function text.width(value)
  local width = 0
  for character in value:gmatch(CHARACTER) do
    width = width + columns_of(character)
  end
  return width
end

--- Cuts harmless text to `max` columns; what is cut ends with "…".
---@param value string
---@param max integer
---@return string
function text.cut(value, max)
  if text.width(value) <= max then return value end
  if max < 1 then return "" end
  local width, kept = 1, {}
  for character in value:gmatch(CHARACTER) do
    width = width + columns_of(character)
    if width > max then break end
    kept[#kept + 1] = character
  end
  return table.concat(kept) .. "…"
end

--- Fills harmless text up to `width` columns.
---@param value string
---@param width integer
---@return string
function text.pad(value, width)
  return value .. (" "):rep(width - text.width(value))
end

local UNITS = {
  { 86400, "d" }, { 3600, "h" }, { 60, "min" }, { 1, "s" },
}

--- Seconds as "12 s", "3 min", "2 h", "5 d".
---@param seconds number
---@return string
function text.duration(seconds)
  if seconds < 10 then
    return ("%.1f s"):format(math.max(0, seconds)):gsub("%.0 s", " s")
  end
  for _, unit in ipairs(UNITS) do
    if seconds >= 2 * unit[1] or unit[1] == 1 then
      return ("%.0f %s"):format(math.floor(seconds / unit[1]), unit[2])
    end
  end
end

--- A whole number with its thousands set apart: "12,345".
---@param number number
---@return string
function text.amount(number)
  local digits = ("%.0f"):format(number)
  local head = #digits % 3
  local groups = digits:sub(head + 1):gsub("%d%d%d", ",%0")
  return ((digits:sub(1, head) .. groups):gsub("^,", ""))
end

--- "1 change", "2 changes".
---@param number integer
---@param noun string
---@return string
function text.count(number, noun)
  return ("%s %s%s"):format(text.amount(number), noun, number == 1 and "" or "s")
end

return text
