local date = require "graphsocket.date"

describe("graphsocket.date", function()
  it("reads Graph's times, with seven fractional digits or any", function()
    for text, expected in pairs {
      ["1970-01-01T00:00:00Z"] = 0,
      ["2016-11-20T18:23:45.9356913Z"] = 1479666225.9356913,
      ["2024-02-29T23:59:59Z"] = 1709251199,
      ["2000-02-29T00:00:00.5Z"] = 951782400.5,
      ["2026-01-31T23:59:59+02:00"] = 1769896799,
      ["2026-01-31T23:59:59-0530"] = 1769923799,
      ["2026-01-31t23:59:59z"] = 1769903999,
      ["2038-01-19T03:14:08Z"] = 2147483648,
      ["2100-03-01T00:00:00Z"] = 4107542400,
    } do
      assert.equal(expected, date.from_iso(text), text)
    end
  end)

  it("gives nil for what is no time", function()
    for _, value in ipairs {
      "", "soon", "2026-01-31", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z",
      "2100-02-29T00:00:00Z", "2026-01-31T25:00:00Z", "2026-01-31T00:00:00",
      "2026-01-31T00:00:00.Z", "2026-01-00T00:00:00Z", 5, {}, false,
      "12026-01-31T00:00:00Z",
    } do
      assert.is_nil(date.from_iso(value))
      assert.is_nil(date.from_http(value))
    end
    assert.is_nil(date.from_iso(nil))
  end)

  it("reads the three forms of HTTP", function()
    for _, text in ipairs {
      "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
      "Sun Nov  6 08:49:37 1994", "sun, 06 nov 1994 08:49:37 GMT",
    } do
      assert.equal(784111777, date.from_http(text), text)
    end
    assert.equal(1445412480, date.from_http "Wed, 21 Oct 2015 07:28:00 GMT")
    assert.equal(1445412480, date.from_http "Wednesday, 21-Oct-15 07:28:00 GMT")
  end)

  it("reads again what it writes, for every day of four centuries", function()
    for at = 0, 400 * 365.25 * 86400, 86400 * 13 + 3607 do
      assert.equal(at, date.from_iso(date.to_iso(at)))
    end
  end)
end)
