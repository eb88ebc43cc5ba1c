local options = require "graphsocket.options"

-- Calls check as a public function would, and returns the error's text.
local function refused(given, schema)
  local function constructor(opts)
    return options.check("lib.new", opts, schema)
  end
  local ok, message = pcall(constructor, given)
  assert.is_false(ok, "the options were taken")
  return message
end

describe("graphsocket.options", function()
  local schema = {
    timeout = { type = "number", default = 30, min = 0, unit = "seconds" },
    token = { type = { "string", "function" }, required = "give a token" },
    cloud = { default = "global", one_of = { "global", "china" } },
    ca_file = { type = "string" },
    retries = { type = "number", integer = true, max = 10 },
    verify = { type = "boolean" },
  }

  it("fills in defaults and leaves the given table alone", function()
    local given = { token = "t" }
    local values = options.check("lib.new", given, schema)
    assert.same({ token = "t", timeout = 30, cloud = "global" }, values)
    assert.same({ token = "t" }, given)
  end)

  it("keeps a false that was given", function()
    local values = options.check("f", { verify = false },
      { verify = { type = "boolean", default = true } })
    assert.is_false(values.verify)
  end)

  it("names the nearest option for one that is unknown", function()
    for given, expected in pairs {
      tokn = "token", time_out = "timeout", caFile = "ca_file",
      ["ca-file"] = "ca_file", retry = "retries", verfy = "verify",
      access_token = "token", ssl_verify = "verify", ca = "ca_file",
      tls_ca_file = "ca_file", time = "timeout",
    } do
      assert.matches(('lib.new: unknown option "%s": did you mean "%s"?')
        :format(given, expected), refused({ [given] = 1 }, schema), 1, true)
    end
  end)

  it("lists the options where none is near", function()
    local message = refused({ banana = 1 }, schema)
    assert.matches('lib.new: unknown option "banana": the options are '
      .. "ca_file, cloud, retries, timeout, token, verify", message, 1, true)
    assert.is_nil(message:find("did you mean", 1, true))
  end)

  it("raises at the line that called the public function", function()
    local message = refused({ tokn = 1 }, schema)
    assert.matches("options_spec", message, 1, true)
  end)

  it("says what a value must be", function()
    local bad = {
      { { token = "t", timeout = "5" },
        'option "timeout" must be a number of seconds, got string' },
      { { token = "t", timeout = -1 },
        'option "timeout" must be at least 0 seconds' },
      { { token = "t", timeout = 0 / 0 }, "must be a number, not NaN" },
      { { token = "t", retries = 1.5 }, "must be a whole number" },
      { { token = "t", retries = 11 }, "must be at most 10" },
      { { token = 5 }, "must be a string or a function, got number" },
      { { token = "t", cloud = "mars" },
        'must be one of "global", "china"' },
      { {}, 'option "token" is missing: give a token' },
      { { "t" }, "options are named, but the table has a number key" },
      { "t", "options must be a table, got string" },
    }
    for _, case in ipairs(bad) do
      assert.matches("lib.new: ", refused(case[1], schema), 1, true)
      assert.matches(case[2], refused(case[1], schema), 1, true)
    end
  end)

  it("hands on the part that another schema names", function()
    assert.same({ a = 1, b = false },
      options.pick({ a = 1, b = false, c = 3 }, { a = {}, b = {}, d = {} }))
  end)

  describe("of a socket", function()
    it("have the JavaScript client's defaults", function()
      local values = options.check("connect", nil, options.socket)
      assert.equal("/socket.io/", values.path)
      assert.equal(1, values.reconnection_delay)
      assert.equal(5, values.reconnection_delay_max)
      assert.equal(0.5, values.randomization_factor)
      assert.equal(20, values.timeout)
      assert.equal("auto", values.engine)
      assert.equal(16777216, values.max_payload)
      assert.equal(math.huge, values.reconnection_attempts)
      assert.is_true(values.verify)
    end)

    it("refuse what could never work", function()
      for name, case in pairs {
        transports = { { "polling", "websocket" }, '{ "websocket" }' },
        path = { "socket.io", 'begin with "/"' },
        engine = { 5, 'one of "auto", 4, 3' },
        proxy = { true, "false for no proxy" },
        extra_headers = { { ["X-A"] = "a\r\nB: c" }, "control character" },
        query = { { a = {} }, "must map names" },
        protocols = { { "a b" }, "subprotocol" },
        ca_file = { "", "must not be empty" },
        timeout = { 0, "at least" },
      } do
        assert.matches(case[2],
          refused({ [name] = case[1] }, options.socket), 1, true)
      end
    end)

    it("refuse a proxy that could never be used, and show no password of it",
      function()
        for _, proxy in ipairs { "socks5://u:s3cr3t@host:1080", "ftp://host",
          "http://u:s3cr3t@" } do
          local message = refused({ proxy = proxy }, options.socket)
          assert.matches('option "proxy" is', message, 1, true)
          assert.is_nil(message:find("s3cr3t", 1, true))
        end
        for _, proxy in ipairs { "", "host:3128", "http://u:p@[::1]:3128" } do
          options.check("connect", { proxy = proxy }, options.socket)
        end
      end)

    it("refuse a local_address that is no IP address", function()
      for _, address in ipairs { "eth0", "localhost", "1.2.3", "256.1.1.1", "",
        "zz::1", "::1 " } do
        assert.matches('option "local_address" must be an IP address',
          refused({ local_address = address }, options.socket), 1, true)
      end
      for _, address in ipairs { "127.0.0.1", "::1", "fe80::1%eth0" } do
        options.check("connect", { local_address = address }, options.socket)
      end
    end)

    it("take a header, a list of protocols and websocket only", function()
      options.check("connect", {
        extra_headers = { ["X-Name"] = "é", Num = 5 },
        protocols = { "a", "b" },
        transports = { "websocket" },
        proxy = false,
        query = { a = 1, b = true, c = "x" },
      }, options.socket)
    end)
  end)
end)
