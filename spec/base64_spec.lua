local base64 = require "graphsocket.base64"

-- RFC 4648, 10; and both alphabets' last two letters.
local VECTORS = {
  [""] = "", f = "Zg==", fo = "Zm8=", foo = "Zm9v", foob = "Zm9vYg==",
  fooba = "Zm9vYmE=", foobar = "Zm9vYmFy", ["\0\255\254"] = "AP/+",
}

describe("base64", function()
  it("encodes as the RFC's examples", function()
    for bytes, text in pairs(VECTORS) do assert.equal(text, base64.encode(bytes)) end
  end)

  it("decodes them, with padding or without, in either alphabet", function()
    for bytes, text in pairs(VECTORS) do
      assert.equal(bytes, base64.decode(text))
      assert.equal(bytes, base64.decode((text:gsub("=", ""))))
      assert.equal(bytes, base64.decode((text:gsub("+", "-"):gsub("/", "_"))))
    end
  end)

  it("brings all bytes back, at every length", function()
    local all = {}
    for byte = 0, 255 do
      all[#all + 1] = string.char(byte)
      local bytes = table.concat(all)
      assert.equal(bytes, base64.decode(base64.encode(bytes)))
    end
  end)

  it("takes no more time than the text is long, whatever is in it", function()
    assert.is_nil(base64.decode(("="):rep(2 ^ 20) .. "x"))
  end)

  it("tells what is none", function()
    for _, text in ipairs { "Zm 9v", "Zm9v\n", "Z=g", "=Zg", "ü" } do assert.is_nil(base64.decode(text)) end
  end)
end)
