local json = require "graphsocket.json"
local socketio = require "graphsocket.socketio"
local value = require "graphsocket.cli.value"

describe("an event's argument", function()
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
