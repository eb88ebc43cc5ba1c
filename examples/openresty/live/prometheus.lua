--- Prometheus' text format, version 0.0.4: families of samples as text.
-- https://prometheus.io/docs/instrumenting/exposition_formats/
-- Pure.

local prometheus = {}

prometheus.TYPE = "text/plain; version=0.0.4; charset=utf-8"

local ESCAPED = { ["\\"] = "\\\\", ["\n"] = "\\n", ['"'] = '\\"' }

local function number(value)
  if value ~= value then return "NaN" end
  if value == math.huge then return "+Inf" end
  if value == -math.huge then return "-Inf" end
  return ("%.15g"):format(value)
end

-- In the order of their names, so that a series looks the same each time.
local function labels_of(labels)
  local names, parts = {}, {}
  for name in pairs(labels or {}) do names[#names + 1] = name end
  if #names == 0 then return "" end
  table.sort(names)
  for i, name in ipairs(names) do
    parts[i] = ('%s="%s"'):format(name,
      (tostring(labels[name]):gsub('[\\\n"]', ESCAPED)))
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

---@class live.family
---@field name string
---@field type string "counter" "gauge"
---@field help string
---@field samples table[] each value (a number, a boolean, or nil: left out), labels

--- Writes families; one without samples is left out.
---@param families live.family[]
---@return string
function prometheus.format(families)
  local out = {}
  local function line(...) out[#out + 1] = table.concat { ... } end
  for _, family in ipairs(families) do
    local is_named = false
    for _, sample in ipairs(family.samples) do
      local value = sample.value
      if type(value) == "boolean" then value = value and 1 or 0 end
      if type(value) == "number" then
        if not is_named then
          line("# HELP ", family.name, " ", (family.help:gsub("[\\\n]", ESCAPED)))
          line("# TYPE ", family.name, " ", family.type)
          is_named = true
        end
        line(family.name, labels_of(sample.labels), " ", number(value))
      end
    end
  end
  return table.concat(out, "\n") .. "\n"
end

return prometheus
