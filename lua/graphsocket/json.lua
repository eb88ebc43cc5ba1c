--- JSON as the project needs it, by lua-cjson, or another codec (json.use).
--
-- The codec is an instance of our own (cjson.new), so the script's settings of
-- its cjson change nothing here, nor ours there. What lua-cjson would write
-- silently wrong (bytes that are no UTF-8, a list with string keys) raises
-- instead and names the place in the value. The walk that finds it costs about
-- as much as the encoding of a small table; the faulty case alone pays for the
-- path.
--
-- Debian's lua-cjson 2.1.0 writes an empty table always as an object, and cuts
-- numbers to 14 digits: a value that contains an empty json.array, or a number
-- that needs more, is therefore put together here, with lua-cjson writing all
-- that is in it. Lists that were decoded and are empty are not told from empty
-- objects.
--
-- On Lua 5.3 and 5.4 lua-cjson 2.1.0 decodes every number as a float, which
-- would print 1 as "1.0": what is an integer is made one here. An integer beyond
-- 2^53 has lost its last digits by then, as it does in JavaScript.
--
-- A string that was cut in the middle of an emoji, and the name of a file on
-- Windows, may hold half of a surrogate pair, which no UTF-8 can tell. It is read
-- as U+FFFD, as Node writes it: lua-cjson refuses the whole text for it.

local cjson = require "cjson"
local core = require "graphsocket.core"

local json = {}

--- Nesting taken in either direction.
local MAX_DEPTH = 1000

local codec = cjson.new()
codec.encode_max_depth(MAX_DEPTH)
codec.decode_max_depth(MAX_DEPTH)
codec.encode_invalid_numbers(false)
codec.decode_invalid_numbers(false)
-- Newer releases take 16 digits or more; 2.1.0 takes 14.
if not pcall(codec.encode_number_precision, 17) then
  if not pcall(codec.encode_number_precision, 16) then
    codec.encode_number_precision(14)
  end
end

local encode = codec.encode
local decode = codec.decode
local utf8_valid = core.utf8_valid
local read = core.read_json
local huge = math.huge
local getmetatable, next, type = getmetatable, next, type

--- JSON's null. It is lua-cjson's, and so also OpenResty's ngx.null.
json.null = cjson.null
local null = json.null

local array_mt = { __name = "graphsocket.array" }

--- Marks a table as a JSON array, so that it is written as [] when it is empty.
---@param list table|nil a list; a new one if absent
---@return table list the same table
function json.array(list)
  if list == nil then list = {} end
  if type(list) ~= "table" then
    error("bad argument #1 to 'array': give a list, got " .. type(list), 2)
  end
  local mt = getmetatable(list)
  if mt ~= nil and mt ~= array_mt then
    error("bad argument #1 to 'array': the table has a metatable already", 2)
  end
  return setmetatable(list, array_mt)
end

--- True for a table that json.array marked.
---@param value any
---@return boolean
function json.is_array(value)
  return type(value) == "table" and getmetatable(value) == array_mt
end

-- Newer releases of lua-cjson have marks of their own; scripts for OpenResty
-- use them, and they mean the same.
local function is_marked(t)
  local mt = getmetatable(t)
  return mt ~= nil
    and (mt == array_mt or mt == cjson.array_mt or mt == cjson.empty_array_mt)
end

-- Returns what is wrong with a number that is not small and whole, or nil.
local function number_fault(number)
  if number ~= number then return "NaN" end
  if number == huge or number == -huge then return "an infinite number" end
  -- An integer of Lua 5.3 and later that is none of a double's.
  if number ~= number + 0.0 then
    return ("the integer %d, which readers of JSON round, as it is beyond "
      .. "2^53: send it as a string"):format(number)
  end
end

-- Writes a number in as few digits as keep it; 17 are always enough. A locale
-- may have a decimal comma.
local function number_text(number)
  local text = encode(number)
  for digits = 15, 17 do
    if tonumber(text) == number then break end
    text = ("%." .. digits .. "g"):format(number)
  end
  return (text:gsub(",", "."))
end

local function path_step(key)
  if type(key) == "number" then return ("[%d]"):format(key) end
  if key:find("^[%a_][%w_]*$") then return "." .. key end
  return ('["%s"]'):format((key:gsub("%c", "?")))
end

local walk_table

-- The walk functions return nil if the value can be written, else what is
-- wrong and the path to it from here. |state.composed| is set when something
-- was met that lua-cjson cannot write.

local function walk(value, depth, state)
  local kind = type(value)
  if kind == "string" then
    if utf8_valid(value) then return end
    return "a string that is not UTF-8: send it as a binary value", ""
  elseif kind == "number" then
    -- 14 digits are exact everywhere, and this is what nearly all numbers are.
    if value % 1 == 0 and value > -1e14 and value < 1e14 then return end
    local reason = number_fault(value)
    if reason then return reason, "" end
    local text = encode(value)
    -- Of a locale with a decimal comma, tonumber takes "1,5" as well.
    if tonumber(text) ~= value or text:find(",", 1, true) then
      state.composed = true
    end
  elseif kind == "table" then
    return walk_table(value, depth + 1, state)
  elseif kind ~= "boolean" and value ~= null then
    if value ~= cjson.empty_array then return "a " .. kind, "" end
    state.composed = true
  end
end

local function walk_list(list, depth, state)
  local count, last = 0, 0
  for key, value in next, list do
    if type(key) ~= "number" or key % 1 ~= 0 or key < 1 then
      return "a table that is neither a list nor an object (its keys are of "
        .. "both kinds)", ""
    end
    local reason, path = walk(value, depth, state)
    if reason then return reason, path_step(key) .. path end
    count = count + 1
    if key > last then last = key end
  end
  if count < last then
    local hole = 1
    while list[hole] ~= nil do hole = hole + 1 end
    return ("a hole at index %d: put json.null there"):format(hole), ""
  end
