-- busted under whichever interpreter runs this file; the installed command
-- knows one version of Lua only.
require "busted.runner" { standalone = false }
