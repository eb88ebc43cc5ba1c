-- What the options of the way to Graph do. Which values they take is in
-- arguments_spec.lua.

local command = require "spec.cli.command"
local graph = require "graphsocket.cli.graph"
local helper = require "spec.helper"
local simulator = require "spec.simulator"

describe("the option", function()
  local sim
  setup(function() sim = simulator.start() end)
  teardown(function() sim:stop() end)
  before_each(function() sim:reset() end)

  local function endpoint(env, ...)
    local code, _, err = command.run(command.graph(sim, env), "endpoint", "/me/drive/root", ...)
    return code, err
  end

  it("--retries says how often a request is sent again", function()
    sim:fault { on = "subscription", status = 503, times = 1 }
    local code, err = endpoint({}, "--retries", "0")
    assert.equal(1, code)
    assert.matches("503", err)
    sim:fault { on = "subscription", status = 503, times = 1 }
    assert.equal(0, (endpoint({}, "--retries", "1")))
  end)

  it("--no-proxy outdoes the environment, --proxy too", function()
    local nobody = { https_proxy = "http://127.0.0.1:1", no_proxy = "" }
    local code, err = endpoint(nobody, "--retries", "0")
    assert.equal(1, code)
    assert.matches("the proxy refused the connection", err)
    assert.equal(0, (endpoint(nobody, "--no-proxy")))
    code, err = endpoint(nobody, "--proxy", "http://nothing.invalid:1", "--retries", "0")
    assert.equal(1, code)
    assert.matches("nothing.invalid", err, 1, true)
  end)

  it("--ca-file is what a server is checked against, --no-verify does without", function()
    local none = { GRAPH_CA_FILE = "" }
    local code, err = endpoint(none, "--retries", "0")
    assert.equal(1, code)
    assert.matches("certificate of localhost was refused", err, 1, true)
    assert.equal(0, (endpoint(none, "--ca-file", sim.ca)))
    assert.equal(0, (endpoint(none, "--no-verify")))
  end)

  it("--cert has to hold a certificate", function()
    local path = helper.scratch "cert"
    helper.write(path, "none")
    local code, err = endpoint({}, "--cert", path, "--retries", "0")
    assert.equal(1, code)
    assert.matches("a file for TLS cannot be used", err, 1, true)
  end)

  it("--insecure allows plain http, and only that", function()
    local plain = { base_url = "http://example.com/v1.0" }
    assert.matches("^http:// would send the token in plain text to example.com", graph.check(plain))
    assert.is_nil(graph.check { base_url = plain.base_url, insecure = true })
    assert.is_nil(graph.check { base_url = "http://127.0.0.1:1/v1.0" })
    assert.matches("plain text to example.com", graph.check { authority = "http://example.com" })
  end)
end)