end

local function walk_object(object, depth, state)
  for key, value in next, object do
    if type(key) ~= "string" then
      return ("a table with a %s as a key (use strings, or 1, 2, 3 …)")
        :format(type(key)), ""
    end
    if not utf8_valid(key) then return "a key that is not UTF-8", "" end
    local reason, path = walk(value, depth, state)
    if reason then return reason, path_step(key) .. path end
  end
end

walk_table = function(t, depth, state)
  if depth > MAX_DEPTH then
    return "a table that nests deeper than 1000 or contains itself", ""
  end
  local key = next(t)
  if key == nil then
    if is_marked(t) then state.composed = true end
  elseif type(key) == "number" or is_marked(t) then
    return walk_list(t, depth, state)
  else
    return walk_object(t, depth, state)
  end
end

-- Writes a value that lua-cjson cannot write as a whole. It was walked before.
local function compose(value)
  if type(value) == "number" then return number_text(value) end
  if type(value) ~= "table" then
    return value == cjson.empty_array and "[]" or encode(value)
  end
  local key = next(value)
  if key == nil then return is_marked(value) and "[]" or "{}" end
  local parts = {}
  if type(key) == "number" then
    for i = 1, #value do parts[i] = compose(value[i]) end
    return "[" .. table.concat(parts, ",") .. "]"
  end
  for k, v in next, value do
    parts[#parts + 1] = encode(k) .. ":" .. compose(v)
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

--- Writes a value as JSON. Raises, naming the place, if it cannot be written:
--- a function, a table that contains itself, a table with keys of both kinds,
--- NaN, a string that is not UTF-8, an integer beyond 2^53 that is no double.
---@param value any
---@param what string|nil what the value is, for the message; "value"
---@param level integer|nil as of error(); 2, the caller of encode
---@return string
function json.encode(value, what, level)
  local state = {}
  local reason, path = walk(value, 0, state)
  if reason then
    if #path > 100 then path = path:sub(1, 100) .. "…" end
    error(("cannot write %s%s as JSON: it is %s"):format(
      what or "value", path, reason), (level or 2))
  end
  if state.composed then return compose(value) end
  return encode(value)
end

--- Has another codec read and write all JSON of this Lua state from now on:
--- of packets, and of Graph. What is checked before a value is written stays.
---@param other table|nil decode = fn(text) -> value, which raises or returns nil
--- for what is no JSON, and encode = fn(value) -> text, which raises; null is
--- json.null to both. One that is absent is lua-cjson's; nil: both are
function json.use(other)
  if other ~= nil and type(other) ~= "table" then
    error("bad argument #1 to 'use': give a table with decode and encode, got "
      .. type(other), 2)
  end
  for name, value in pairs(other or {}) do
    if name ~= "decode" and name ~= "encode" or type(value) ~= "function" then
      error("bad argument #1 to 'use': its fields are the functions decode and "
        .. "encode, got " .. tostring(name) .. " = " .. type(value), 2)
    end
  end
  encode = other and other.encode or codec.encode
  decode = other and other.decode or codec.decode
end

-- lua-cjson reads numbers by the C library. It asks for the locale's decimal
-- point when an instance is made, for all of them; after os.setlocale it must be
-- asked to. Returns true if it was.
local function follow_locale()
  if pcall(codec.decode, "[0.5]") then return false end
  cjson.new()
  return true
end

-- Returns |text| with U+FFFD for each escaped half of a surrogate pair whose other
-- half is not there, and how many there were. Every escape is looked at, so that
-- the "\\ud800" of an escaped backslash is not taken for one.
local function mend_halves(text)
  local count, second_at = 0, nil
  local mended = text:gsub("()\\(.)(%x?%x?%x?%x?)()", function(at, kind, digits, behind)
    local unit = kind == "u" and #digits == 4 and tonumber(digits, 16) or 0
    if unit < 0xD800 or unit > 0xDFFF or at == second_at then return end
    if unit < 0xDC00 and text:find("^\\u[Dd][C-Fc-f]%x%x", behind) then
      second_at = behind
      return
    end
    count = count + 1
    return "\\ufffd"
  end)
  return mended, count
end

-- Reads once more what lua-cjson refuses for no fault of the text, if that is so.
local function read_again(text, at)
  local value, message
  if follow_locale() then value, message = read(decode, text, at) end
  if value ~= nil or not text:find("\\u[Dd][89A-Fa-f]") then return value, message end
  local mended, count = mend_halves(at and text:sub(at) or text)
  if count == 0 then return value, message end
  return read(decode, mended)
end

--- Reads JSON text.
---@param text string
---@param at integer|nil where it begins in |text|; 1
---@return any value, or nil and a message that repeats nothing of the text
---@return string|nil message
function json.decode(text, at)
  if type(text) ~= "string" then
    error("bad argument #1 to 'decode': give a string, got " .. type(text), 2)
  end
  local value, message = read(decode, text, at)
  if value == nil and decode == codec.decode then
    local again, why = read_again(text, at)
    value, message = again, why or message
  end
  if value == nil then
    -- Another's message may repeat the text.
    if decode ~= codec.decode then return nil, "the decoder refused it" end
    -- lua-cjson's gives the kind of token and the position only.
    return nil, (tostring(message):gsub("^[^:]*:%d+: ", ""))
  end
  return value
end

return json
