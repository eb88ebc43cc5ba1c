--- An event to emit as a line of text: a name, and its arguments in JSON, with
--- spaces between.
--
--   message "hello" {"to": ["a", "b"]} 5
--   "a name with spaces" null
-- Pure.

local json = require "graphsocket.json"
local words = require "graphsocket.cli.text"

local emission = {}

local CLOSING = { ["{"] = "}", ["["] = "]" }

-- The end of the string literal that begins at `at`, or nil.
local function string_end(line, at)
  at = at + 1
  while at <= #line do
    local character = line:sub(at, at)
    if character == '"' then return at end
    at = at + (character == "\\" and 2 or 1)
  end
end

-- The end of the object or array that begins at `at`, or nil.
local function group_end(line, at)
  local open = {}
  while at and at <= #line do
    local character = line:sub(at, at)
    if character == '"' then
      at = string_end(line, at)
    elseif CLOSING[character] then
      open[#open + 1] = CLOSING[character]
    elseif character == open[#open] then
      open[#open] = nil
      if #open == 0 then return at end
    end
    at = at and at + 1
  end
end

-- The end of the JSON value that begins at `at`; where it is none, that of the
-- word.
local function value_end(line, at)
  local first = line:sub(at, at)
  local found
  if first == '"' then
    found = string_end(line, at)
  elseif CLOSING[first] then
    found = group_end(line, at)
  end
  return found or (line:find("%s", at) or #line + 1) - 1
end

-- Cuts the next value out. Returns its text and where the rest begins.
local function next_value(line, at)
  local first = line:find("%S", at)
  if not first then return nil end
  local last = value_end(line, first)
  return line:sub(first, last), last + 1
end

-- As much of it as a message needs.
local function excerpt(text)
  return words.cut(words.safe(text), 40)
end

local function read_name(text)
  if text:sub(1, 1) ~= '"' then return text end
  local name = json.decode(text)
  return type(name) == "string" and name or nil
end

--- Reads a line.
---@param line string
---@return string|nil name nil, nil for an empty line
---@return table|string|nil arguments { n = count, … }; or what is wrong
function emission.parse(line)
  local text, at = next_value(line, 1)
  if not text then return nil end
  local name = read_name(text)
  if not name or name == "" then
    return nil, "the event's name is no text: " .. excerpt(text)
  end
  local arguments = { n = 0 }
  text, at = next_value(line, at)
  while text do
    local value, message = json.decode(text)
    if value == nil and message then
      return nil, ("%s is not JSON: text needs quotes, as in %s \"hello\" 5")
        :format(excerpt(text), excerpt(name))
    end
    arguments.n = arguments.n + 1
    arguments[arguments.n] = value
    text, at = next_value(line, at)
  end
  return name, arguments
end

return emission
