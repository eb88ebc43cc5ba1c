--- A shared dict of this worker alone, for an nginx that has none.
--
-- The methods that this library uses of ngx.shared.DICT, with the same results,
-- in a table: so everything built on a dict works without one, each worker for
-- itself. What lives here is bounded by whoever writes it.

local memory = {}

local methods = {}
local metatable = { __name = "graphsocket.nginx.memory", __index = methods }

--- Makes one.
---@param now fun(): number seconds, of any beginning
---@return table dict
function memory.new(now)
  return setmetatable({ _entries = {}, _now = now }, metatable)
end

local function find(self, key)
  local entry = self._entries[key]
  if entry and entry.expires and entry.expires <= self._now() then
    self._entries[key] = nil
    return nil
  end
  return entry
end

function methods:get(key)
  local entry = find(self, key)
  return entry and entry.value
end

function methods:safe_set(key, value, seconds)
  self._entries[key] = {
    value = value,
    expires = seconds and seconds > 0 and self._now() + seconds or nil,
  }
  return true
end

function methods:safe_add(key, value, seconds)
  if find(self, key) then return false, "exists" end
  return self:safe_set(key, value, seconds)
end

function methods:delete(key)
  self._entries[key] = nil
end

function methods:incr(key, by, init)
  local entry = find(self, key)
  if not entry then
    if not init then return nil, "not found" end
    self:safe_set(key, init)
    entry = self._entries[key]
  end
  entry.value = entry.value + by
  return entry.value
end

function methods:expire(key, seconds)
  local entry = find(self, key)
  if not entry then return nil, "not found" end
  entry.expires = seconds > 0 and self._now() + seconds or nil
  return true
end

--- Seconds that an entry still lives; 0: for ever.
---@param key string
---@return number|nil
---@return string|nil "not found"
function methods:ttl(key)
  local entry = find(self, key)
  if not entry then return nil, "not found" end
  return entry.expires and entry.expires - self._now() or 0
end

return memory
