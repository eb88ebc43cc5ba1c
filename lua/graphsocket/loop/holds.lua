--- The objects that keep run() from returning: open sockets, pending requests.
--
-- They are referenced strongly, as nothing else may refer to a socket whose
-- handlers do all the work, until the program says that it is done with the
-- loop (run() returned, or stop() was called). From then on only weakly: what
-- the program has dropped is collected, and so closed. The next run() takes
-- what is still there back.

local strong = {}
local weak = setmetatable({}, { __mode = "k" })

local holds = {}

---@param object table
function holds.add(object)
  weak[object] = nil
  strong[object] = true
end

---@param object table
function holds.remove(object)
  strong[object] = nil
  weak[object] = nil
end

--- Whether anything is held.
---@return boolean
function holds.any()
  return next(strong) ~= nil or next(weak) ~= nil
end

local function move(from, to)
  for object in pairs(from) do
    to[object] = true
    from[object] = nil
  end
end

--- The loop runs: everything is referenced strongly.
function holds.grip()
  move(weak, strong)
end

--- The loop runs no more: everything is referenced weakly.
function holds.loosen()
  move(strong, weak)
end

return holds
