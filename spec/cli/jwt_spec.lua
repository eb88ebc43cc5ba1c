local base64 = require "graphsocket.base64"
local json = require "graphsocket.json"
local jwt = require "graphsocket.cli.jwt"

-- A token with these claims, as a login service makes them.
local function token(claims)
  local payload = base64.encode(type(claims) == "string" and claims or json.encode(claims))
    :gsub("+", "-"):gsub("/", "_"):gsub("=", "")
  return "eyJhbGciOiJSUzI1NiJ9." .. payload .. ".c2lnbmF0dXJl"
end

describe("a JSON Web Token", function()
  it("gives its claims, of every length and every letter", function()
    for _, name in ipairs { "a", "ab", "abc", "abcd", "?>~", "\195\191\195\190" } do
      assert.same({ name = name, exp = 1767225600 },
        jwt.claims(token { name = name, exp = 1767225600 }))
    end
  end)

  it("is told from what is none", function()
    assert.is_nil(jwt.claims "EwB4A8l6BAAU...opaque")
    assert.is_nil(jwt.claims "")
    assert.is_nil(jwt.claims "eyJ.e30")
    assert.is_nil(jwt.claims "eyJhbGciOiJSUzI1NiJ9.!!!.c2ln")
    assert.is_nil(jwt.claims(token "no JSON"))
    assert.is_nil(jwt.claims(token "17"))
  end)

  it("that has expired, or is an application's own, is found before it is sent", function()
    local now = 1767225600
    assert.is_nil(jwt.fault({ exp = now + 1, scp = "Files.Read" }, now))
    assert.is_nil(jwt.fault({}, now))
    assert.matches("expired", jwt.fault({ exp = now, scp = "Files.Read" }, now))
    assert.matches("application", jwt.fault({ exp = now + 1, roles = { "Files.Read.All" } }, now))
    assert.is_nil(jwt.fault({ exp = now + 1, roles = { "Reader" }, scp = "Files.Read" }, now))
  end)
end)
