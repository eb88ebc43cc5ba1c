local auth = require "graphsocket.auth"
local errors = require "graphsocket.errors"
local fake_http = require "spec.fake_http"
local graphsocket = require "graphsocket"
local helper = require "spec.helper"
local json = require "graphsocket.json"
local lfs = require "lfs"
local login = require "spec.login"
local loop = require "graphsocket.loop"
local scope = require "graphsocket.scope"

local in_virtual_time = fake_http.in_virtual_time

describe("auth.device_code", function()
  local seen, prompts

  -- `interval`: of the code, if not that of login.DEVICE.
  local function login_service(answer, interval)
    local polls = 0
    seen = fake_http.start(function(request)
      if request.url:find "/devicecode$" then
        local code = {}
        for name, value in pairs(login.DEVICE) do code[name] = value end
        code.interval = interval or code.interval
        return { body = json.encode(code) }
      end
      polls = polls + 1
      return answer(polls, login.form_of(request), request)
    end)
  end

  local function device(opts)
    prompts = {}
    local all = {
      client_id = "app", prompt = function(info) prompts[#prompts + 1] = info end,
    }
    for name, value in pairs(opts or {}) do all[name] = value end
    return auth.device_code(all)
  end

  after_each(fake_http.stop)

  it("checks its options", function()
    assert.matches('option "client_id" is missing',
      login.refused(auth.device_code, {}), 1, true)
    for name, value in pairs {
      tenant = "a/b", authority = "http://login.test", cache = "",
      prompt = "x", client_id = "", scopes = 5, clientid = "x",
    } do
      login.refused(auth.device_code, {
        client_id = name ~= "client_id" and "app" or nil, [name] = value,
      })
    end
    login.refused(auth.device_code, { client_id = "a", authority = "https://a/?b" })
    for _, scopes in ipairs { "", "a\n", {}, { "a", 5 }, { "a", {} }, { a = "b" } } do
      assert.matches('option "scopes" must', login.refused(auth.device_code,
        { client_id = "a", scopes = scopes }), 1, true)
    end
  end)

  it("shows the code, waits for the person, and gives the token", function()
    login_service(function(n)
      return n < 4 and login.oauth_error "authorization_pending" or login.tokens(1)
    end)
    local from = device { tenant = "contoso.test", scopes = { "Files.Read" } }
    local took, token = in_virtual_time(function() return login.ask(from) end)
    assert.equal("access-s3cr3t-1", token)
    assert.equal(1, #prompts)
    assert.equal("ABC-123", prompts[1].user_code)
    assert.equal("https://microsoft.com/devicelogin",
      prompts[1].verification_uri)
    assert.equal(login.DEVICE.message, prompts[1].message)
    assert.equal(900, prompts[1].expires_in)
    assert.is_nil(prompts[1].device_code)
    assert.is_true(took >= 20 and took < 25, took)
    assert.equal("https://login.microsoftonline.com/contoso.test/oauth2/v2.0/"
      .. "devicecode", seen[1].url)
    assert.equal("POST", seen[1].method)
    assert.equal("Files.Read offline_access", login.form_of(seen[1]).scope)
    local form = login.form_of(seen[2])
    assert.equal("urn:ietf:params:oauth:grant-type:device_code",
      form.grant_type)
    assert.equal("device-s3cr3t", form.device_code)
    assert.is_nil(seen[2].headers:find("Authorization", 1, true))
    for i = 3, #seen do
      assert.is_true(seen[i].at - seen[i - 1].at >= 4.99)
    end
  end)

  it("prints the message on standard error where there is no prompt", function()
    login_service(function() return login.tokens(1) end)
    local from = auth.device_code { client_id = "app" }
    local text = helper.capture_stderr(function()
      in_virtual_time(function() return login.ask(from) end)
    end)
    assert.equal(login.DEVICE.message .. "\n", text)
  end)

  it("slows down when it is told to, for good", function()
    login_service(function(n)
      if n == 2 then return login.oauth_error "slow_down" end
      return n < 5 and login.oauth_error "authorization_pending" or login.tokens(1)
    end)
    local from = device()
    in_virtual_time(function() return login.ask(from) end)
    local pauses = {}
    for i = 2, #seen - 1 do
      pauses[#pauses + 1] = math.floor(seen[i + 1].at - seen[i].at + 0.6)
    end
    for i, expected in ipairs { 5, 10, 10, 10 } do
      assert.is_true(math.abs(pauses[i] - expected) <= 1, json.encode(pauses))
    end
  end)

  it("goes on through a network that fails, more slowly", function()
    login_service(function(n)
      if n < 3 then
        return nil, errors.new { kind = "network", message = "reset" }
      end
      return n == 3 and login.oauth_error("temporarily_unavailable", 503) or login.tokens(1)
    end)
    local from = device()
    local took, token = in_virtual_time(function() return login.ask(from) end)
    assert.equal("access-s3cr3t-1", token)
    assert.is_true(took >= 5 + 10 + 20 + 40, took)
  end)

  it("ends when the person declines or the code expires", function()
    for code, why in pairs {
      authorization_declined = "declined", access_denied = "declined",
      expired_token = "expired before anybody signed in",
      bad_verification_code = "words of the service",
    } do
      login_service(function() return login.oauth_error(code) end)
      local from = device()
      local _, token, err = in_virtual_time(function() return login.ask(from) end)
      assert.is_nil(token)
      assert.equal("auth", err.kind)
      assert.equal(code, err.code)
      assert.matches(why, err.message, 1, true)
      assert.is_false(err.retryable)
      assert.is_nil(err.message:find("Trace ID", 1, true))
      assert.is_nil(tostring(err):find("s3cr3t", 1, true))
      fake_http.stop()
    end
  end)

  it("asks at a bearable pace, whatever interval the service gives", function()
    for _, interval in ipairs { 0, -5, "nan", "soon", json.null } do
      login_service(function(n)
        return n < 4 and login.oauth_error "authorization_pending"
          or login.tokens(1)
      end, interval)
      local from = device()
      local took, token = in_virtual_time(function() return login.ask(from) end)
      assert.equal("access-s3cr3t-1", token)
      assert.is_true(took >= 4 and took < 25, took)
      fake_http.stop()
    end
  end)

  local function expires_after_900_seconds()
    local from = device()
    local took, token, err = in_virtual_time(function() return login.ask(from) end)
    assert.is_nil(token)
    assert.equal("expired_token", err.code)
    assert.is_true(took >= 899 and took < 920, took)
  end

  it("ends with its code, however long the interval is", function()
    login_service(function() return login.tokens(1) end, 1e9)
    expires_after_900_seconds()
  end)

  it("waits as long as a busy service asks for", function()
    login_service(function(n)
      if n > 1 then return login.tokens(1) end
      local answer = login.oauth_error("temporarily_unavailable", 429)
      answer.headers = { ["Retry-After"] = 120 }
      return answer
    end)
    local from = device()
    local took, token = in_virtual_time(function() return login.ask(from) end)
    assert.equal("access-s3cr3t-1", token)
    assert.is_true(took >= 125 and took < 150, took)
  end)

  it("ends by its own clock when the service only says pending", function()
    login_service(function() return login.oauth_error "authorization_pending" end)
    expires_after_900_seconds()
  end)

  it("stops asking when nobody wants the token any more", function()
    login_service(function() return login.oauth_error "authorization_pending" end)
    local from, the_scope = device(), scope.new()
    local err
    loop.spawn(function()
      local _, problem = login.ask(from, { scope = the_scope })
      err = problem
    end)
    helper.advance(0)
    helper.advance(6)
    the_scope:cancel()
    helper.advance(0)
    assert.equal("closed", err.kind)
    local count = #seen
    helper.advance(100)
    assert.equal(count, #seen)
  end)

  it("reports a prompt that raises, and an answer without a code", function()
    login_service(function() return login.tokens(1) end)
    local from = device { prompt = function() error("boom") end }
    local _, token, err = in_virtual_time(function() return login.ask(from) end)
    assert.is_nil(token)
    assert.matches("prompt function raised an error", err.message, 1, true)
    fake_http.stop()
    fake_http.start(function() return { body = "{}" } end)
    _, token, err = in_virtual_time(function() return login.ask(device()) end)
    assert.is_nil(token)
    assert.matches("gave no code", err.message, 1, true)
    fake_http.stop()
    fake_http.start(function() return { body = "<html>" } end)
    _, token, err = in_virtual_time(function() return login.ask(device()) end)
    assert.is_nil(token)
    assert.matches("not JSON", err.message, 1, true)
    assert.is_true(err.retryable)
  end)

  it("renews by the refresh token, without the person, with the claims",
    function()
      local forms = {}
      login_service(function(n, form)
        forms[n] = form
        return login.tokens(n)
      end)
      local from = device()
      in_virtual_time(function() return login.ask(from) end)
      local _, token = in_virtual_time(function()
        return login.ask(from, {
          rejected = "access-s3cr3t-1", claims = '{"a":1}',
        })
      end)
      assert.equal("access-s3cr3t-2", token)
      helper.advance(3400)
      _, token = in_virtual_time(function() return login.ask(from) end)
      assert.equal("access-s3cr3t-3", token)
      assert.equal(1, #prompts)
      assert.equal("refresh_token", forms[2].grant_type)
      assert.equal("refresh-s3cr3t-1", forms[2].refresh_token)
      assert.equal('{"a":1}', forms[2].claims)
      assert.equal("refresh-s3cr3t-2", forms[3].refresh_token)
    end)

  it("asks the person again when the refresh token is worth nothing", function()
    login_service(function(n)
      return n == 2 and login.oauth_error "invalid_grant" or login.tokens(n)
    end)
    local from = device()
    in_virtual_time(function() return login.ask(from) end)
    local _, token = in_virtual_time(function()
      return login.ask(from, { rejected = "access-s3cr3t-1" })
    end)
    assert.equal("access-s3cr3t-3", token)
    assert.equal(2, #prompts)
  end)

  it("does not ask the person when only the service is away", function()
    login_service(function(n)
      return n == 2 and login.oauth_error("server_error", 500) or login.tokens(n)
    end)
    local from = device()
    in_virtual_time(function() return login.ask(from) end)
    local _, token, err = in_virtual_time(function()
      return login.ask(from, { rejected = "access-s3cr3t-1" })
    end)
    assert.is_nil(token)
    assert.is_true(err.retryable)
    assert.equal(500, err.status)
    assert.equal("trace-1", err.request_id)
    assert.equal(1, #prompts)
  end)

  describe("with a cache", function()
    local path

    before_each(function() path = helper.scratch "tokens.json" end)

    local function sign_in(opts)
      opts = opts or {}
      opts.cache = path
      local from = device(opts)
      local _, token, err = in_virtual_time(function() return login.ask(from) end)
      return token, err
    end

    it("signs in once for all later processes", function()
      login_service(function(n) return login.tokens(n) end)
      assert.equal("access-s3cr3t-1", sign_in())
      assert.equal("access-s3cr3t-1", sign_in())
      assert.equal(0, #prompts)
      assert.equal(2, #seen)
      helper.advance(3400)
      assert.equal("access-s3cr3t-2", sign_in())
      assert.equal(0, #prompts)
      assert.equal("refresh-s3cr3t-1", login.form_of(seen[3]).refresh_token)
    end)

    it("makes the file readable to the user alone, and leaves no other",
      function()
        login_service(function(n) return login.tokens(n) end)
        sign_in()
        assert.equal("rw-------", lfs.attributes(path, "permissions"))
        local saved = assert(json.decode(helper.read(path)))
        assert.equal(1, saved.version)
        local folder, name = path:match "^(.*)/([^/]+)$"
        for entry in lfs.dir(folder) do
          assert.is_true(entry == name or entry == name .. ".lock"
            or not entry:find(name, 1, true))
        end
      end)

    it("refuses a file that others may read, and says what to do", function()
      login_service(function(n) return login.tokens(n) end)
      sign_in()
      local count = #seen
      os.execute("chmod 644 " .. path)
      local token, err = sign_in()
      assert.is_nil(token)
      assert.equal("state", err.kind)
      assert.matches("chmod 600", err.message, 1, true)
      assert.matches(path, err.message, 1, true)
      assert.equal(count, #seen)
    end)

    it("refuses a file that is damaged, newer, or another application's",
      function()
        login_service(function(n) return login.tokens(n) end)
        for text, why in pairs {
          ["{"] = "is damaged", [""] = "is damaged", ["[]"] = "is damaged",
          ['{"version":1,"client_id":"app","tenant":"common","refresh_token":{}}'] = "is damaged",
          ['{"version":1,"client_id":"app","tenant":"common","access_token":5}'] = "is damaged",
          ['{"version":2}'] = "newer graphsocket",
          ['{"version":1,"client_id":"b","tenant":"common"}'] = "belongs to",
          ['{"version":1,"client_id":"app","tenant":"x"}'] = "belongs to",
        } do
          helper.write(path, text)
          os.execute("chmod 600 " .. path)
          local token, err = sign_in()
          assert.is_nil(token)
          assert.equal("state", err.kind)
          assert.matches(why, err.message, 1, true)
          assert.equal(text, helper.read(path), "it was touched")
        end
        assert.equal(0, #seen)
        path = path .. "-folder"
        lfs.mkdir(path)
        local _, err = sign_in()
        assert.equal("state", err.kind)
        lfs.rmdir(path)
      end)

    it("gives the token also when it cannot be saved, and reports that",
      function()
        login_service(function(n) return login.tokens(n) end)
        path = "/nonexistent/folder/tokens.json"
        local reported
        graphsocket.on_error = function(err) reported = err end
        finally(function() graphsocket.on_error = nil end)
        assert.equal("access-s3cr3t-1", sign_in())
        assert.equal("state", reported.kind)
        assert.matches("cannot be written", reported.message, 1, true)
        assert.matches(path, reported.message, 1, true)
      end)

    it("keeps no token for what it does not allow", function()
      login_service(function(n) return login.tokens(n) end)
      assert.equal("access-s3cr3t-1", sign_in { scopes = "Files.Read" })
      assert.equal("access-s3cr3t-2", sign_in { scopes = "Files.ReadWrite" })
      assert.equal("access-s3cr3t-2", sign_in { scopes = { "Files.ReadWrite" } })
      assert.equal(3, #seen)
      assert.equal("Files.ReadWrite offline_access", login.form_of(seen[3]).scope)
    end)

    it("does not stay with a token that cannot be sent", function()
      login_service(function(n)
        return login.tokens(n, n == 1 and { access_token = "s3cr3t\r\n" } or {})
      end)
      local token, err = sign_in()
      assert.is_nil(token)
      assert.matches("a token that cannot be used", err.message, 1, true)
      assert.equal("access-s3cr3t-2", sign_in())
      assert.equal("refresh-s3cr3t-1", login.form_of(seen[3]).refresh_token)
    end)

    it("uses what another process saved when its own token was refused",
      function()
        login_service(function(n) return login.tokens(n) end)
        local from = device { cache = path }
        in_virtual_time(function() return login.ask(from) end)
        local saved = json.decode(helper.read(path))
        saved.access_token = "of-another-process"
        helper.write(path, json.encode(saved))
        local count = #seen
        local _, token = in_virtual_time(function()
          return login.ask(from, { rejected = "access-s3cr3t-1" })
        end)
        assert.equal("of-another-process", token)
        assert.equal(count, #seen)
      end)
  end)
end)
