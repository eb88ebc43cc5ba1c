local errors = require "graphsocket.errors"

describe("graphsocket.errors", function()
  it("prints as one readable line with the known details", function()
    local err = errors.new {
      kind = "graph",
      message = "too many\nrequests",
      status = 429,
      code = "tooManyRequests",
      retry_after = 120,
      request_id = "3f1e",
    }
    assert.equal("graph: too many requests (status 429, code tooManyRequests, "
      .. "retry after 120 s, request-id 3f1e)", tostring(err))
  end)

  it("prints without brackets when nothing more is known", function()
    assert.equal("state: broken",
      tostring(errors.new { kind = "state", message = "broken" }))
  end)

  it("can be joined to a text", function()
    local err = errors.new { kind = "tls", message = "expired" }
    assert.equal("because: tls: expired", "because: " .. err)
  end)

  it("tells its objects from other tables", function()
    assert.is_true(errors.is(errors.new { kind = "auth", message = "x" }))
    assert.is_false(errors.is { kind = "auth", message = "x" })
    assert.is_false(errors.is("auth"))
    assert.is_false(errors.is(nil))
  end)

  it("refuses a kind that is not in the contract", function()
    assert.has_error(function()
      errors.new { kind = "oops", message = "x" }
    end)
  end)

  it("says by the kind whether trying again can help", function()
    for kind, expected in pairs {
      network = true, timeout = true, tls = true, http = true,
      protocol = true, usage = false, auth = false, state = false,
      graph = false, closed = false,
    } do
      local err = errors.new { kind = kind, message = "x" }
      assert.equal(expected, err.retryable, kind)
    end
    local err = errors.new { kind = "graph", message = "x", retryable = true }
    assert.is_true(err.retryable)
  end)

  it("says what will fail again, however long one waits", function()
    local function is_final(fields)
      fields.message = "m"
      return errors.is_final(errors.new(fields))
    end
    for _, status in ipairs { 400, 401, 403, 404 } do
      assert.is_true(is_final { kind = "graph", status = status })
      assert.is_false(is_final {
        kind = "graph", status = status, retryable = true })
    end
    assert.is_true(is_final { kind = "usage" })
    assert.is_true(is_final { kind = "auth" })
    for _, kind in ipairs { "network", "tls", "timeout", "closed", "state" } do
      assert.is_false(is_final { kind = kind })
    end
    assert.is_false(is_final { kind = "graph", status = 503 })
  end)

  it("keeps the peer's data untouched and out of the text", function()
    local data = { secret = "https://h/?token=t" }
    local err = errors.new { kind = "protocol", message = "no", data = data }
    assert.equal(data, err.data)
    assert.equal("protocol: no", tostring(err))
  end)

  it("cuts a long message at a whole character", function()
    local err = errors.new { kind = "http", message = ("é"):rep(5000) }
    assert.is_true(#err.message <= 604)
    assert.equal("", (err.message:gsub("é", ""):gsub("…", "")))
  end)

  it("makes an object of the core's table, without the headers", function()
    local err = errors.from_fields {
      kind = "timeout", code = "TIMEOUT", message = "timed out",
      phase = "tls", headers = "Set-Cookie: a=b\r\n",
    }
    assert.equal("timeout: timed out (code TIMEOUT, in phase tls)",
      tostring(err))
    assert.is_nil(err.headers)
    assert.is_true(err.retryable)
  end)

  it("wraps what a function of the user gave as its error", function()
    local inner = errors.new { kind = "network", message = "down" }
    assert.equal(inner, errors.wrap(inner, "auth"))
    assert.equal("auth: token function: no luck",
      tostring(errors.wrap("no luck", "auth", "token function")))
    assert.equal("auth: no reason given", tostring(errors.wrap(nil, "auth")))
    assert.equal("auth: declined",
      tostring(errors.wrap({ message = "declined" }, "auth")))
  end)

  describe("redact", function()
    local SECRET = "s3cr3t"
    local cases = {
      "GET https://graph.microsoft.com/v1.0/me?token=s3cr3t&a=b failed",
      "wss://x.svc.ms/notifications?token=s3cr3t",
      "/socket.io/?token=s3cr3t&EIO=4",
      "(https://x.svc.ms/callback?s3cr3t)",
      "https://user:s3cr3t@proxy:3128/",
      "https://x/y#s3cr3t",
      "root/delta(token='s3cr3t')",
      "Authorization: Bearer s3cr3t",
      "authorization: s3cr3t two",
      "sent bearer s3cr3t, was refused",
      "Cookie: a=s3cr3t; b=c",
      "SET-COOKIE: a=s3cr3t",
      'body {"access_token": "s3cr3t"}',
      "{'refresh_token' : \"s3cr3t\"}",
      "refresh_token=s3cr3t&grant_type=refresh_token",
      "token=s3cr3t",
      "eyJ0eXAi.eyJzdWIi-s3cr3t.sig_s3cr3t",
      "of a.b.eyJ0eXAi.eyJzdWIi-s3cr3t.sig_s3cr3t",
      ("a "):rep(8190) .. "https://user:s3cr3t@proxy:3128/",
    }
    for _, text in ipairs(cases) do
      it("hides the secret in: " .. text:gsub(SECRET, "…"), function()
        local clean = errors.redact(text)
        assert.is_nil(clean:find(SECRET, 1, true), clean)
      end)
    end

    it("leaves an ordinary sentence as it is", function()
      local text = "certificate has expired (host graph.microsoft.com, code 10)"
      assert.equal(text, errors.redact(text))
    end)

    it("keeps host and path of a URL, which a reader needs", function()
      assert.equal("wss://x.svc.ms/notifications?…",
        errors.redact("wss://x.svc.ms/notifications?token=a"))
    end)

    it("makes one line of many", function()
      assert.equal("a b c", errors.redact("a\r\nb\0c"))
    end)

    it("is applied to every text that enters an error", function()
      local err = errors.new {
        kind = "http", message = "GET https://h/p?token=s3cr3t",
        body = '{"access_token":"s3cr3t"}',
      }
      assert.is_nil(err.message:find(SECRET, 1, true))
      assert.is_nil(err.body:find(SECRET, 1, true))
    end)
  end)
end)
