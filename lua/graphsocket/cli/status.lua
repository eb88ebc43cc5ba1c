--- The status line: one line at the foot of a terminal that tells how things
--- are, and is gone before anything else is written.
--
-- It is written to standard error, so a result that goes into a file has none
-- of it. While it is shown a timer redraws it, for it has clocks in it; where
-- nobody looks there is no timer.

local core = require "graphsocket.core"
local loop = require "graphsocket.loop"
local text = require "graphsocket.cli.text"

local status = {}

--- Seconds between two drawings, and until it comes back after other output.
local REDRAW, COME_BACK = 1, 0.05

local methods = {}
local metatable = { __name = "graphsocket.cli.status", __index = methods }

--- Makes a status line, which shows nothing yet.
---@param is_wanted boolean
---@return table
function status.new(is_wanted)
  return setmetatable({
    _is_wanted = is_wanted,
    _compose = nil,     -- () -> harmless text
    _is_shown = false,
    _timer = nil,
  }, metatable)
end

local function draw(self)
  local columns = core.terminal(2)
  if not columns then return self:close() end
  io.stderr:write("\r\27[2K", text.cut(self._compose(), columns - 1))
  io.stderr:flush()
  self._is_shown = true
end

local function plan(self, seconds)
  if self._timer then self._timer:cancel() end
  self._timer = loop.timer(seconds, function()
    draw(self)
    if self._is_wanted then plan(self, REDRAW) end
  end)
end

--- Shows a line from now on.
---@param compose fun(): string gives harmless text
function methods:show(compose)
  if not self._is_wanted then return end
  self._compose = compose
  plan(self, COME_BACK)
end

--- Something has changed that is in the line.
function methods:changed()
  if self._compose and self._is_shown then plan(self, COME_BACK) end
end

--- Takes it away for other output; it comes back by itself.
function methods:hide()
  if not self._is_shown then return end
  io.stderr:write("\r\27[2K")
  io.stderr:flush()
  self._is_shown = false
  plan(self, COME_BACK)
end

--- Takes it away for good.
function methods:close()
  self:hide()
  if self._timer then self._timer:cancel() end
  self._timer, self._compose, self._is_wanted = nil, nil, false
end

return status
