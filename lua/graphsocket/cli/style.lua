--- Colours, where somebody looks: on a terminal that can show them, unless
--- NO_COLOR is set (no-color.org). And which terminal can show more than text.

local core = require "graphsocket.core"

local style = {}

local CODES = {
  red = "31", green = "32", yellow = "33", blue = "34", cyan = "36",
  bold = "1", dim = "2",
}

--- Whether a descriptor is a terminal that understands control sequences.
---@param fd integer
---@return boolean
function style.is_screen(fd)
  return core.terminal(fd) ~= nil and os.getenv "TERM" ~= "dumb"
end

--- Makes a function paint(colour, text) for a descriptor.
---@param fd integer
---@return fun(colour: string|nil, text: string): string
function style.painter(fd)
  local colourful = style.is_screen(fd) and (os.getenv "NO_COLOR" or "") == ""
  return function(colour, value)
    if not colourful or not colour then return value end
    return ("\27[%sm%s\27[0m"):format(CODES[colour], value)
  end
end

return style
