--- The command line: from the words of the shell to an exit code.
--
-- bin/graphsocket calls main(); nothing else of the library knows of this part,
-- and it alone needs argparse.

local needs = require "graphsocket.needs"

local cli = {}

-- One line, where a stack would tell the same in twenty.
local function require_core()
  local missing = needs.module "argparse"
  if missing then error(missing, 0) end
  return require "graphsocket.abi"
end

--- Runs the command, and ends the process.
---@param words string[] the arguments
function cli.main(words)
  local ok, core = pcall(require_core)
  if not ok then
    io.stderr:write(tostring(core), "\n")
    os.exit(1)
  end
  core.open_standard()
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
