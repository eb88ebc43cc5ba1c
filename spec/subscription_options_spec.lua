local options = require "graphsocket.options"
local subscription_options = require "graphsocket.subscription_options"

describe("graphsocket.subscription_options", function()
  local function check(given)
    return options.check("here", given, subscription_options.schema)
  end

  it("refuses what would let a subscription give up", function()
    for name, value in pairs {
      auto_connect = false, reconnection = false, reconnection_attempts = 3,
    } do
      local ok, message = pcall(check, { [name] = value })
      assert.is_false(ok, name)
      assert.matches(name .. " must be", message:gsub('"', ""), 1, true)
      assert.matches("client:endpoint(…):open(…)", message, 1, true)
    end
  end)

  it("gives sockets their part of what is set, and no more", function()
    local picked = subscription_options.of_socket(check {
      lead = 5, quiet = 1, notification_hosts = { "svc.ms" },
      reconnection_attempts = math.huge, reconnection_delay = 3, query = { a = 1 },
    })
    assert.same({
      query = { a = 1 }, randomization_factor = 0.5, reconnection_delay = 3,
      reconnection_delay_max = 60,
    }, picked)
  end)

  it("keeps a rule of its own: a socket's is not changed", function()
    check {}
    assert.equal(true, options.socket.reconnection.default)
    assert.is_nil(options.socket.reconnection.check)
  end)
end)
