--- Signals of the command: each calls one function, in the middle of a wait.
-- Only the plain host can do it, which is the command line's.

local core = require "graphsocket.core"
local loop = require "graphsocket.loop"
local plain = require "graphsocket.loop.plain"

local signals = {}

local handlers = {} -- name -> function
local children -- the future of the next SIGCHLD

local function deliver()
  local name = core.signal_next()
  while name do
    local handler = handlers[name]
    if handler then handler(name) end
    name = core.signal_next()
  end
end

--- Has handler(name) called for a signal. It must not wait.
---@param name string "HUP" "INT" "TERM" "CHLD"
---@param handler function
function signals.on(name, handler)
  handlers[name] = handler
  assert(core.signal(name, "catch"))
  plain.watch(core.signal_fd(), deliver)
end

--- Waits until a child of this process has ended, whichever it is. What ended
--- before this is called counts only if nobody has waited since.
function signals.await_child()
  children = children or loop.future()
  children:await()
end

--- Begins to look after children.
function signals.watch_children()
  signals.on("CHLD", function()
    if not children then return end
    local ended = children
    children = nil
    ended:resolve()
  end)
end

return signals
