local url = require "graphsocket.socketio.url"

describe("the URL of a socket", function()
  local function parse(text)
    local parts, message = url.parse(text)
    assert(parts, message)
    return parts
  end

  local function fault(text)
    local parts, message = url.parse(text)
    assert.is_nil(parts, text)
    -- A query may be a secret.
    assert.is_nil(message:find "secret")
    return message
  end

  it("has the namespace as its path", function()
    assert.equal("/notifications",
      parse("https://host/notifications?token=t").namespace)
    assert.equal("/", parse("https://host").namespace)
    assert.equal("/", parse("https://host/").namespace)
    assert.equal("/a/b/", parse("https://host/a/b/#part").namespace)
    assert.equal("/some%20name", parse("https://host/some%20name").namespace)
  end)

  it("keeps the query byte for byte", function()
    local query = "token=a%2fb%2F+c&&x=1=2&applicationId=&y%20=~"
    assert.equal(query, parse("https://host/ns?" .. query).query)
    assert.is_nil(parse("https://host/ns").query)
    assert.is_nil(parse("https://host/ns?").query)
  end)

  -- url.ts: 'uri = "https://" + uri' where there is no page.
  it("is https without a scheme", function()
    for _, text in ipairs { "host:3000/ns", "//host:3000/ns" } do
      local parts = parse(text)
      assert.equal("https://host:3000", parts.origin)
      assert.is_true(parts.secure)
      assert.equal("/ns", parts.namespace)
    end
    assert.equal("https://localhost:443", parse("localhost").origin)
  end)

  it("knows ws and http, wss and https", function()
    assert.is_false(parse("ws://host").secure)
    assert.is_false(parse("http://host").secure)
    assert.is_true(parse("wss://host").secure)
    assert.is_true(parse("https://host").secure)
  end)

  it("takes a default port as none", function()
    assert.equal(parse("http://host:80/").origin, parse("http://host/").origin)
    assert.equal(parse("wss://host:443").origin, parse("wss://host").origin)
    assert.equal(80, parse("http://host").port)
    assert.not_equal(parse("http://host").origin, parse("https://host").origin)
    assert.not_equal(parse("http://host").origin, parse("http://host:81").origin)
  end)

  it("may have an IPv6 address as its host", function()
    local parts = parse("http://[::1]")
    assert.equal("::1", parts.host)
    assert.equal(80, parts.port)
    assert.equal("http://[::1]:80", parts.origin)
    assert.equal("/ns", parse("http://[::1]:3000/ns").namespace)
  end)

  it("is refused with user info, and says what to do", function()
    assert.matches("extra_headers = { Authorization",
      fault("https://user:secret@host/"), 1, true)
    assert.is_string(fault("https://user@host/"))
  end)

  it("is refused where it names no host, or another scheme", function()
    assert.matches("no host", fault("/ns?secret"))
    assert.matches("http, https, ws or wss", fault("ftp://secret"))
    for _, text in ipairs { "", "https://", "https://ho st/secret", "https://host:99999/secret", "://secret" } do
      assert.is_string(fault(text))
    end
  end)

  it("is refused where its path is no namespace", function()
    assert.matches("comma", fault("https://host/a,secret"))
    assert.matches("1024", fault("https://host/" .. ("n"):rep(1024)))
  end)
end)

describe("the request", function()
  it("goes to the path, with the query in front of what we add", function()
    assert.equal(
      "/socket.io/?token=t&applicationId=a&EIO=4&transport=websocket",
      url.request_target("/socket.io/", "token=t&applicationId=a", 4))
    assert.equal("/socket.io/?EIO=3&transport=websocket",
      url.request_target("/socket.io/", nil, 3))
  end)

  it("has exactly one slash behind the path", function()
    for _, path in ipairs { "/x", "/x/", "/x//" } do
      assert.equal("/x/?EIO=4&transport=websocket",
        url.request_target(path, nil, 4))
    end
    assert.equal("/?EIO=4&transport=websocket", url.request_target("/", nil, 4))
  end)

  it("has no slash behind the path if it is told so", function()
    for _, path in ipairs { "/x", "/x/", "/x//" } do
      assert.equal("/x?EIO=4&transport=websocket",
        url.request_target(path, nil, 4, false))
    end
    assert.equal("/?EIO=4&transport=websocket",
      url.request_target("/", nil, 4, false))
  end)

  it("writes a query table in order, escaped", function()
    assert.equal("%26a=%26%3D%3Fa&b=true&c=5&d=0.5&e=%C3%A9",
      url.query_text { ["&a"] = "&=?a", b = true, c = 5.0, d = 0.5, e = "é" })
    assert.is_nil(url.query_text {})
    assert.is_nil(url.query_text(nil))
    assert.is_nil(url.query_text "")
    assert.equal("a=%2f", url.query_text "a=%2f")
  end)

  it("joins the queries of the URL and of the option", function()
    assert.equal("a=1&b=2", url.join_queries("a=1", "b=2"))
    assert.equal("b=2", url.join_queries(nil, "b=2"))
    assert.is_nil(url.join_queries(nil, nil))
  end)

  it("replaces parameters that are the handshake's own", function()
    assert.equal("a=1&b=2", url.join_queries("EIO=3&a=1&transport=polling&b=2"))
    assert.is_nil(url.join_queries("EIO=3"))
    assert.equal("xEIO=3&y=transport", url.join_queries("xEIO=3&y=transport"))
  end)
end)
