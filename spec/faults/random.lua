-- Numbers that look random, and are the same for a seed on every Lua: the
-- interpreters' own generators differ. Lehmer's, with the multiplier of
-- "minstd" (Park and Miller, 1993): all products fit into a double.

local random = {}

local MODULUS, MULTIPLIER = 2147483647, 48271

local Random = {}
local metatable = { __name = "spec.random", __index = Random }

---@param ... integer seeds: the same ones give the same numbers
---@return table
function random.new(...)
  local self = setmetatable({ _state = 1 }, metatable)
  for i = 1, select("#", ...) do
    self._state = (self._state + select(i, ...)) % (MODULUS - 1) + 1
    -- Neighbouring seeds begin with neighbouring numbers.
    for _ = 1, 3 do self:number() end
  end
  return self
end

---@return number from 0 to below 1
function Random:number()
  self._state = self._state * MULTIPLIER % MODULUS
  return (self._state - 1) / (MODULUS - 1)
end

---@return integer from low to high
function Random:int(low, high)
  return low + math.floor(self:number() * (high - low + 1))
end

---@param part number 0: never, 1: always
---@return boolean
function Random:chance(part)
  return self:number() < part
end

---@param list table
---@return any one of its values
function Random:pick(list)
  return list[self:int(1, #list)]
end

return random
