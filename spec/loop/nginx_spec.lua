-- The host adapter in a real nginx: what the library does in its workers, and
-- what it leaves alone. The configurations of spec/nginx.lua have neither a
-- `resolver` nor any lua_ssl_* directive.

local helper = require "spec.helper"
local nginx = require "spec.nginx"
local simulator = require "spec.simulator"

-- The beginning of a block: a client of the simulator, and a shared dict.
local function prelude(sim)
  return ([[
    local graphsocket = require "graphsocket"
    local dict = ngx.shared.spec
    local client = graphsocket.new { base_url = %q, token = %q, ca_file = %q }
  ]]):format(sim.graph, sim.token, sim.ca)
end

local SHOW = [[ngx.print(tostring(ngx.shared.spec:get(ngx.var.arg_key)))]]

describe("nginx", function()
  local missing = nginx.missing()
  if missing then
    pending(missing)
    return
  end

  local sim, server

  setup(function() sim = simulator.start() end)
  teardown(function() sim:stop() end)
  before_each(function()
    sim:reset()
    server = nil
  end)
  after_each(function()
    if server then server:stop() end
  end)

  local function start(options)
    options.locations = options.locations or {}
    options.locations["/show"] = SHOW
    server = nginx.start(options)
  end

  local function until_shown(key, expected)
    server:until_body("/show?key=" .. key, expected)
  end

  it("delivers notifications to a handler that init_worker registered", function()
    start {
      init_worker = prelude(sim) .. [[
        local sub = client:subscribe "/me/drive/root"
        sub:on("state", function(state) dict:set("state", state) end)
        sub:on("notification", function(n)
          dict:set("subscription", n.subscription_id)
          dict:incr("notifications", 1, 0)
        end)
      ]];
    }
    until_shown("state", "joined")
    for _ = 1, 5 do sim:post("items/create", { name = "a.txt" }) end
    until_shown("notifications", "5")
    assert.match("^%x+%-", (server:get "/show?key=subscription"))
  end)

  it("lets a request wait while others are answered", function()
    sim:fault { on = "subscription", stall = 700 }
    start {
      locations = {
        ["/endpoint"] = prelude(sim) .. [[
          local endpoint, err = client:endpoint "/me/drive/root"
          ngx.print(endpoint and endpoint.resource or tostring(err))
        ]];
        ["/quick"] = "ngx.print 'quick'";
      };
    }
    local slow
    local engine = require "graphsocket.engine"
    engine.request_start({ url = server:url "/endpoint" }, function(response) slow = response end)
    helper.eventually(function() return #sim:requests "subscription" == 1 end)
    assert.equal("quick", server:get "/quick")
    assert.is_nil(slow)
    helper.eventually(function() return slow end)
    assert.equal("/me/drive/root", slow.body)
  end)
end)
