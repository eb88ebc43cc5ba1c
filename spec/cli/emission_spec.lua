local emission = require "graphsocket.cli.emission"
local json = require "graphsocket.json"

describe("a line to emit", function()
  local function parse(line)
    local name, arguments = emission.parse(line)
    return name, arguments, arguments and arguments.n
  end

  it("is a name and its arguments in JSON", function()
    local name, arguments, count =
      parse [[message "hello there" {"to": ["a b", "]}"]} -5.5 null true]]
    assert.equal("message", name)
    assert.equal(5, count)
    assert.equal("hello there", arguments[1])
    assert.same({ to = { "a b", "]}" } }, arguments[2])
    assert.equal(-5.5, arguments[3])
    assert.equal(json.null, arguments[4])
    assert.is_true(arguments[5])
  end)

  it("may have no arguments, or a name with spaces", function()
    assert.same({ "ping", { n = 0 } }, { emission.parse "  ping " })
    assert.same({ "a name", { n = 1, 1 } }, { emission.parse '"a name" 1' })
    local name, arguments = emission.parse 'x false ["\\"]"]'
    assert.equal("x", name)
    assert.same({ n = 2, false, { '"]' } }, arguments)
  end)

  it("may be empty", function()
    assert.same({}, { emission.parse "   " })
  end)

  it("says what is wrong", function()
    for line, words in pairs {
      ["say hello"] = "hello is not JSON: text needs quotes, as in say \"hello\" 5",
      ['say {"a":'] = '{"a": is not JSON',
      ['say "open'] = '"open is not JSON',
      ['say [1,2'] = "[1,2 is not JSON",
      ['"open'] = 'the event\'s name is no text: "open',
      ['"" 5'] = "the event's name is no text",
      ["say " .. ("x"):rep(100)] = ("x"):rep(39) .. "… is not JSON",
    } do
      local name, message = emission.parse(line)
      assert.is_nil(name)
      assert.truthy(message:find(words, 1, true), message)
    end
  end)
end)
