local core = require "graphsocket.core"
local url = require "graphsocket.url"

local function parts(text) return assert(core.url_parse(text)) end

describe("graphsocket.url", function()
  it("knows this machine, and what only looks like it", function()
    for _, host in ipairs {
      "localhost", "127.0.0.1", "127.255.255.254", "::1",
    } do
      assert.is_true(url.is_loopback(host), host)
    end
    for _, host in ipairs {
      "localhost.test", "127.0.0.1.test", "127.0.0", "127.0.0.256", "128.0.0.1",
      "::2", "0.0.0.0", "a.localhost", "", "10.127.0.1",
    } do
      assert.is_false(url.is_loopback(host), host)
    end
  end)

  it("tells addresses from names", function()
    assert.is_true(url.is_address "10.0.0.1")
    assert.is_true(url.is_address "fe80::1")
    assert.is_false(url.is_address "10.0.0.1.nip.io")
    assert.is_false(url.is_address "x.svc.ms")
  end)

  it("compares servers by scheme, host and port", function()
    local base = parts "https://graph.microsoft.com/v1.0"
    for text, same in pairs {
      ["https://graph.microsoft.com/"] = true,
      ["https://graph.microsoft.com:443/x?y"] = true,
      ["https://GRAPH.microsoft.com/x"] = true,
      ["http://graph.microsoft.com/"] = false,
      ["https://graph.microsoft.com:444/"] = false,
      ["https://graph.microsoft.com.test/"] = false,
      ["wss://graph.microsoft.com/"] = false,
    } do
      assert.equal(same, url.is_same_server(base, parts(text)), text)
    end
  end)

  it("allows plain text to loopback or where it was asked for", function()
    assert.is_nil(url.plain_fault(parts "https://a.test/"))
    assert.is_nil(url.plain_fault(parts "wss://a.test/"))
    assert.is_nil(url.plain_fault(parts "ws://127.0.0.1:80/"))
    assert.is_nil(url.plain_fault(parts "http://[::1]/"))
    assert.is_nil(url.plain_fault(parts "http://a.test/", true))
    assert.matches("use https://, or set insecure = true",
      url.plain_fault(parts "http://a.test/"), 1, true)
    assert.matches("use wss://", url.plain_fault(parts "ws://a.test/"), 1, true)
  end)

  it("reads a service's URL without its last slash", function()
    assert.equal("https://a.test/v1.0",
      url.service("https://a.test/v1.0/").base)
    for _, text in ipairs {
      "a.test", "ws://a.test", "https://a.test/?", "https://a.test/#x",
      "https://u@a.test/", "https:///", "",
    } do
      assert.is_nil(url.service(text), text)
    end
  end)
end)
