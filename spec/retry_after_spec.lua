local retry_after = require "graphsocket.retry_after"

describe("graphsocket.retry_after reads the header", function()
  local DATE = "Thu, 01 Jan 2026 00:00:00 GMT"
  local NOW = 1767225600 -- that date

  local function pause(value, server_date, now)
    return retry_after.seconds(value, server_date, now or NOW)
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
    assert.equal(120, pause(later, DATE, NOW - 86400))
    assert.equal(120, pause(later, "no date"))
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
    assert.is_nil(pause(nil))
  end)
end)
