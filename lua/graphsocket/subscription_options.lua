--- The options of a subscription: those of a socket, with the waits of a program
--- that runs for months, and without what would let it give up.
-- Pure.

local options = require "graphsocket.options"

local subscription_options = {}

local function must_be(expected)
  return function(value)
    if value ~= expected then
      return ("must be %s or absent: a subscription connects by itself, until "
        .. "it is closed; client:endpoint(…):open(…) gives a plain socket")
        :format(tostring(expected))
    end
  end
end

local function check_hosts(hosts)
  if #hosts == 0 then return 'must name domains, as in { "svc.ms" }' end
  for _, host in ipairs(hosts) do
    if type(host) ~= "string" or not host:find("^%.?[%w-]+[%w.-]*$") then
      return 'must be a list of domains, without scheme, "*" or port, as in '
        .. '{ "svc.ms" }'
    end
  end
end

-- The client's own defaults are those of what is not given.
local function without_defaults(schema)
  local copy = {}
  for name, rule in pairs(schema) do
    local bare = {}
    for key, value in pairs(rule) do bare[key] = value end
    bare.default = nil
    copy[name] = bare
  end
  return copy
end

local SECONDS = { type = "number", min = 0, unit = "seconds" }

---@class graphsocket.subscription.options : graphsocket.socket.options
---@field auto_connect? boolean must be true or absent: a subscription connects by itself
---@field reconnection? boolean must be true or absent: nothing that may pass is given up
---@field reconnection_attempts? integer must be unlimited or absent
---@field reconnection_delay? number first wait after a failure; it doubles each time
---@field reconnection_delay_max? number longest wait
---@field lead? number before the endpoint expires that it is renewed, less a part by chance
---@field quiet? number silence after which a burst of notifications is told, as one; absent: each by itself
---@field max_wait? number after which a burst that does not end is told
---@field notification_hosts? string[] domains that a notification URL may lead to, as in `{ "svc.ms" }`; absent: any

--- For options.check.
subscription_options.schema = options.merge(without_defaults(options.socket), {
  auto_connect = { type = "boolean", check = must_be(true) },
  reconnection = { type = "boolean", check = must_be(true) },
  reconnection_attempts = { type = "number", check = must_be(math.huge) },
  reconnection_delay = {
    type = "number", default = 1, min = 0.001, unit = "seconds",
  },
  reconnection_delay_max = {
    type = "number", default = 60, min = 0.001, unit = "seconds",
  },
  randomization_factor = { type = "number", default = 0.5, min = 0, max = 1 },
  lead = { type = "number", default = 120, min = 0, unit = "seconds" },
  quiet = SECONDS,
  max_wait = SECONDS,
  notification_hosts = { type = "table", check = check_hosts },
})

--- The part of checked values that the sockets of a subscription are made with.
---@param values table
---@return table
function subscription_options.of_socket(values)
  local picked = options.pick(values, options.socket)
  picked.reconnection_attempts = nil
  return picked
end

return subscription_options
