local errors = require "graphsocket.errors"
local lease = require "graphsocket.lease"

-- A lease given at second 1000 of the loop, at |server_time| by Graph's clock.
local function new(expires_at, lead, random, server_time)
  return lease.new({ expires_at = expires_at }, {
    now = 1000, server_time = server_time or 5e8, lead = lead or 120,
    random = random or 0,
  })
end

describe("graphsocket.lease", function()
  it("is renewed by its lead before the expiry, and a little earlier", function()
    assert.equal(1000 + 1200 - 120, new(5e8 + 1200).renew_at)
    local early = new(5e8 + 1200, 120, 0.999).renew_at
    assert.is_true(early < 1000 + 1200 - 120)
    assert.is_true(early > 1000 + 1200 - 120 * 1.25)
  end)

  it("measures the life by Graph's clock, whatever the local one says", function()
    assert.equal(1000 + 1200, new(7e8 + 1200, 120, 0, 7e8).expires)
  end)

  it("is renewed after half an hour if it states no expiry", function()
    assert.equal(1000 + 1800, new(nil).renew_at)
    assert.is_nil(new(nil).expires)
    local early = new(nil, 120, 0.999).renew_at
    assert.is_true(early < 1000 + 1800 and early > 1000 + 1500)
  end)

  it("takes an expiry in the past for none: a clock is wrong", function()
    assert.equal(1000 + 1800, new(5e8 - 86400).renew_at)
  end)

  it("uses a life that is shorter than the lead", function()
    assert.equal(1050, new(5e8 + 100).renew_at)
    assert.equal(1050, new(5e8 + 100, 1e9).renew_at)
    assert.equal(1001, new(5e8 + 0.1).renew_at)
  end)

  it("may be used until its renewal", function()
    local l = new(5e8 + 1200)
    assert.is_true(l:is_usable(1000))
    assert.is_true(l:is_usable(2079))
    assert.is_false(l:is_usable(2080))
  end)

  local function after(fields)
    local l = new(5e8 + 1200)
    fields.kind = fields.kind or "network"
    l:note_failure(errors.new(fields), false)
    return l:is_usable(1001)
  end

  it("is not used again when the server refused it", function()
    for _, status in ipairs { 400, 401, 403, 404, 410 } do
      assert.is_false(after { status = status }, status)
    end
    assert.is_false(after { kind = "auth", code = "refused" })
    assert.is_false(after { code = "io server disconnect" })
  end)

  it("is used again when a failure says nothing about it", function()
    for _, status in ipairs { 407, 408, 425, 429, 500, 502, 503, 504 } do
      assert.is_true(after { status = status }, status)
    end
    assert.is_true(after { kind = "timeout" })
    assert.is_true(after { kind = "tls" })
    assert.is_true(after { code = "transport close" })
  end)

  it("is given up after failures in a row", function()
    local l, err = new(5e8 + 1200), errors.new { kind = "network" }
    for _ = 1, lease.MAX_FAILURES - 1 do l:note_failure(err, false) end
    assert.is_true(l:is_usable(1001))
    l:note_failure(err, true)
    assert.is_true(l:is_usable(1001))
    for _ = 1, lease.MAX_FAILURES - 1 do l:note_failure(err, false) end
    assert.is_false(l:is_usable(1001))
  end)
end)
