--- The command line: from the words of the shell to an exit code.
--
-- bin/graphsocket calls main(); nothing else of the library knows of this part,
-- and it alone needs argparse.

local cli = {}

local function has_argparse()
  local ok = pcall(require, "argparse")
  if ok then return true end
  io.stderr:write('graphsocket: the Lua module "argparse" is missing: install '
    .. "lua-argparse (Debian, Ubuntu), lua5.4-argparse (Alpine), or run "
    .. "luarocks install argparse\n")
  return false
end

--- Runs the command, and ends the process.
---@param words string[] the arguments
function cli.main(words)
  if not has_argparse() then os.exit(1) end
  local core = require "graphsocket.core"
  local exit = require "graphsocket.cli.exit"
  local values, message = require("graphsocket.cli.arguments").parse(words)
  if not values then
    io.stderr:write(message, "\n")
    os.exit(exit.USAGE)
  end
  local session = require "graphsocket.cli.session"
  local code, signal = session.run(
    require("graphsocket.cli.commands." .. values.command), values)
  require("graphsocket.engine").stop()
  -- By the signal itself, so that a shell's loop ends with its command.
  if signal then core.signal_raise(signal) end
  os.exit(code or exit.FAILED)
end

return cli
