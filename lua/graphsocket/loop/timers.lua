--- Deadlines in a binary heap. Knows no clock and calls nothing: the pump says
--- what time it is and runs what it pops.
--
-- Invariants: timers of one deadline come out in the order in which they were
-- pushed; cancelling is O(1) and leaves a dead entry, which is dropped when it
-- comes to the top, or by a sweep once more than half of the heap is dead (a
-- timeout a request, always cancelled, would otherwise pile up for as long as
-- the timeout lasts).

local floor = math.floor

local Heap = {}
Heap.__index = Heap

-- Below this size dead entries cost less than the sweep.
local SWEEP_MIN = 64

local function before(a, b)
  if a.deadline ~= b.deadline then
    return a.deadline < b.deadline
  end
  return a.order < b.order
end

local function sift_up(list, i)
  local item = list[i]
  while i > 1 do
    local parent = floor(i / 2)
    if not before(item, list[parent]) then
      break
    end
    list[i] = list[parent]
    i = parent
  end
  list[i] = item
end

local function sift_down(list, i, size)
  local item = list[i]
  while 2 * i <= size do
    local child = 2 * i
    if child < size and before(list[child + 1], list[child]) then
      child = child + 1
    end
    if not before(list[child], item) then
      break
    end
    list[i] = list[child]
    i = child
  end
  list[i] = item
end

local function remove_top(self)
  local list, size = self._list, self._size
  local top = list[1]
  list[1] = list[size]
  list[size] = nil
  self._size = size - 1
  if size > 2 then
    sift_down(list, 1, size - 1)
  end
  top.queued = false
  return top
end

local function drop_dead(self)
  while self._size > 0 and self._list[1].dead do
    remove_top(self)
    self._dead = self._dead - 1
  end
end

local function sweep(self)
  local old, live = self._list, {}
  for i = 1, self._size do
    if old[i].dead then
      old[i].queued = false
    else
      live[#live + 1] = old[i]
    end
  end
  self._list, self._size, self._dead = live, #live, 0
  for i = floor(self._size / 2), 1, -1 do
    sift_down(live, i, self._size)
  end
end

--- Adds a timer: any table, which gets the fields deadline, order, queued, dead.
---@param deadline number seconds, on the caller's clock
---@param timer table not in a heap now
---@return boolean first nothing else is due before it
function Heap:push(deadline, timer)
  self._order = self._order + 1
  timer.deadline, timer.order = deadline, self._order
  timer.queued, timer.dead = true, false
  self._size = self._size + 1
  self._list[self._size] = timer
  sift_up(self._list, self._size)
  return self._list[1] == timer
end

--- Takes a timer out. One that fired, or was cancelled, is left alone.
---@param timer table
function Heap:cancel(timer)
  if not timer.queued or timer.dead then
    return
  end
  timer.dead = true
  self._dead = self._dead + 1
  if self._dead > SWEEP_MIN and self._dead * 2 > self._size then
    sweep(self)
  end
end

--- The next deadline.
---@return number|nil seconds
function Heap:next()
  drop_dead(self)
  local top = self._list[1]
  return top and top.deadline
end

--- Takes the first timer that is due.
---@param now number seconds
---@return table|nil timer
function Heap:pop(now)
  drop_dead(self)
  local top = self._list[1]
  if top and top.deadline <= now then
    return remove_top(self)
  end
end

--- How many timers wait.
---@return number
function Heap:size()
  return self._size - self._dead
end

local function new()
  return setmetatable({
    _list = {}, -- 1.._size, a heap ordered by deadline, then order
    _size = 0,
    _dead = 0, -- cancelled entries still in _list
    _order = 0, -- of the newest timer
  }, Heap)
end

return { new = new }
