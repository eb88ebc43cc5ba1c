local auth = require "graphsocket.auth"
local helper = require "spec.helper"
local login = require "spec.login"
local loop = require "graphsocket.loop"
local simulator = require "spec.simulator"

describe("auth.static", function()
  it("refuses a token that cannot be sent", function()
    login.refused(auth.static, nil)
    login.refused(auth.static, "")
    assert.matches("trim it", login.refused(auth.static, "a\n"), 1, true)
  end)
end)

describe("a client and the simulated login service", function()
  local sim

  setup(function() sim = simulator.start("--set", "device_interval=0.01") end)
  teardown(function() sim:stop() end)
  before_each(function() sim:reset() end)

  it("signs in by a device code and asks Graph with the token", function()
    local shown
    local client = sim:client {
      token = auth.device_code {
        client_id = sim.client_id, authority = sim.login,
        cache = helper.scratch "tokens.json",
        prompt = function(info)
          shown = info
          sim:post("login/approve", { user_code = info.user_code })
        end,
      },
    }
    local endpoint, err
    loop.spawn(function() endpoint, err = client:endpoint "/me/drive/root" end)
    helper.eventually(function() return shown end, "the code is shown")
    helper.advance(5)
    helper.eventually(function() return endpoint or err end, "an answer comes")
    assert.is_nil(err)
    assert.equal("string", type(endpoint.id))
  end)

  it("renews with one request, however many requests were refused", function()
    local grant = sim:post("login/grant", { client_id = sim.client_id })
    local client = sim:client {
      max_requests = 10,
      token = auth.refresh_token {
        client_id = sim.client_id, authority = sim.login,
        refresh_token = grant.refresh_token,
      },
    }
    assert(client:endpoint "/me/drive/root")
    sim:post "tokens/revoke"
    sim:post("report/clear")
    local done = 0
    for _ = 1, 10 do
      loop.spawn(function()
        assert(client:endpoint "/me/drive/root")
        done = done + 1
      end)
    end
    helper.eventually(function() return done == 10 end, "all are answered")
    assert.equal(1, #sim:requests "token")
    -- What revocation took back must be good for the next test again.
    sim:post("tokens/add", { token = sim.token })
  end)

  it("tries again when the login service is away for a moment", function()
    local grant = sim:post("login/grant", { client_id = sim.client_id })
    sim:fault { on = "token", status = 503, code = "temporarily_unavailable" }
    local client = sim:client {
      token = auth.refresh_token {
        client_id = sim.client_id, authority = sim.login,
        refresh_token = grant.refresh_token,
      },
    }
    local endpoint, err
    loop.spawn(function() endpoint, err = client:endpoint "/me/drive/root" end)
    helper.eventually(function()
      helper.advance(0.5)
      return endpoint or err
    end, "an answer comes")
    assert.is_nil(err)
    assert.equal(2, #sim:requests "token")
  end)

  it("says what consent is missing", function()
    local grant = sim:post("login/grant", { client_id = sim.client_id })
    sim:fault { on = "token", status = 400, code = "consent_required" }
    local _, err = sim:client {
      token = auth.refresh_token {
        client_id = sim.client_id, authority = sim.login,
        refresh_token = grant.refresh_token,
      },
    }:endpoint "/me/drive/root"
    assert.equal("auth", err.kind)
    assert.matches("AADSTS65001", err.message, 1, true)
    assert.matches("not consented", err.message, 1, true)
  end)
end)
