-- What our two clients measure of themselves, and how they tell it.

local json = require "graphsocket.json"

-- The field |name| of /proc/self/status, in kilobytes: VmRSS, VmHWM.
local function memory(name)
  local file = io.open "/proc/self/status"
  local kilobytes = file:read "*a":match(name .. ":%s*(%d+)")
  file:close()
  return tonumber(kilobytes)
end

local function round(number)
  return math.floor(number * 1000 + 0.5) / 1000
end

-- Prints the fields and what the whole process took, and ends it.
local function report(fields)
  fields.total_cpu_ms = os.clock() * 1000
  fields.peak_mb = memory "VmHWM" / 1024
  for name, value in pairs(fields) do fields[name] = round(value) end
  print(json.encode(fields))
  os.exit(true)
end

return { memory = memory, report = report }
