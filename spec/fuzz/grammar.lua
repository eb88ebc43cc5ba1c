--- What the generators of the fuzz targets share: a source of chance that a
--- seed decides, and JSON text, mostly right and sometimes not quite.

local grammar = {}

local Chance = {}
Chance.__index = Chance

--- A source of chance.
---@param seed integer
---@return table
function grammar.chance(seed)
  return setmetatable({ _state = seed % 2147483647 }, Chance)
end

--- Returns an integer from 1 to n.
function Chance:upto(n)
  -- Park and Miller's generator: its products are exact in a double.
  self._state = (self._state * 16807 + 12345) % 2147483647
  return self._state % n + 1
end

function Chance:one_of(list) return list[self:upto(#list)] end

--- True once in n times.
function Chance:once_in(n) return self:upto(n) == 1 end

local STRINGS = {
  '""', '"a"', '"A|b-1"', '"\\u0000"', '"\\ud83d\\ude00"', '"\\ud800"', '"é"', '"\\"\\\\"', '"\255"', '"1"',
  '"2026-01-31T23:59:59.1234567Z"', '"2026-02-29T00:00:00+14:00"', '"9999-12-31T23:59:60Z"', '"latest"',
}

local NUMBERS = {
  "0", "1", "-1", "-0", "1.5", "9007199254740993", "1e308", "1e999", "-1e-999", "12345678901234567890", "01", "0x10",
  "NaN", "Infinity", "-", "1.", ".5", "3600", "1e5",
}

local WORDS = { "null", "true", "false", "nul", "", "[]", "{}", "[", "}", "\0", "\"" }

local PLAIN = { "null", "true", "false", "7" }

local KEYS = { "a", "id", "value", "_placeholder", "num", "code", "", "1" }

local value

local function list(chance, depth, options)
  local parts = {}
  for i = 1, chance:upto(4) - 1 do parts[i] = value(chance, depth - 1, options) end
  return "[" .. table.concat(parts, ",") .. "]"
end

local function object(chance, depth, options)
  local parts = {}
  for i = 1, chance:upto(4) - 1 do
    parts[i] = ('"%s":%s'):format(chance:one_of(options.keys or KEYS), value(chance, depth - 1, options))
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

--- JSON text.
---@param chance table
---@param depth integer how deep it may nest
---@param options table keys: names for objects; strings: texts of strings, quoted; placeholders: how many attachments
---  there may be
---@return string
value = function(chance, depth, options)
  local kind = chance:upto(depth > 0 and 9 or 6)
  if kind <= 2 then return chance:one_of(options.strings or STRINGS) end
  if kind == 3 then return chance:one_of(STRINGS) end
  if kind == 4 then return chance:one_of(NUMBERS) end
  if kind == 5 and options.placeholders then
    return ('{"_placeholder":true,"num":%d}'):format(chance:upto(options.placeholders + 1) - 1)
  end
  -- Anything that is no value is rare: one is enough to spoil the whole.
  if kind <= 6 then return chance:one_of(chance:once_in(8) and WORDS or PLAIN) end
  if kind <= 7 then return list(chance, depth, options) end
  if kind == 8 and chance:once_in(50) then
    local levels = chance:upto(1200)
    return ("["):rep(levels) .. ("]"):rep(levels)
  end
  return object(chance, depth, options)
end
grammar.value = value

--- An object with some of the given members.
---@param chance table
---@param members table names to functions(chance) that return JSON text, or lists of texts to choose from
---@param options table as of value
---@return string
function grammar.members(chance, members, options)
  local parts = {}
  for _, member in ipairs(members) do
    local name, texts = member[1], member[2]
    if not chance:once_in(4) then
      local text = type(texts) == "function" and texts(chance) or texts and chance:one_of(texts)
      if not text or chance:once_in(5) then text = value(chance, 3, options) end
      parts[#parts + 1] = ('"%s":%s'):format(name, text)
    end
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

return grammar
