--- Which worker owns: a lease in the shared dict.
--
--   state   | meaning
--   --------+----------------------------------------------------------------
--   standby | another worker owns, or nobody does
--   owner   | the entry of the dict is the one that this worker made
--   left    | the worker exits: it never owns again
--
--   event                   | standby          | owner            | left
--   ------------------------+------------------+------------------+---------
--   look: the entry is ours | -                | kept, renewed    | -
--   look: it is another's   | -                | lost: standby    | -
--   look: there is none     | taken: owner (1) | kept (2) or lost | -
--   leave                   | left             | left, given up   | -
--
--   (1) unless another adds its entry first.
--   (2) if nobody has owned meanwhile: the entry ran out while this worker was
--       busy for longer than the ttl, and is added anew.
--
-- The entry is made by `add`, so there is one; it has a ttl, as its owner may
-- crash and the dict survives a reload; it is renewed by resetting the ttl
-- alone, so that a renewal which comes too late lengthens the life of another's
-- entry at worst, and never replaces it. Its value is the pid and a number that
-- no two entries share; it holds no secret.
-- Pure: knows neither nginx nor the loop.

local lease = {}

local ENTRY = "gs:owner"           -- "<pid> <claim>", for the ttl
local CLAIM = "gs:claim"           -- attempts so far: makes each entry unique
local GENERATION = "gs:generation" -- ownerships so far
local RELEASED = "gs:released"     -- generation of the last that gave it up
local TAKEOVERS = "gs:takeovers"   -- ownerships whose predecessor did not

local methods = {}
local metatable = { __name = "graphsocket.nginx.lease", __index = methods }

---@param dict table ngx.shared.DICT, or memory.new
---@param pid number of this worker
---@param ttl number seconds
---@return table lease
function lease.new(dict, pid, ttl)
  return setmetatable({
    state = "standby",
    generation = nil, -- number of this worker's ownership
    _dict = dict,
    _pid = pid,
    _ttl = ttl,
    _value = nil,     -- what the entry is while this worker owns
  }, metatable)
end

local function become_owner(self)
  local dict = self._dict
  local previous = dict:get(GENERATION)
  if previous and dict:get(RELEASED) ~= previous then
    dict:incr(TAKEOVERS, 1, 0)
  end
  self.state, self.generation = "owner", dict:incr(GENERATION, 1, 0)
  return "taken"
end

local function take(self)
  local claim, err = self._dict:incr(CLAIM, 1, 0)
  if not claim then return nil, err end
  self._value = ("%d %d"):format(self._pid, claim)
  local ok, why = self._dict:safe_add(ENTRY, self._value, self._ttl)
  if ok then return become_owner(self) end
  return nil, why ~= "exists" and why or nil
end

local function keep(self, entry)
  local dict = self._dict
  if entry == self._value and dict:expire(ENTRY, self._ttl) then
    return "kept"
  end
  if not entry and dict:get(GENERATION) == self.generation
    and dict:safe_add(ENTRY, self._value, self._ttl) then
    return "kept"
  end
  self.state, self.generation = "standby", nil
  return "lost"
end

-- nginx counts a ttl by the wall clock. Set back, that would make the entry of an
-- owner who has crashed live for as long as it was set back.
local function bound(self)
  local left = self._dict:ttl(ENTRY)
  if left and left > self._ttl then self._dict:expire(ENTRY, self._ttl) end
end

--- Renews the lease, or takes it if it is free.
---@return string|nil what happened: "taken" "kept" "lost"; nil: another owns
---@return string|nil why "no memory": nobody can own, as the dict is full
function methods:look()
  if self.state == "left" then return nil end
  local entry = self._dict:get(ENTRY)
  if self.state == "owner" then return keep(self, entry) end
  if not entry then return take(self) end
  bound(self)
end

--- Whether this worker owns now, by what the dict says.
---@return boolean
function methods:holds()
  return self.state == "owner" and self._dict:get(ENTRY) == self._value
end

--- Whether nobody owns.
---@return boolean
function methods:is_free()
  return self._dict:get(ENTRY) == nil
end

--- Seconds until the lease of whoever holds it runs out.
---@return number|nil nil: nobody holds it
function methods:left()
  local left = self._dict:ttl(ENTRY)
  return left and left > 0 and left or nil
end

--- Gives up for good.
function methods:leave()
  if self:holds() then
    self._dict:safe_set(RELEASED, self.generation)
    self._dict:delete(ENTRY)
  end
  self.state, self.generation = "left", nil
end

--- Who owns, by what the dict says.
---@return table owner_pid (number or nil), generation, takeovers
function methods:stats()
  local dict = self._dict
  local entry = dict:get(ENTRY)
  return {
    owner_pid = entry and tonumber(entry:match "^%d+"),
    generation = dict:get(GENERATION) or 0,
    takeovers = dict:get(TAKEOVERS) or 0,
  }
end

return lease
