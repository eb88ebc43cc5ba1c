local response = require "graphsocket.response"

describe("graphsocket.response", function()
  it("reads header lines, names in any letter case, doubled ones joined", function()
    assert.same({ ["retry-after"] = "5", via = "1.1 a, 1.1 b", empty = "" },
      response.headers "Retry-AFTER:  5 \r\nVia: 1.1 a\r\nno header\r\nVIA: 1.1 b\r\nEmpty:\r\n")
    assert.same({}, response.headers(nil))
    local long = "a" .. (" "):rep(500000) .. "b"
    assert.same({ x = long }, response.headers("X: " .. long .. "  \r\n"))
  end)

  describe("reads Retry-After", function()
    local DATE = "Thu, 01 Jan 2026 00:00:00 GMT"
    local NOW = 1767225600 -- that date

    local function pause(value, more, now)
      local headers = { ["retry-after"] = value }
      for name, text in pairs(more or {}) do headers[name] = text end
      return response.retry_after(headers, now or NOW)
    end

    it("as seconds", function()
      assert.equal(0, pause "0")
      assert.equal(120, pause "120")
      assert.equal(1.5, pause "1.5")
      assert.equal(86400, pause "86400")
    end)

    it("as a date, by the server's clock where it tells it", function()
      local later = "Thu, 01 Jan 2026 00:02:00 GMT"
      assert.equal(120, pause(later))
      -- The local clock is a day late.
      assert.equal(120, pause(later, { date = DATE }, NOW - 86400))
      assert.equal(0, pause(DATE, nil, NOW + 5))
    end)

    it("and a pause of more than a day as one of a day", function()
      assert.equal(86400, pause "86401")
      assert.equal(86400, pause("1" .. ("0"):rep(300)))
      assert.equal(86400, pause "Thu, 01 Jan 2099 00:00:00 GMT")
    end)

    it("not at all where it is none", function()
      for _, value in ipairs { "", "-5", "soon", "1e9", "5 s" } do
        assert.is_nil(pause(value), value)
      end
      assert.is_nil(response.retry_after({}, NOW))
    end)
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
