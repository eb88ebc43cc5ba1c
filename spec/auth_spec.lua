local auth = require "graphsocket.auth"
local command = require "graphsocket.auth.command"
local errors = require "graphsocket.errors"
local fake_http = require "spec.fake_http"
local graphsocket = require "graphsocket"
local helper = require "spec.helper"
local json = require "graphsocket.json"
local lfs = require "lfs"
local loop = require "graphsocket.loop"
local scope = require "graphsocket.scope"
local simulator = require "spec.simulator"
local source = require "graphsocket.auth.source"

local unpack = table.unpack or unpack
local in_virtual_time = fake_http.in_virtual_time

local function refused(constructor, ...)
  local args = { n = select("#", ...), ... }
  local ok, message = pcall(function()
    local made = constructor(unpack(args, 1, args.n))
    return made
  end)
  assert.is_false(ok, "the arguments were taken")
  assert.matches("auth_spec%.lua:%d+: auth%.", message)
  return message
end

-- Asks a source as a client does.
local function ask(from, fields)
  fields = fields or {}
  fields.scope = fields.scope or scope.new()
  return from:get(fields)
end

describe("a token source", function()
  local calls, gate

  local function counting(life)
    calls = 0
    return source.new {
      name = "the source", timeout = 60,
      fetch = function()
        calls = calls + 1
        local n = calls
        if gate then gate:await() end
        return "t" .. n, life
      end,
    }
  end

  before_each(function() gate = nil end)

  it("runs one fetch however many ask", function()
    gate = loop.future()
    local from, got = counting(3600), {}
    for _ = 1, 50 do
      loop.spawn(function()
        local token = ask(from)
        got[#got + 1] = token
      end)
    end
    helper.advance(0)
    gate:resolve()
    helper.advance(0)
    assert.equal(1, calls)
    assert.equal(50, #got)
    for _, token in ipairs(got) do assert.equal("t1", token) end
  end)

  it("keeps a token until five minutes before its end", function()
    local from = counting(3600)
    assert.equal("t1", ask(from))
    helper.advance(3299)
    assert.equal("t1", ask(from))
    helper.advance(2)
    assert.equal("t2", ask(from))
  end)

  it("keeps a short-lived one for nine tenths of its life", function()
    local from = counting(60)
    assert.equal("t1", ask(from))
    helper.advance(53)
    assert.equal("t1", ask(from))
    helper.advance(2)
    assert.equal("t2", ask(from))
  end)

  it("asks each time for one that says nothing of its life", function()
    local from = counting()
    assert.equal("t1", ask(from))
    assert.equal("t2", ask(from))
  end)

  it("gets another for one that was refused, once for all who were", function()
    local from = counting(3600)
    assert.equal("t1", ask(from))
    local got = {}
    for _ = 1, 10 do
      loop.spawn(function()
        local token = ask(from, { rejected = "t1" })
        got[#got + 1] = token
      end)
    end
    helper.advance(0)
    assert.equal("t2", ask(from, { rejected = "t1" }))
    assert.equal(2, calls)
    assert.equal(10, #got)
    for _, token in ipairs(got) do assert.equal("t2", token) end
  end)

  it("forces a fetch when the one under way brought the refused token again",
    function()
      local forced = {}
      local from = source.new {
        name = "the source",
        fetch = function(given)
          forced[#forced + 1] = given.force
          if #forced == 1 then gate:await() end
          return given.force and "new" or "old", 3600
        end,
      }
      gate = loop.future()
      local got
      loop.spawn(function() ask(from) end)
      loop.spawn(function() got = ask(from, { rejected = "old" }) end)
      helper.advance(0)
      gate:resolve()
      helper.advance(0)
      assert.equal("new", got)
      assert.same({ false, true }, forced)
    end)

  it("gives up on a fetch that hangs, and ignores what it brings later",
    function()
      gate = loop.future()
      local from, err = counting(3600), nil
      loop.spawn(function() err = select(2, ask(from)) end)
      helper.advance(0)
      helper.advance(59)
      assert.is_nil(err)
      helper.advance(2)
      assert.equal("timeout", err.kind)
      assert.is_true(err.retryable)
      local late
      late, gate = gate, nil
      assert.equal("t2", ask(from))
      late:resolve()
      helper.advance(0)
      assert.equal("t2", ask(from))
    end)

  it("lets one asker go without the others, and stops for the last", function()
    local stopped
    gate = loop.future()
    local from = source.new {
      name = "the source",
      fetch = function(given)
        given.scope:on_cancel(function() stopped = true end)
        gate:await()
        return "t", 3600
      end,
    }
    local scopes, results = { scope.new(), scope.new() }, {}
    for i = 1, 2 do
      loop.spawn(function()
        local token, err = ask(from, { scope = scopes[i] })
        results[i] = token or err.kind
      end)
    end
    helper.advance(0)
    scopes[1]:cancel()
    helper.advance(0)
    assert.same({ "closed" }, results)
    assert.is_nil(stopped)
    scopes[2]:cancel()
    helper.advance(0)
    assert.same({ "closed", "closed" }, results)
    assert.is_true(stopped)
    gate:resolve()
    helper.advance(0)
  end)

  it("can be called like a token function", function()
    local from = counting(3600)
    local token, life = from()
    assert.equal("t1", token)
    assert.is_true(life > 3200 and life <= 3300)
    assert.equal("t2", (from(true)))
    assert.equal("t2", (from:token()))
  end)

  it("prints without its token, also when all its fields are printed", function()
    local fixed = auth.static("s3cr3t")
    assert.equal("s3cr3t", ask(fixed))
    assert.equal("graphsocket.auth source (the token)", tostring(fixed))
    local function search(value, seen)
      if value == "s3cr3t" then return true end
      if type(value) ~= "table" or seen[value] then return false end
      seen[value] = true
      for k, v in pairs(value) do
        if search(k, seen) or search(v, seen) then return true end
      end
      return false
    end
    local client = graphsocket.new { token = "s3cr3t" }
    assert.is_false(search(fixed, {}))
    assert.is_false(search(client, {}))
  end)
end)

describe("auth.static", function()
  it("refuses a token that cannot be sent", function()
    refused(auth.static, nil)
    refused(auth.static, "")
    assert.matches("trim it", refused(auth.static, "a\n"), 1, true)
  end)
end)

describe("auth.command", function()
  it("needs a command line", function()
    for _, line in ipairs { "", 5, {}, "a\0b" } do refused(auth.command, line) end
    assert.matches('did you mean "timeout"?',
      refused(auth.command, "true", { timout = 5 }), 1, true)
  end)

  it("reads what az, gcloud and an OAuth server print, and a bare token",
    function()
      local now = math.floor(loop.time())
      local cases = {
        { "abc", 300 }, { "  abc\n", 300 }, { '"abc"', 300 },
        { '{"accessToken":"abc","expires_on":' .. now + 1000
          .. ',"expiresOn":"2020-01-01 00:00:00.000000"}', 1000 },
        { '{"accessToken":"abc","expiresOn":"'
          .. os.date("%Y-%m-%d %H:%M:%S", now + 2000) .. '.123456"}', 2000 },
        { '{"access_token":"abc","expires_in":"3599"}', 3599 },
        { '{"access_token":"abc","expires_in":3599}', 3599 },
        { '{"credential":{"access_token":"abc","token_expiry":"'
          .. os.date("!%Y-%m-%dT%H:%M:%SZ", now + 500) .. '"}}', 500 },
        { '{"token":"abc"}', 300 },
      }
      for _, case in ipairs(cases) do
        local token, life = command.parse(case[1])
        assert.equal("abc", token, case[1])
        assert.is_true(math.abs(life - case[2]) <= 2, case[1])
      end
    end)

  it("says what is wrong with what it printed, and repeats none of it",
    function()
      for text, why in pairs {
        [""] = "printed nothing", ["ERROR: s3cr3t"] = "neither a token nor JSON",
        ['{"accessToken":s3cr3t'] = "JSON that cannot be read",
        ['{"x":"s3cr3t"}'] = "without accessToken",
        ['{"accessToken":5}'] = "without accessToken",
      } do
        local token, message = command.parse(text)
        assert.is_nil(token)
        assert.matches(why, message, 1, true)
        assert.is_nil(message:find("s3cr3t", 1, true))
      end
    end)

  it("runs once, keeps the token, and runs again when it was refused", function()
    local path = helper.scratch "count"
    local from = auth.command(("echo x >> %s; echo token$(wc -l < %s)")
      :format(path, path))
    assert.equal("token1", ask(from))
    assert.equal("token1", ask(from))
    assert.equal("token2", ask(from, { rejected = "token1" }))
  end)

  it("lets tasks go on while it runs", function()
    local path, ticks = helper.scratch "go", 0
    local from = auth.command(
      ("while [ ! -e %s ]; do sleep 0.01; done; echo token"):format(path))
    local got
    loop.spawn(function() got = ask(from) end)
    loop.spawn(function()
      for _ = 1, 3 do
        loop.sleep(0.001)
        ticks = ticks + 1
      end
      helper.write(path, "")
    end)
    helper.eventually(function() return got end, "the token comes")
    assert.equal(3, ticks)
    assert.equal("token", got)
  end)

  it("tells the exit code and what the command complained of", function()
    local token, err =
      ask(auth.command "echo 'Please run az login' >&2; echo more >&2; exit 3")
    assert.is_nil(token)
    assert.equal("auth", err.kind)
    assert.matches("exit code 3: Please run az login", err.message, 1, true)
    token, err = ask(auth.command "/nonexistent/tool")
    assert.is_nil(token)
    assert.matches("exit code 127", err.message, 1, true)
    token, err = ask(auth.command "false")
    assert.is_nil(token)
    assert.matches("it said nothing", err.message, 1, true)
  end)

  it("keeps secrets of the complaint to itself", function()
    local _, err = ask(auth.command(
      "echo 'Authorization: Bearer s3cr3t' >&2; exit 1"))
    assert.is_nil(tostring(err):find("s3cr3t", 1, true))
  end)

  it("is killed when it hangs, with all that it started", function()
    local path = helper.scratch "pid"
    local from = auth.command(
      ("sleep 1000 & echo $! > %s; wait"):format(path), { timeout = 30 })
    local err
    loop.spawn(function() err = select(2, ask(from)) end)
    helper.eventually(function()
      return (helper.read(path) or ""):find "\n"
    end, "the command has started")
    helper.advance(31)
    assert.equal("timeout", err.kind)
    assert.matches("did not answer within 30 s", err.message, 1, true)
    local pid = helper.read(path):match "%d+"
    helper.eventually(function()
      local stat = helper.read("/proc/" .. pid .. "/stat")
      return not stat or stat:find(") Z", 1, true)
    end, "the sleep is gone")
  end)

  it("stops a command that prints without end", function()
    local token, err = ask(auth.command "yes")
    assert.is_nil(token)
    assert.matches("printed more", err.message, 1, true)
  end)
end)

-- A login service that answers what the test wants, in virtual time.
local DEVICE = {
  device_code = "device-s3cr3t", user_code = "ABC-123",
  verification_uri = "https://microsoft.com/devicelogin", expires_in = 900,
  interval = 5, message = "open it and enter ABC-123",
}

local function tokens(n, more)
  local body = {
    token_type = "Bearer", expires_in = 3600,
    access_token = "access-s3cr3t-" .. n, refresh_token = "refresh-s3cr3t-" .. n,
  }
  for name, value in pairs(more or {}) do body[name] = value end
  return { body = json.encode(body) }
end

local function oauth_error(code, status)
  return {
    status = status or 400;
    body = json.encode {
      error = code, trace_id = "trace-1",
      error_description = "AADSTS1: words of the service. Trace ID: x\r\n"
        .. "Correlation ID: y\r\nTimestamp: z",
    };
  }
end

local function form_of(request)
  local form = {}
  for name, value in request.body:gmatch "([^&=]+)=([^&]*)" do
    form[name] = value:gsub("%%(%x%x)", function(hex)
      return string.char(tonumber(hex, 16))
    end)
  end
  return form
end

describe("auth.device_code", function()
  local seen, prompts

  local function login_service(answer)
    local polls = 0
    seen = fake_http.start(function(request)
      if request.url:find "/devicecode$" then
        return { body = json.encode(DEVICE) }
      end
      polls = polls + 1
      return answer(polls, form_of(request), request)
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
      refused(auth.device_code, {}), 1, true)
    for name, value in pairs {
      tenant = "a/b", authority = "http://login.test", cache = "",
      prompt = "x", client_id = "", scopes = 5, clientid = "x",
    } do
      refused(auth.device_code, {
        client_id = name ~= "client_id" and "app" or nil, [name] = value,
      })
    end
    refused(auth.device_code, { client_id = "a", authority = "https://a/?b" })
  end)

  it("shows the code, waits for the person, and gives the token", function()
    login_service(function(n)
      return n < 4 and oauth_error "authorization_pending" or tokens(1)
    end)
    local from = device { tenant = "contoso.test", scopes = { "Files.Read" } }
    local took, token = in_virtual_time(function() return ask(from) end)
    assert.equal("access-s3cr3t-1", token)
    assert.equal(1, #prompts)
    assert.equal("ABC-123", prompts[1].user_code)
    assert.equal("https://microsoft.com/devicelogin",
      prompts[1].verification_uri)
    assert.equal(DEVICE.message, prompts[1].message)
    assert.equal(900, prompts[1].expires_in)
    assert.is_nil(prompts[1].device_code)
    assert.is_true(took >= 20 and took < 25, took)
    assert.equal("https://login.microsoftonline.com/contoso.test/oauth2/v2.0/"
      .. "devicecode", seen[1].url)
    assert.equal("POST", seen[1].method)
    assert.equal("Files.Read offline_access", form_of(seen[1]).scope)
    local form = form_of(seen[2])
    assert.equal("urn:ietf:params:oauth:grant-type:device_code",
      form.grant_type)
    assert.equal("device-s3cr3t", form.device_code)
    assert.is_nil(seen[2].headers:find("Authorization", 1, true))
    for i = 3, #seen do
      assert.is_true(seen[i].at - seen[i - 1].at >= 4.99)
    end
  end)

  it("prints the message on standard error where there is no prompt", function()
    login_service(function() return tokens(1) end)
    local from = auth.device_code { client_id = "app" }
    local text = helper.capture_stderr(function()
      in_virtual_time(function() return ask(from) end)
    end)
    assert.equal(DEVICE.message .. "\n", text)
  end)

  it("slows down when it is told to, for good", function()
    login_service(function(n)
      if n == 2 then return oauth_error "slow_down" end
      return n < 5 and oauth_error "authorization_pending" or tokens(1)
    end)
    local from = device()
    in_virtual_time(function() return ask(from) end)
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
      return n == 3 and oauth_error("temporarily_unavailable", 503) or tokens(1)
    end)
    local from = device()
    local took, token = in_virtual_time(function() return ask(from) end)
    assert.equal("access-s3cr3t-1", token)
    assert.is_true(took >= 5 + 10 + 20 + 40, took)
  end)

  it("ends when the person declines or the code expires", function()
    for code, why in pairs {
      authorization_declined = "declined", access_denied = "declined",
      expired_token = "expired before anybody signed in",
      bad_verification_code = "words of the service",
    } do
      login_service(function() return oauth_error(code) end)
      local from = device()
      local _, token, err = in_virtual_time(function() return ask(from) end)
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

  it("ends by its own clock when the service only says pending", function()
    login_service(function() return oauth_error "authorization_pending" end)
    local from = device()
    local took, token, err = in_virtual_time(function() return ask(from) end)
    assert.is_nil(token)
    assert.equal("expired_token", err.code)
    assert.is_true(took >= 899 and took < 920, took)
  end)

  it("stops asking when nobody wants the token any more", function()
    login_service(function() return oauth_error "authorization_pending" end)
    local from, the_scope = device(), scope.new()
    local err
    loop.spawn(function()
      local _, problem = ask(from, { scope = the_scope })
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
    login_service(function() return tokens(1) end)
    local from = device { prompt = function() error("boom") end }
    local _, token, err = in_virtual_time(function() return ask(from) end)
    assert.is_nil(token)
    assert.matches("prompt function raised an error", err.message, 1, true)
    fake_http.stop()
    fake_http.start(function() return { body = "{}" } end)
    _, token, err = in_virtual_time(function() return ask(device()) end)
    assert.is_nil(token)
    assert.matches("gave no code", err.message, 1, true)
    fake_http.stop()
    fake_http.start(function() return { body = "<html>" } end)
    _, token, err = in_virtual_time(function() return ask(device()) end)
    assert.is_nil(token)
    assert.matches("not JSON", err.message, 1, true)
    assert.is_true(err.retryable)
  end)

  it("renews by the refresh token, without the person, with the claims",
    function()
      local forms = {}
      login_service(function(n, form)
        forms[n] = form
        return tokens(n)
      end)
      local from = device()
      in_virtual_time(function() return ask(from) end)
      local _, token = in_virtual_time(function()
        return ask(from, {
          rejected = "access-s3cr3t-1", claims = '{"a":1}',
        })
      end)
      assert.equal("access-s3cr3t-2", token)
      helper.advance(3400)
      _, token = in_virtual_time(function() return ask(from) end)
      assert.equal("access-s3cr3t-3", token)
      assert.equal(1, #prompts)
      assert.equal("refresh_token", forms[2].grant_type)
      assert.equal("refresh-s3cr3t-1", forms[2].refresh_token)
      assert.equal('{"a":1}', forms[2].claims)
      assert.equal("refresh-s3cr3t-2", forms[3].refresh_token)
    end)

  it("asks the person again when the refresh token is worth nothing", function()
    login_service(function(n)
      return n == 2 and oauth_error "invalid_grant" or tokens(n)
    end)
    local from = device()
    in_virtual_time(function() return ask(from) end)
    local _, token = in_virtual_time(function()
      return ask(from, { rejected = "access-s3cr3t-1" })
    end)
    assert.equal("access-s3cr3t-3", token)
    assert.equal(2, #prompts)
  end)

  it("does not ask the person when only the service is away", function()
    login_service(function(n)
      return n == 2 and oauth_error("server_error", 500) or tokens(n)
    end)
    local from = device()
    in_virtual_time(function() return ask(from) end)
    local _, token, err = in_virtual_time(function()
      return ask(from, { rejected = "access-s3cr3t-1" })
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
      local _, token, err = in_virtual_time(function() return ask(from) end)
      return token, err
    end

    it("signs in once for all later processes", function()
      login_service(function(n) return tokens(n) end)
      assert.equal("access-s3cr3t-1", sign_in())
      assert.equal("access-s3cr3t-1", sign_in())
      assert.equal(0, #prompts)
      assert.equal(2, #seen)
      helper.advance(3400)
      assert.equal("access-s3cr3t-2", sign_in())
      assert.equal(0, #prompts)
      assert.equal("refresh-s3cr3t-1", form_of(seen[3]).refresh_token)
    end)

    it("makes the file readable to the user alone, and leaves no other",
      function()
        login_service(function(n) return tokens(n) end)
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
      login_service(function(n) return tokens(n) end)
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
        login_service(function(n) return tokens(n) end)
        for text, why in pairs {
          ["{"] = "is damaged", [""] = "is damaged", ["[]"] = "is damaged",
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
        login_service(function(n) return tokens(n) end)
        path = "/nonexistent/folder/tokens.json"
        local reported
        graphsocket.on_error = function(err) reported = err end
        finally(function() graphsocket.on_error = nil end)
        assert.equal("access-s3cr3t-1", sign_in())
        assert.equal("state", reported.kind)
        assert.matches("cannot be written", reported.message, 1, true)
        assert.matches(path, reported.message, 1, true)
      end)

    it("uses what another process saved when its own token was refused",
      function()
        login_service(function(n) return tokens(n) end)
        local from = device { cache = path }
        in_virtual_time(function() return ask(from) end)
        local saved = json.decode(helper.read(path))
        saved.access_token = "of-another-process"
        helper.write(path, json.encode(saved))
        local count = #seen
        local _, token = in_virtual_time(function()
          return ask(from, { rejected = "access-s3cr3t-1" })
        end)
        assert.equal("of-another-process", token)
        assert.equal(count, #seen)
      end)
  end)
end)

describe("auth.refresh_token", function()
  after_each(fake_http.stop)

  local function from_forms(answer, opts)
    local forms = {}
    fake_http.start(function(request, n)
      forms[n] = form_of(request)
      return answer(n)
    end)
    local all = { client_id = "app", refresh_token = "given-s3cr3t" }
    for name, value in pairs(opts or {}) do all[name] = value end
    return auth.refresh_token(all), forms
  end

  it("needs the token", function()
    assert.matches('option "refresh_token" is missing',
      refused(auth.refresh_token, { client_id = "app" }), 1, true)
  end)

  it("uses each new refresh token in its turn", function()
    local from, forms = from_forms(tokens, { client_secret = "s3cr3t" })
    for n = 1, 3 do
      local _, token = in_virtual_time(function()
        return ask(from, { force = true })
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
        return tokens(n, { refresh_token = json.null })
      end)
      for _ = 1, 2 do
        in_virtual_time(function() return ask(from, { force = true }) end)
      end
      assert.equal("given-s3cr3t", forms[2].refresh_token)
    end)

  it("tries the given one when the kept one is worth nothing", function()
    local path = helper.scratch "tokens.json"
    local first = from_forms(tokens, { cache = path })
    in_virtual_time(function() return ask(first) end)
    fake_http.stop()
    local second, forms = from_forms(function(n)
      return n == 1 and oauth_error "invalid_grant" or tokens(n)
    end, { cache = path, refresh_token = "newer-s3cr3t" })
    local _, token = in_virtual_time(function()
      return ask(second, { force = true })
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
      local from = from_forms(function() return oauth_error(code) end)
      local _, token, err = in_virtual_time(function() return ask(from) end)
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
