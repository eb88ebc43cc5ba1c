--- The last events, numbered, in the shared dict: written by the owner, read by
--- every worker at its own speed.
--
-- Event n lies in slot n modulo the number of slots, so a new one overwrites
-- the oldest. A dict that is too small holds fewer: the oldest make room, which
-- costs a worker that is in step nothing. A number is handed out before its
-- event is stored, as two workers may write for a moment around a take-over; so
-- a reader may find a hole, which is filled at once, or, if its writer was
-- killed, never. An event that the dict cannot hold at all leaves an empty one.
-- Readers count what they missed: nothing is lost silently.
-- Pure: knows neither nginx nor the loop.

local journal = {}

local LAST = "gs:last"   -- number of the newest event
local FIRST = "gs:first" -- older ones made room

local methods = {}
local metatable = { __name = "graphsocket.nginx.journal", __index = methods }

---@param dict table ngx.shared.DICT, or memory.new
---@param slots number events that it holds at most
---@return table journal
function journal.new(dict, slots)
  -- At once, while there is room: they must not fail when there is none.
  dict:safe_add(LAST, 0)
  dict:safe_add(FIRST, 1)
  return setmetatable({ _dict = dict, _slots = slots }, metatable)
end

local function key_of(self, number)
  return "gs:e" .. number % self._slots
end

-- Returns number and text of what a slot holds.
local function read(self, number)
  local value = self._dict:get(key_of(self, number))
  local colon = value and value:find(":", 1, true)
  if colon then
    return tonumber(value:sub(1, colon - 1)), value:sub(colon + 1)
  end
end

--- The number of the newest event; 0: there was none.
---@return number
function methods:last()
  return self._dict:get(LAST) or 0
end

local function oldest(self, last)
  return math.max(self._dict:get(FIRST) or 1, last - self._slots + 1)
end

-- Removes older events, twice as many each time, until |value| fits.
local function store_instead(self, number, value)
  local dict, batch = self._dict, 1
  local first = oldest(self, number)
  while first < number do
    local stop = math.min(first + batch, number)
    for old = first, stop - 1 do
      if read(self, old) == old then dict:delete(key_of(self, old)) end
    end
    first, batch = stop, batch * 2
    dict:safe_set(FIRST, first)
    if dict:safe_set(key_of(self, number), value) then return true end
  end
  return false
end

--- Adds an event.
---@param text string not empty
---@return number|nil its number
---@return string|nil why "no memory": not even an empty dict would hold it
function methods:append(text)
  local dict = self._dict
  local number, err = dict:incr(LAST, 1, 0)
  if not number then return nil, err end
  local value = ("%d:%s"):format(number, text)
  if dict:safe_set(key_of(self, number), value)
    or store_instead(self, number, value) then
    return number
  end
  dict:safe_set(key_of(self, number), number .. ":")
  return nil, "no memory"
end

-- Reading ---------------------------------------------------------------------

local reading = {}
local reader_metatable = {
  __name = "graphsocket.nginx.journal.reader", __index = reading,
}

--- A reader of what is added from now on.
---@return table reader position (number of the last event it is past), dropped
---  (events that it missed)
function methods:reader()
  return setmetatable({
    position = self:last(),
    dropped = 0,
    _journal = self,
    _known = 0, -- some earlier LAST: saves a look at the dict for most events
  }, reader_metatable)
end

-- Goes past events that are not there any more.
local function skip_to(self, position)
  self.dropped = self.dropped + position - self.position
  self.position = position
end

local function has_more(self)
  if self.position < self._known then return true end
  self._known = self._journal:last()
  if self._known < self.position then
    -- The program has flushed its dict, and the numbers began anew.
    self.position = 0
  end
  return self.position < self._known
end

--- The next event.
---@return string|nil text nil: there is none
---@return string|nil "hole" if it is about to be stored, or lost with its writer
function reading:next()
  local log = self._journal
  while has_more(self) do
    local wanted = self.position + 1
    local number, text = read(log, wanted)
    if number == wanted then
      self.position = wanted
      if text ~= "" then return text end
      self.dropped = self.dropped + 1
    else
      self._known = log:last()
      local first = oldest(log, self._known)
      if wanted >= first then return nil, "hole" end
      skip_to(self, first - 1)
    end
  end
end

--- Gives up a hole.
function reading:skip()
  skip_to(self, self.position + 1)
end

--- The number of the newest event that there is to read.
---@return number
function reading:newest()
  return self._journal:last()
end

--- Events that this reader misses already, were it to go on now.
---@return number
function reading:overdue()
  local log = self._journal
  return math.max(0, oldest(log, log:last()) - 1 - self.position)
end

return journal
