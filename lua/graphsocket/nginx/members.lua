--- The workers that are told of news: their bells, and how far they have read.
--
-- One place a worker id, not a pid: a new worker takes the place of the one it
-- replaces, so that nobody rings for the dead. A place lapses when its worker
-- has not confirmed it for a while. What stands in it are a pid and the path of
-- a socket in a folder of mode 0700.
-- A worker that is not rung for looks by itself now and then, see supervisor.lua.
-- Pure: knows neither nginx nor the loop.

local members = {}

local COUNT = "gs:members" -- the highest worker id that was seen, plus 1
local BELL = "gs:bell"     -- and the worker id: "<pid> <path>"
local READ = "gs:read"     -- and the worker id: number of the last event read

local methods = {}
local metatable = { __name = "graphsocket.nginx.members", __index = methods }

---@param dict table ngx.shared.DICT, or memory.new
---@param me table id, pid (of this worker), ttl (seconds that a place is kept),
---  ring (fun(path): true | nil, err)
---@return table members
function members.new(dict, me)
  return setmetatable({
    _dict = dict,
    _id = me.id,
    _pid = me.pid,
    _ring = me.ring,
    _ttl = me.ttl,
    _value = nil, -- of this worker's place
  }, metatable)
end

-- Rings the bell of a place; one whose worker has died is freed.
local function ring(self, id, value)
  if not self._ring(value:match "^%d+ (.*)$")
    and self._dict:get(BELL .. id) == value then
    self._dict:delete(BELL .. id)
  end
end

-- Returns true, or nil and why if the dict is full.
local function write_place(self)
  local dict, id = self._dict, self._id
  if (dict:get(COUNT) or 0) <= id then
    local ok, err = dict:safe_set(COUNT, id + 1)
    if not ok then return nil, err end
  end
  return dict:safe_set(BELL .. id, self._value, self._ttl)
end

--- Takes this worker's place, whoever has it: there is no older one with this
--- id but one that is dead or about to exit. Who was killed has left a socket
--- behind, which goes when its bell is rung.
---@param path string of its bell
---@return boolean|nil ok
---@return string|nil why "no memory": the dict is full; confirm() tries again
function methods:join(path)
  local older = self._dict:get(BELL .. self._id)
  if older then ring(self, self._id, older) end
  self._value = ("%d %s"):format(self._pid, path)
  return write_place(self)
end

--- Confirms the place, unless a newer worker has it.
---@return boolean|nil ok
---@return string|nil why "no memory": the dict is full
function methods:confirm()
  if not self._value then return true end
  local dict, key = self._dict, BELL .. self._id
  local value = dict:get(key)
  if not value then return write_place(self) end
  if value == self._value then
    dict:expire(key, self._ttl)
    dict:expire(READ .. self._id, self._ttl)
  end
  return true
end

--- Leaves the place, unless a newer worker has it.
function methods:leave()
  local key = BELL .. self._id
  if self._value and self._dict:get(key) == self._value then
    self._dict:delete(key)
    self._dict:delete(READ .. self._id)
  end
  self._value = nil
end

--- Rings for all workers but this one.
function methods:ring()
  local dict = self._dict
  for id = 0, (dict:get(COUNT) or 0) - 1 do
    local value = dict:get(BELL .. id)
    if value and value ~= self._value then ring(self, id, value) end
  end
end

--- Says how far this worker has read.
---@param position number
function methods:note(position)
  if self._value then
    self._dict:safe_set(READ .. self._id, position, self._ttl)
  end
end

--- How far every worker has read that has said so.
---@return table positions worker id -> number
function methods:positions()
  local dict, found = self._dict, {}
  for id = 0, (dict:get(COUNT) or 0) - 1 do
    if dict:get(BELL .. id) then found[id] = dict:get(READ .. id) end
  end
  return found
end

return members
