--- What a command says: results on standard output, everything else on standard
--- error. For people lines of text, for programs (--json) one JSON object a
--- line.
--
-- Each line is written at once, whatever the other end is: a program that reads
-- a pipe wants an event when it happens. A standard output that nobody reads
-- any more ends the command: a write that fails is told to `on_closed`.

local core = require "graphsocket.core"
local date = require "graphsocket.date"
local errors = require "graphsocket.errors"
local json = require "graphsocket.json"
local loop = require "graphsocket.loop"
local plain = require "graphsocket.loop.plain"
local status = require "graphsocket.cli.status"
local style = require "graphsocket.cli.style"
local text = require "graphsocket.cli.text"

local output = {}

local methods = {}
local metatable = { __name = "graphsocket.cli.output", __index = methods }

--- Makes the output of a command.
---@param values table json, quiet, verbose
---@param on_closed fun(is_gone: boolean, message: string|nil) is_gone: the
---  reader is; else the output cannot be written (a full disk)
---@return table
function output.new(values, on_closed)
  local self = setmetatable({
    is_json = values.json or false,
    is_quiet = values.quiet or false,
    is_verbose = values.verbose or false,
    paint = style.painter(1),
    paint_error = style.painter(2),
    sentence = output.sentence,
    status = nil,
    _on_closed = on_closed,
    _is_closed = false,
  }, metatable)
  self.status = status.new(not self.is_quiet and style.is_screen(2))
  plain.watch_end(1, function() self:_close(true) end)
  return self
end

function methods:_close(is_gone, message)
  plain.watch_end(1, nil)
  if self._is_closed then return end
  self._is_closed = true
  self._on_closed(is_gone, message)
end

--- Whether nothing that is written arrives any more.
---@return boolean
function methods:is_closed()
  return self._is_closed
end

--- Writes to standard output as it is.
---@param value string
function methods:raw(value)
  if self._is_closed then return end
  self.status:hide()
  local ok, message = io.stdout:write(value)
  if ok then ok, message = io.stdout:flush() end
  if ok then return end
  local is_gone = tostring(message):find("[Pp]ipe") ~= nil
  self:_close(is_gone, ("standard output: %s"):format(tostring(message)))
end

--- A line of a result, for people. The text must be harmless already.
---@param line string
function methods:line(line)
  if not self.is_json then self:raw(line .. "\n") end
end

-- C1 controls are harmless in JSON, but not where JSON is looked at.
local function encode(value)
  return (json.encode(value):gsub("\194([\128-\159])", function(byte)
    return ("\\u%04x"):format(byte:byte())
  end))
end

-- As a server sent it, a text may be no UTF-8, which JSON cannot carry.
local function mended(value)
  if type(value) == "string" then
    return core.utf8_valid(value) and value
      or value:gsub("[\128-\255]", "\239\191\189")
  end
  if type(value) ~= "table" then return value end
  local copy = {}
  for key, inner in pairs(value) do copy[mended(key)] = mended(inner) end
  return copy
end

--- Encodes a record: one line.
---@param record table
---@return string
function output.encode(record)
  local ok, line = pcall(encode, record)
  return ok and line or encode(mended(record))
end

--- A record of a result, for programs: `kind` and the time are put into it.
---@param kind string
---@param record table|nil
function methods:record(kind, record)
  if not self.is_json then return end
  self:raw(output.encode(output.stamp(kind, record)) .. "\n")
end

--- A record of what is no result: not with --quiet.
---@param kind string
---@param record table|nil
function methods:aside(kind, record)
  if not self.is_quiet then self:record(kind, record) end
end

--- The time of day, as lines of results begin.
---@return string
function methods:clock()
  return self.paint("dim", os.date("%H:%M:%S", math.floor(loop.time())))
end

--- Puts the type and the time into a record.
---@param kind string
---@param record table|nil
---@return table the same record
function output.stamp(kind, record)
  record = record or {}
  record.type, record.time = kind, date.to_iso(loop.time())
  return record
end

local function write_error(self, line)
  self.status:hide()
  io.stderr:write(line, "\n")
end

--- News that a person may want: connected, trying again. Not with --quiet.
---@param message string
---@param colour string|nil
function methods:news(message, colour)
  if self.is_quiet or self.is_json then return end
  write_error(self, self.paint_error(colour, text.safe(message)))
end

--- News for who asked for --verbose.
---@param message string
function methods:detail(message)
  if self.is_verbose then
    write_error(self, self.paint_error("dim", text.safe(message)))
  end
end

-- Of what a handler of ours raised, the reason.
local function reason_of(err)
  local is_wrapped = err.code == "handlerRaised" and errors.is(err.cause)
  return is_wrapped and err.cause or err
end

-- What a person has to know of an error: no word of the library's kinds.
function output.sentence(err)
  if not errors.is(err) then return tostring(err) end
  err = reason_of(err)
  if err.code == "commandFailed" then return err.message end
  return (tostring(err):gsub("^%a+: ", "", 1))
end

--- Something is wrong, but the command goes on.
---@param err any
function methods:warn(err)
  if self.is_json then
    self:aside("error", output.describe(err))
  elseif not self.is_quiet then
    write_error(self, self.paint_error("yellow", "graphsocket: ")
      .. text.safe(output.sentence(err)))
  end
end

--- The command ends with an error: said in every case.
---@param err any
function methods:fail(err)
  self:record("error", output.describe(err, true))
  write_error(self, self.paint_error("red", "graphsocket: ")
    .. text.safe(output.sentence(err)))
end

--- An error as a record.
---@param err any
---@param is_final boolean|nil
---@return table
function output.describe(err, is_final)
  local record = { message = output.sentence(err), final = is_final or false }
  if errors.is(err) then
    err = reason_of(err)
    record.kind, record.code, record.status = err.kind, err.code, err.status
    record.requestId, record.phase = err.request_id, err.phase
    record.retryable, record.retryAfter = err.retryable, err.retry_after
  end
  return record
end

--- Rows for people, their columns aligned; the last one is as long as it is.
---@param rows string[][] harmless text
---@param colours table|nil column -> colour
---@param heads string[]|nil
function methods:table(rows, colours, heads)
  if self.is_json then return end
  local widths = {}
  local function measure(row)
    for i = 1, #row - 1 do
      widths[i] = math.max(widths[i] or 0, text.width(row[i]))
    end
  end
  for _, row in ipairs(rows) do measure(row) end
  if heads then measure(heads) end
  local function show(row, paint_of)
    local cells = {}
    for i, cell in ipairs(row) do
      local filled = i < #row and text.pad(cell, widths[i]) or cell
      cells[i] = self.paint(paint_of(i), filled)
    end
    self:line(table.concat(cells, "  "))
  end
  if heads then show(heads, function() return "dim" end) end
  for _, row in ipairs(rows) do
    show(row, function(i) return colours and colours[i] end)
  end
end

--- Clears what is not meant to stay.
function methods:finish()
  plain.watch_end(1, nil)
  self.status:close()
  if not self._is_closed then io.stdout:flush() end
end

return output
