--- Lines of standard input, as they come, while everything else goes on.

local core = require "graphsocket.core"
local plain = require "graphsocket.loop.plain"

local input = {}

--- Longest line, in bytes.
local MAX_LINE = 16 * 1024 * 1024

--- Begins to read. Neither function may wait.
---@param on_line fun(line: string)
---@param on_end fun(message: string|nil) once, at the end; what went wrong
function input.start(on_line, on_end)
  local pieces, size = {}, 0 -- of a line that is not whole yet
  local function stop(message)
    plain.watch(0, nil)
    -- What went wrong may have cost the rest of the line.
    if size > 0 and not message then on_line(table.concat(pieces)) end
    on_end(message)
  end
  plain.watch(0, function()
    local piece, message = core.read(0)
    if not piece or piece == "" then return stop(message) end
    pieces[#pieces + 1], size = piece, size + #piece
    if not piece:find("\n", 1, true) then
      if size > MAX_LINE then stop "a line of standard input is too long" end
      return
    end
    local whole, from = table.concat(pieces), 1
    for line, after in whole:gmatch "([^\n]*)\n()" do
      from = after
      on_line((line:gsub("\r$", "")))
    end
    pieces = { whole:sub(from) }
    size = #pieces[1]
  end)
end

--- Reads no more.
function input.stop()
  plain.watch(0, nil)
end

return input
