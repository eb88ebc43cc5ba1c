-- What is taken. What is refused, option by option, is in arguments_spec.lua.

local convert = require "graphsocket.cli.convert"
local helper = require "spec.helper"

describe("a word of the command line", function()
  local function takes(name, words)
    for word, expected in pairs(words) do
      local value, message = convert[name](word)
      assert.same(expected, value, ("%s %q: %s"):format(name, word, tostring(message)))
    end
  end

  -- Words that come back as they are.
  local function keeps(name, ...)
    for _, word in ipairs { ... } do takes(name, { [word] = word }) end
  end

  local function refuses(name, word)
    local value, message = convert[name](word)
    assert.is_nil(value, name .. " takes " .. word)
    assert.not_matches("%c", message)
    return message
  end

  it("may be a number of seconds", function()
    takes("seconds", { ["30"] = 30, ["0.5"] = 0.5, ["1e3"] = 1000 })
    assert.equal("'-1' is no number of seconds: give one such as 30 or 0.5",
      refuses("seconds", "-1"))
  end)

  it("may be a whole number", function()
    takes("count", { ["0"] = 0, ["3"] = 3 })
    refuses("count", "-1")
  end)

  it("may be a resource, whose table forms are not offered to a shell", function()
    keeps("resource", "/me/drive/root", "drives/b!x/root", "/sites/a,b,c/lists/d")
    assert.not_matches("{ ", refuses("resource", "/me/drive"), 1, true)
    assert.matches("^a resource is a path here", refuses("resource", "{ me = true }"))
  end)

  it("may be a cloud", function()
    keeps("cloud", (table.unpack or unpack)(convert.CLOUDS))
    assert.matches("give one of global, usgov, usgov%-dod, china", refuses("cloud", "mars"))
  end)

  it("may be a server's URL, whose query is not shown when it is refused", function()
    keeps("server", "https://example.com/chat?token=t", "ws://localhost:3000")
    assert.not_matches("s3cr3t", refuses("server", "ftp://example.com/?token=s3cr3t"))
  end)

  it("may be a file that can be read", function()
    local path = helper.scratch "file"
    assert.matches("cannot be read: .*No such file", refuses("readable", path))
    helper.write(path, "")
    keeps("readable", path)
  end)

  it("may be a file with a JSON object, of which nothing is shown", function()
    local path = helper.scratch "file"
    helper.write(path, ' {"password":"s3cr3t"}\n')
    takes("object_file", { [path] = { password = "s3cr3t" } })
    helper.write(path, '{"password":"s3cr3t"')
    assert.equal(path .. " holds no JSON object", refuses("object_file", path))
  end)

  it("may be a namespace, with a slash or without", function()
    takes("namespace", { ["/a"] = "/a", a = "/a", ["/"] = "/", ["//a"] = "/a" })
    refuses("namespace", "")
    refuses("namespace", "/\255")
  end)

  it("may be a tenant", function()
    keeps("tenant", "common", "contoso.onmicrosoft.com", "9122040d-6c67-4c5b-b112-36a304b66dad")
    refuses("tenant", "a/b")
  end)

  it("may be JSON or a header, which come as values", function()
    takes("object", { ['{"a":1}'] = { a = 1 }, [" {}"] = {} })
    takes("header", {
      ["X-Name: a: b"] = { "X-Name", "a: b" }, ["Empty:"] = { "Empty", "" },
    })
    refuses("header", "Name : value")
    refuses("object", '{"a":"\255"}')
    assert.not_matches("s3cr3t", refuses("object", '{"password":"s3cr3t"'))
  end)
end)
