local proxy = require "graphsocket.proxy"

describe("graphsocket.proxy", function()
  local getenv, environment = os.getenv, nil

  before_each(function()
    environment = {}
    os.getenv = function(name) return environment[name] end -- luacheck: ignore
  end)
  after_each(function() os.getenv = getenv end) -- luacheck: ignore

  local function found(scheme, host, option)
    local through, message = proxy.find(scheme, host, option)
    assert.is_nil(message)
    return through and through.url
  end

  it("uses none unless one is set", function()
    assert.is_false(found("https", "graph.microsoft.com"))
  end)

  it("takes the option before the environment, and false for none", function()
    environment.https_proxy = "http://env:1"
    assert.equal("http://opt:2", found("https", "h.test", "http://opt:2"))
    assert.is_false(found("https", "h.test", false))
    assert.is_false(found("https", "h.test", ""))
    environment.no_proxy = "*"
    assert.equal("http://opt:2", found("https", "h.test", "http://opt:2"))
  end)

  it("reads the environment as curl does", function()
    local cases = {
      { "https", { https_proxy = "http://p:1" }, "http://p:1" },
      { "https", { HTTPS_PROXY = "http://p:1" }, "http://p:1" },
      { "https", { https_proxy = "http://a:1", HTTPS_PROXY = "http://b:1" },
        "http://a:1" },
      { "http", { http_proxy = "http://p:1" }, "http://p:1" },
      -- A CGI server sets it from a request header.
      { "http", { HTTP_PROXY = "http://evil:1" }, false },
      { "https", { http_proxy = "http://p:1" }, false },
      { "http", { https_proxy = "http://p:1" }, false },
      { "https", { all_proxy = "http://p:1" }, "http://p:1" },
      { "http", { ALL_PROXY = "http://p:1" }, "http://p:1" },
      { "https", { ALL_PROXY = "http://a:1", HTTPS_PROXY = "http://b:1" },
        "http://b:1" },
      { "wss", { https_proxy = "http://p:1" }, "http://p:1" },
      { "ws", { http_proxy = "http://p:1" }, "http://p:1" },
      { "https", { https_proxy = "" }, false },
    }
    for i, case in ipairs(cases) do
      environment = case[2]
      assert.equal(case[3], found(case[1], "h.test"), "case " .. i)
    end
  end)

  it("leaves out what no_proxy covers", function()
    environment.https_proxy = "http://p:1"
    local cases = {
      { "*", "h.test", true }, { "h.test", "h.test", true },
      { "h.test", "a.h.test", true }, { ".h.test", "a.h.test", true },
      { ".h.test", "h.test", true }, { "h.test", "ah.test", false },
      { "a.test, h.test", "h.test", true }, { "a.test h.test", "h.test", true },
      { "H.TEST", "h.test", true }, { "10.0.0.0/8", "10.1.2.3", true },
      { "10.0.0.0/8", "11.1.2.3", false }, { "10.1.2.3", "10.1.2.3", true },
      { "2.3", "10.1.2.3", false }, { "localhost", "localhost", true },
      { "::1", "::1", true }, { "[::1]", "::1", true },
      { "10.0.0.0/33", "10.0.0.0", false }, { ",", "h.test", false },
    }
    for i, case in ipairs(cases) do
      environment.no_proxy = case[1]
      assert.equal(case[3], found("https", case[2]) == false, "case " .. i)
    end
    environment.no_proxy, environment.NO_PROXY = nil, "h.test"
    assert.is_false(found("https", "h.test"))
  end)

  it("reads a proxy with a name and a password, and one without a scheme",
    function()
      local parsed = assert(proxy.parse "http://u%40x:p%3Aw@proxy.test:3128")
      assert.equal("http://u%40x:p%3Aw@proxy.test:3128", parsed.url)
      assert.equal("proxy.test", parsed.host)
      assert.equal(3128, parsed.port)
      assert.equal("http://proxy.test:8080", proxy.parse("proxy.test:8080").url)
      assert.equal("http://proxy.test:1080", proxy.parse("proxy.test").url)
      assert.equal("http://[::1]:3128", proxy.parse("http://[::1]:3128/").url)
    end)

  it("says which proxy cannot be used, and shows no password", function()
    environment.ALL_PROXY = "socks5://u:s3cr3t@p.test:1080"
    local through, message = proxy.find("wss", "h.test")
    assert.is_nil(through)
    assert.matches("the proxy of ALL_PROXY", message, 1, true)
    assert.matches("only http:// proxies work", message, 1, true)
    assert.is_nil(message:find("s3cr3t", 1, true))
    through, message = proxy.find("wss", "h.test", "http://")
    assert.is_nil(through)
    assert.matches('option "proxy"', message, 1, true)
  end)
end)
