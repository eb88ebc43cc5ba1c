local fake_http = require "spec.fake_http"
local login = require "graphsocket.auth.login"
local scope = require "graphsocket.scope"
local service = require "spec.login"

describe("the login service", function()
  after_each(fake_http.stop)

  -- Posts a form. Returns the request, what it was answered, and the error.
  local function post(answer, values, context, form)
    local seen = fake_http.start(function() return answer end)
    local _, body, err = fake_http.in_virtual_time(function()
      return login.post(values or { tenant = "common" },
        { scope = scope.new(), context = context }, "oauth2/v2.0/token", form or {}, "signing in")
    end)
    fake_http.stop()
    assert.equal(1, #seen)
    return seen[1], body, err
  end

  it("is asked with a form, and without a token of Graph's", function()
    local request, body = post(service.tokens(1), nil, nil, { a = "1 & 2", b = "ü" })
    assert.equal("https://login.microsoftonline.com/common/oauth2/v2.0/token", request.url)
    assert.equal("POST", request.method)
    assert.same({ a = "1 & 2", b = "ü" }, service.form_of(request))
    assert.matches("Content%-Type: application/x%-www%-form%-urlencoded\r\n", request.headers)
    assert.not_matches("Authorization", request.headers)
    assert.equal("access-s3cr3t-1", body.access_token)
  end)

  it("is the source's, else that of the client's cloud", function()
    local cloud = { authority = "https://login.microsoftonline.us" }
    local request = post(service.tokens(1), { tenant = "t" }, cloud)
    assert.equal("https://login.microsoftonline.us/t/oauth2/v2.0/token", request.url)
    request = post(service.tokens(1), { tenant = "t", authority = "https://login.test/" }, cloud)
    assert.equal("https://login.test/t/oauth2/v2.0/token", request.url)
  end)

  it("leads nowhere else: the form holds secrets", function()
    local request, body, err = post { 302, headers = { Location = "https://other.test/" } }
    assert.matches("^https://login.microsoftonline.com/", request.url)
    assert.is_nil(body)
    assert.equal(302, err.status)
  end)

  it("that cannot answer now may be asked again, and when", function()
    for _, case in ipairs {
      { true, 503, "server_error" }, { true, 429, "too_many" }, { true, 400, "temporarily_unavailable" },
      { false, 400, "invalid_client" },
    } do
      local answer = service.oauth_error(case[3], case[2])
      answer.headers = { ["Retry-After"] = 7 }
      local _, _, err = post(answer)
      assert.equal(case[1], err.retryable, case[3])
      assert.equal(case[3], err.code)
      assert.equal(case[2], err.status)
      assert.equal(7, err.retry_after)
      assert.equal("trace-1", err.request_id)
      assert.matches("^signing in: the login service refused: AADSTS1: words of the service%.?$", err.message)
    end
  end)

  it("that is none is said to be none", function()
    local _, body, err = post { 200, body = "<html>sign in to the hotel's network</html>" }
    assert.is_nil(body)
    assert.equal("auth", err.kind)
    assert.matches("answer is not JSON: is there a proxy between", err.message)
    assert.not_matches("hotel", err.message)
  end)
end)

describe("a token endpoint's answer", function()
  it("may have its seconds as text, and need not give a refresh token", function()
    assert.same({ access_token = "a", expires_in = 3599 },
      login.tokens({ access_token = "a", expires_in = "3599" }, "it"))
    assert.equal(3600, login.tokens({ access_token = "a", expires_in = {} }, "it").expires_in)
  end)

  it("without a token is an error that may pass", function()
    local tokens, err = login.tokens({ access_token = 5 }, "refreshing the token")
    assert.is_nil(tokens)
    assert.equal("auth", err.kind)
    assert.is_true(err.retryable)
    assert.equal("refreshing the token: the login service gave no access_token", err.message)
  end)
end)

describe("the scopes", function()
  it("ask for a refresh token, once", function()
    assert.equal("Files.Read offline_access", login.scopes "Files.Read")
    assert.equal("a b offline_access", login.scopes { "a", "b" })
    assert.equal("offline_access a", login.scopes "offline_access a")
  end)
end)
