local handshake = require "graphsocket.socketio.handshake"
local loop = require "graphsocket.loop"
local options = require "graphsocket.options"
local url = require "graphsocket.socketio.url"

describe("the handshake", function()
  local getenv = os.getenv

  -- Proxies of the machine's own are not to be seen here.
  before_each(function()
    os.getenv = function() end   -- luacheck: ignore
  end)
  after_each(function()
    os.getenv = getenv   -- luacheck: ignore
  end)

  local function build(address, given, asked, timeout)
    local opts = options.check("spec", given, options.socket)
    return handshake.options(url.parse(address), opts, asked or {},
      timeout or 20, opts.engine)
  end

  it("hands the URL on in parts", function()
    local flat, query = build("https://host:8443/ns?token=a%2Fb")
    assert.equal("host", flat.host)
    assert.equal(8443, flat.port)
    assert.is_true(flat.tls)
    assert.equal("/socket.io/?token=a%2Fb&EIO=4&transport=websocket", flat.path)
    assert.equal("token=a%2Fb", query)
    assert.equal("Host: host:8443\r\n", flat.headers)
    assert.is_false(build("ws://[::1]").tls)
  end)

  it("leaves a default port out of the Host header", function()
    assert.equal("Host: host\r\n", build("https://host").headers)
    assert.equal("Host: host\r\n", build("ws://host:80").headers)
    assert.equal("Host: [::1]:443\r\n", build("http://[::1]:443").headers)
  end)

  it("adds headers, a Host of the script's own among them", function()
    assert.equal("Host: host\r\nCookie: a=1\r\nX-Count: 5\r\n",
      build("https://host", nil,
        { headers = { ["X-Count"] = 5, Cookie = "a=1" } }).headers)
    assert.equal("host: other\r\n",
      build("https://host", nil, { headers = { host = "other" } }).headers)
  end)

  it("asks for the revision of the option engine", function()
    local expected = { auto = { 0, 4 }, [3] = { 3, 3 }, [4] = { 4, 4 } }
    for engine, values in pairs(expected) do
      local flat = build("https://host", { engine = engine })
      assert.equal(values[1], flat.engine)
      assert.matches("EIO=" .. values[2], flat.path, 1, true)
    end
  end)

  it("hands every transport option on", function()
    local given = {
      ca_file = "/ca.pem", ca_path = "/ca", crl_file = "/crl.pem",
      cert = "/c.pem", key = "/k.pem",
      verify = false, server_name = "name", local_address = "127.0.0.1",
      compression = true, max_payload = 1000, max_queue = 2000,
    }
    local flat = build("https://host", given)
    for name, value in pairs(given) do assert.equal(value, flat[name]) end
    assert.equal(20, flat.timeout)
    assert.is_nil(build("https://host", nil, nil, math.huge).timeout)
  end)

  it("writes subprotocols as a list", function()
    assert.equal("a,b",
      build("https://host", { protocols = { "a", "b" } }).protocols)
    assert.equal("a", build("https://host", { protocols = "a" }).protocols)
    assert.is_nil(build("https://host").protocols)
  end)

  it("goes to another path", function()
    assert.equal("/custom/?EIO=4&transport=websocket",
      build("https://host/ns", { path = "/custom" }).path)
    assert.equal("/custom?EIO=4&transport=websocket",
      build("https://host/ns", { path = "/custom", add_trailing_slash = false })
        .path)
  end)

  it("is never the same request twice, if it is to have a timestamp", function()
    local seen = {}
    for _, param in ipairs { "t", "t", "no cache" } do
      local flat, query = build("https://host?a=1",
        { timestamp_requests = true, timestamp_param = param })
      assert.matches("^/socket%.io/%?a=1&" .. param:gsub(" ", "%%%%20")
        .. "=%x+&EIO=4", flat.path)
      assert.equal("a=1", query)
      assert.is_nil(seen[flat.path])
      seen[flat.path] = true
    end
  end)

  it("goes through a proxy, unless it is told otherwise", function()
    assert.equal("http://user:pw@proxy:3128",
      build("https://host", { proxy = "http://user:pw@proxy:3128" }).proxy)
    os.getenv = function(name)   -- luacheck: ignore
      return name == "https_proxy" and "http://proxy:3128" or nil
    end
    assert.equal("http://proxy:3128", build("https://host").proxy)
    assert.is_nil(build("https://host", { proxy = false }).proxy)
    assert.is_nil(build("http://localhost").proxy)
    os.getenv = function(name)   -- luacheck: ignore
      return name == "https_proxy" and "socks5://proxy" or nil
    end
    local flat, err = build("https://host")
    assert.is_nil(flat)
    assert.equal("usage", err.kind)
  end)

  describe("asks", function()
    it("nothing of tables and strings", function()
      local opts = { query = { a = 1 }, extra_headers = { A = "b" } }
      assert.is_false(handshake.must_ask(opts))
      assert.same({ query = { a = 1 }, headers = { A = "b" } },
        handshake.ask(opts))
    end)

    it("functions for the query and the headers", function()
      local opts = {
        query = function() return "a=1" end,
        extra_headers = function() return { A = "b" } end,
      }
      assert.is_true(handshake.must_ask(opts))
      assert.same({ query = "a=1", headers = { A = "b" } }, handshake.ask(opts))
      assert.same({}, handshake.ask { query = function() end })
    end)

    it("and gives their errors", function()
      local on_error = loop.on_error
      loop.on_error = function() end
      local CASES = {
        { "query", function() error("oops", 0) end, "oops" },
        { "query", function() return nil, "not now" end, "not now" },
        { "query", function() return 5 end, "must not be a number" },
        { "query", function() return "a b" end, "must contain no spaces" },
        { "query", function() return "a#b" end, "or #" },
        { "query", function() return { a = {} } end, "strings, numbers" },
        { "query", function() return { 1 } end, "strings, numbers" },
        { "extra_headers", function() return "a" end, "must not be a string" },
        { "extra_headers", function() return { A = "b\r\nC: d" } end,
          "control character" },
        { "extra_headers", function() return { ["a b"] = "c" } end,
          "header names" },
      }
      for _, case in ipairs(CASES) do
        local asked, err = handshake.ask { [case[1]] = case[2] }
        assert.is_nil(asked)
        assert.matches(case[3], err.message, 1, true)
      end
      loop.on_error = on_error
    end)
  end)
end)
