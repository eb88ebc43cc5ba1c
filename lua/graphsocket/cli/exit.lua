--- Exit codes, which programs rely on. The guide and the manual list them.

local errors = require "graphsocket.errors"

local exit = {
  OK = 0,
  FAILED = 1,      -- the network, Graph, a server
  USAGE = 2,       -- wrong words on the command line or in the environment
  AUTH = 3,        -- no token, or one that is refused; a permission is missing
  STATE = 4,       -- a state file or a token cache that cannot be used
  TIMEOUT = 124,   -- --timeout was over; the number is that of timeout(1)
}

local BY_KIND = { usage = exit.USAGE, auth = exit.AUTH, state = exit.STATE }

--- The code that an error ends a command with.
---@param err any
---@return integer
function exit.of(err)
  if not errors.is(err) then return exit.FAILED end
  if err.status == 401 or err.status == 403 then return exit.AUTH end
  return BY_KIND[err.kind] or exit.FAILED
end

return exit
