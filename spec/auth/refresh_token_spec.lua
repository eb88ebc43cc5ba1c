local auth = require "graphsocket.auth"
local fake_http = require "spec.fake_http"
local helper = require "spec.helper"
local json = require "graphsocket.json"
local login = require "spec.login"

local in_virtual_time = fake_http.in_virtual_time

describe("auth.refresh_token", function()
  after_each(fake_http.stop)

  local function from_forms(answer, opts)
    local forms = {}
    fake_http.start(function(request, n)
      forms[n] = login.form_of(request)
      return answer(n)
    end)
    local all = { client_id = "app", refresh_token = "given-s3cr3t" }
    for name, value in pairs(opts or {}) do all[name] = value end
    return auth.refresh_token(all), forms
  end

  it("needs the token", function()
    assert.matches('option "refresh_token" is missing',
      login.refused(auth.refresh_token, { client_id = "app" }), 1, true)
  end)

  it("uses each new refresh token in its turn", function()
    local from, forms = from_forms(login.tokens, { client_secret = "s3cr3t" })
    for n = 1, 3 do
      local _, token = in_virtual_time(function()
        return login.ask(from, { force = true })
      end)
      assert.equal("access-s3cr3t-" .. n, token)
    end
    assert.equal("given-s3cr3t", forms[1].refresh_token)
    assert.equal("refresh-s3cr3t-1", forms[2].refresh_token)
    assert.equal("refresh-s3cr3t-2", forms[3].refresh_token)
    assert.equal("s3cr3t", forms[1].client_secret)
    assert.equal("Files.Read offline_access", forms[1].scope)
  end)

  it("keeps the token that it has where the service gives no new one",
    function()
      local from, forms = from_forms(function(n)
        return login.tokens(n, { refresh_token = json.null })
      end)
      for _ = 1, 2 do
        in_virtual_time(function() return login.ask(from, { force = true }) end)
      end
      assert.equal("given-s3cr3t", forms[2].refresh_token)
    end)

  it("tries the given one when the kept one is worth nothing", function()
    local path = helper.scratch "tokens.json"
    local first = from_forms(login.tokens, { cache = path })
    in_virtual_time(function() return login.ask(first) end)
    fake_http.stop()
    local second, forms = from_forms(function(n)
      return n == 1 and login.oauth_error "invalid_grant" or login.tokens(n)
    end, { cache = path, refresh_token = "newer-s3cr3t" })
    local _, token = in_virtual_time(function()
      return login.ask(second, { force = true })
    end)
    assert.equal("access-s3cr3t-2", token)
    assert.equal("refresh-s3cr3t-1", forms[1].refresh_token)
    assert.equal("newer-s3cr3t", forms[2].refresh_token)
  end)

  it("reports a refusal with the service's words and no secret", function()
    for code, retryable in pairs {
      invalid_grant = false, invalid_client = false,
      temporarily_unavailable = true,
    } do
      local from = from_forms(function() return login.oauth_error(code) end)
      local _, token, err = in_virtual_time(function() return login.ask(from) end)
      assert.is_nil(token)
      assert.equal("auth", err.kind)
      assert.equal(code, err.code)
      assert.equal(retryable, err.retryable)
      assert.matches("AADSTS1: words of the service", err.message, 1, true)
      assert.is_nil(tostring(err):find("s3cr3t", 1, true))
      fake_http.stop()
    end
  end)
end)
