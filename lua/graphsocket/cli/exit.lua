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

--- What they mean, for the manual.
exit.MEANINGS = {
  { "0", "Done." },
  { "1", "The network, Graph or a server failed." },
  { "2", "Wrong use: of the words, or of a variable." },
  { "3", "No token, or one that is refused; a permission is missing." },
  { "4", "A state file or the login's tokens cannot be used; doctor: the "
    .. "clock is wrong; simulate: there is no simulator." },
  { "124", "The time of --timeout was over." },
  { "128 + n", "Ended by signal n: 129 SIGHUP, 130 SIGINT, 143 SIGTERM, and "
    .. "141 where nobody reads the output any more." },
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
