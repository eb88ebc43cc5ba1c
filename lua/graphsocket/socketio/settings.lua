--- The settings of a manager that may be read and changed while it lives, as in
--- the JavaScript client: each method returns the value, or, given one, sets it
--- and returns the manager. A change holds from the next attempt on.

local settings = {}

local Manager = {}

--- The methods, for the manager's class.
settings.methods = Manager

local function check_setting(name, value, minimum, maximum)
  if type(value) ~= "number" or value ~= value or value < minimum
    or value > (maximum or math.huge) then
    error(("bad argument #1 to '%s': give a number of at least %.14g%s"):format(
      name, minimum, maximum and (" and at most %.14g"):format(maximum) or ""),
      3)
  end
end

--- Whether a lost connection is made again. False also ends a wait for it.
---@param value boolean|nil
---@return boolean|table
function Manager:reconnection(value)
  if value == nil then return self._reconnection end
  self._reconnection = value and true or false
  if not value then self:_on_reconnection_off() end
  return self
end

--- How many attempts are made until "reconnect_failed".
---@param value number|nil
---@return number|table
function Manager:reconnection_attempts(value)
  if value == nil then return self._reconnection_attempts end
  check_setting("reconnection_attempts", value, 0)
  self._reconnection_attempts = value
  return self
end

--- The first wait before an attempt, in seconds.
---@param value number|nil
---@return number|table
function Manager:reconnection_delay(value)
  if value == nil then return self._backoff.min end
  check_setting("reconnection_delay", value, 0)
  self._backoff.min = value
  return self
end

--- The longest wait before an attempt, in seconds.
---@param value number|nil
---@return number|table
function Manager:reconnection_delay_max(value)
  if value == nil then return self._backoff.max end
  check_setting("reconnection_delay_max", value, 0)
  self._backoff.max = value
  return self
end

--- By which part of itself a wait is made longer or shorter at random.
---@param value number|nil 0 to 1
---@return number|table
function Manager:randomization_factor(value)
  if value == nil then return self._backoff.jitter end
  check_setting("randomization_factor", value, 0, 1)
  self._backoff.jitter = value
  return self
end

--- How long connecting may take, and then each joining of a namespace.
---@param value number|nil seconds; math.huge: no limit
---@return number|table
function Manager:timeout(value)
  if value == nil then return self._timeout end
  check_setting("timeout", value, 0)
  self._timeout = value
  return self
end

return settings
