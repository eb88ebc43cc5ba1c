-- What our two clients measure of themselves, and how they tell it.

local json = require "graphsocket.json"

local is_nginx = rawget(_G, "ngx") ~= nil

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

-- Prints the fields and what the whole process took, and ends it; a worker of
-- nginx is ended by who started it.
local function report(fields)
  fields.total_cpu_ms = os.clock() * 1000
  fields.peak_mb = memory "VmHWM" / 1024
  for name, value in pairs(fields) do fields[name] = round(value) end
  io.write(json.encode(fields), "\n")
  io.flush()
  if not is_nginx then os.exit(true) end
end

-- Ends it, as there is nothing to be measured; where it is nginx, by its log.
local function fail(err)
  local text = "bench: " .. tostring(err)
  if is_nginx then return ngx.log(ngx.ERR, text) end
  io.stderr:write(text, "\n")
  os.exit(1)
end

return { fail = fail, is_nginx = is_nginx, memory = memory, report = report }
