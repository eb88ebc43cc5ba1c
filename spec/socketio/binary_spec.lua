local binary = require "graphsocket.socketio.binary"
local json = require "graphsocket.json"

describe("a binary value", function()
  it("gives its bytes and their count", function()
    local value = binary.new "a\0b\255"
    assert.equal("a\0b\255", tostring(value))
    assert.equal(4, #value)
    assert.equal(0, #binary.new "")
  end)

  it("equals another with the same bytes, and no other", function()
    assert.is_true(binary.new "same" == binary.new "same")
    assert.is_false(binary.new "one" == binary.new "two")
  end)

  it("is told from strings and tables", function()
    assert.is_true(binary.is(binary.new "x"))
    for _, value in ipairs { "x", 1, true, {}, json.null, print } do
      assert.is_false(binary.is(value))
    end
    assert.is_false(binary.is(nil))
    assert.is_false(binary.is(io.stdout))
  end)

  it("is made of a string only", function()
    for _, value in ipairs { 1, {}, true } do
      assert.has_error(function() binary.new(value) end,
        "bad argument #1 to 'binary': give the bytes as a string, got "
          .. type(value))
    end
  end)

  it("does not get into JSON by itself", function()
    assert.is_false((pcall(json.encode, { binary.new "x" })))
  end)
end)

describe("extracting binary values", function()
  it("finds them however deep", function()
    assert.is_true(binary.has(binary.new ""))
    assert.is_true(binary.has { 1, { a = { binary.new "x" } } })
    assert.is_false(binary.has { 1, { a = { "x" } } })
    assert.is_false(binary.has "x")
  end)

  it("replaces them by placeholders, in a copy", function()
    local value = { text = "t", file = binary.new "one", list = { 1, 2 } }
    local list = {}
    local copy = binary.extract(value, list)
    assert.same({ "one" }, list)
    assert.same({ _placeholder = true, num = 0 }, copy.file)
    assert.equal("t", copy.text)
    assert.same({ 1, 2 }, copy.list)
    assert.equal("one", tostring(value.file))
  end)

  it("numbers them over several arguments", function()
    local list = {}
    binary.extract({ binary.new "one" }, list)
    assert.same({ _placeholder = true, num = 1 },
      binary.extract(binary.new "two", list))
    assert.same({ "one", "two" }, list)
  end)

  it("keeps the mark of an array", function()
    local copy = binary.extract({ json.array {}, binary.new "x" }, {})
    assert.is_true(json.is_array(copy[1]))
  end)

  it("ends with a table that contains itself, or is very deep", function()
    local cyclic = {}
    cyclic.left, cyclic.right = cyclic, { cyclic, cyclic }
    assert.is_false(binary.has(cyclic))
    cyclic.file = binary.new "x"
    assert.is_true(binary.has(cyclic))
    local list = {}
    binary.extract(cyclic, list)
    assert.same({ "x" }, list)

    local deep = {}
    for _ = 1, 100000 do deep = { deep } end
    assert.is_false(binary.has(deep))
    assert.is_table(binary.extract(deep, {}))
  end)
end)

describe("inserting binary values", function()
  it("puts them in the place of their placeholders", function()
    local value = binary.insert({ "event", { _placeholder = true, num = 1 },
      { deep = { { _placeholder = true, num = 0 } } } }, { "one", "two" })
    assert.equal("two", tostring(value[2]))
    assert.equal("one", tostring(value[3].deep[1]))
    assert.is_true(binary.is(value[2]))
  end)

  -- socket.io-parser: "throws an error when adding an attachment with an
  -- invalid 'num' attribute".
  it("refuses placeholders that name no attachment", function()
    for _, num in ipairs { 1, -1, 0.5, "splice", true } do
      local value, message =
        binary.insert({ "event", { _placeholder = true, num = num } }, { "x" })
      assert.is_nil(value)
      assert.equal("illegal attachments", message)
    end
    assert.is_nil((binary.insert({ { _placeholder = true } }, { "x" })))
  end)

  it("leaves alone what only looks like a placeholder", function()
    local value = binary.insert({ { _placeholder = "true", num = 0 } }, {})
    assert.same({ { _placeholder = "true", num = 0 } }, value)
  end)
end)
