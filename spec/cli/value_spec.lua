local json = require "graphsocket.json"
local socketio = require "graphsocket.socketio"
local value = require "graphsocket.cli.value"

describe("an event's argument", function()
  it("that is bytes is base64, in the words of RFC 4648, 10", function()
    for bytes, text in pairs {
      [""] = "", f = "Zg==", fo = "Zm8=", foo = "Zm9v", foob = "Zm9vYg==",
      fooba = "Zm9vYmE=", foobar = "Zm9vYmFy", ["\0\255\254"] = "AP/+",
    } do
      assert.equal(text, value.base64(bytes))
    end
  end)

  it("is shown wherever its bytes lie", function()
    assert.same({ list = { { ["$binary"] = "Zm9v" } }, n = 1 },
      value.plain { list = { socketio.binary "foo" }, n = 1 })
    assert.equal('{"$binary":"Zg=="}  "b"', value.show(socketio.binary "f", "b"))
  end)

  it("that is nothing keeps its place", function()
    assert.equal('[null,1,null]', json.encode(value.list(nil, 1, nil)))
    assert.equal("[]", json.encode(value.list()))
  end)

  it("that is an empty array stays one", function()
    assert.equal("[[]]", json.encode(value.list(json.array())))
  end)

  it("cannot send the terminal anything", function()
    assert.equal('"\\u001b[2J"  "\\x9b"', value.show("\27[2J", "\194\155"))
  end)
end)
