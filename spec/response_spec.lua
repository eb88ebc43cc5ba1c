local response = require "graphsocket.response"

describe("graphsocket.response", function()
  it("reads header lines, names in any letter case, doubled ones joined", function()
    assert.same({ ["retry-after"] = "5", via = "1.1 a, 1.1 b", empty = "" },
      response.headers "Retry-AFTER:  5 \r\nVia: 1.1 a\r\nno header\r\nVIA: 1.1 b\r\nEmpty:\r\n")
    assert.same({}, response.headers(nil))
    local long = "a" .. (" "):rep(500000) .. "b"
    assert.same({ x = long }, response.headers("X: " .. long .. "  \r\n"))
  end)

  it("reads Retry-After, by the server's clock", function()
    assert.equal(120, response.retry_after({
      ["retry-after"] = "Thu, 01 Jan 2026 00:02:00 GMT",
      date = "Thu, 01 Jan 2026 00:00:00 GMT",
    }, 0))
    assert.is_nil(response.retry_after({}, 0))
  end)

  it("reads a claims challenge, encoded or not", function()
    local function claims(challenge)
      return response.claims { ["www-authenticate"] = challenge }
    end
    assert.equal('{"a":1}', claims 'Bearer error="x", claims="eyJhIjoxfQ=="')
    assert.equal('{"a":1}', claims 'Bearer claims="eyJhIjoxfQ"')
    assert.equal("plain", claims 'Bearer claims="plain"')
    assert.is_nil(claims 'Bearer realm=""')
    assert.is_nil(response.claims {})
  end)

  it("takes the innermost code of an error body, and anything for none", function()
    assert.same({ code = "a", message = "b", inner_code = "d" },
      response.error_body [[{"error":{"code":"a","message":"b",
        "innerError":{"code":"c","innererror":{"code":"d"}}}}]])
    for _, body in ipairs { "", "no", "[]", '{"error":5}', "null" } do
      assert.same({}, response.error_body(body))
    end
    assert.same({}, response.error_body(nil))
  end)
end)
