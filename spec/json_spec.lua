local cjson = require "cjson"
local helper = require "spec.helper"
local json = require "graphsocket.json"

local function refused(value)
  local ok, message = pcall(json.encode, value, "argument 1")
  assert.is_false(ok, "the value was taken")
  return message
end

local function nested(depth)
  local value = {}
  for _ = 2, depth do value = { value } end
  return value
end

-- What the GNU C library keeps of a locale's numbers, as localedef writes it for
-- de_DE.UTF-8: a decimal comma, and points between thousands.
local COMMA = "14110320 06000000 20000000 22000000 24000000 28000000 2c000000 30000000 "
  .. "2c002e00 03030000 2c000000 2e000000 5554462d 3800"

describe("graphsocket.json", function()
  it("writes what it read", function()
    for _, text in ipairs {
      '{"a":[1,2,{"b":null}]}', "[true,false]", '"x\\u0001y"', "12", "null",
      "[[[]]]", "-1.5", "99999999999999",
    } do
      local value = json.decode(text)
      if text == "[[[]]]" then
        -- Empty lists and objects are the same to lua-cjson.
        assert.equal("[[{}]]", json.encode(value))
      else
        assert.equal(text, json.encode(value))
      end
    end
  end)

  it("writes an empty list where it is marked, at any depth", function()
    assert.equal("[]", json.encode(json.array()))
    assert.equal("{}", json.encode({}))
    assert.equal('{"a":[[],{},1]}',
      json.encode { a = { json.array {}, {}, 1 } })
    assert.equal('["x",{"k":[]}]', json.encode { "x", { k = json.array() } })
    assert.equal('[null,[],0.5]',
      json.encode { json.null, json.array(), 0.5 })
  end)

  it("marks a list once and refuses to change another metatable", function()
    local list = json.array { 1 }
    assert.equal(list, json.array(list))
    assert.is_true(json.is_array(list))
    assert.is_false(json.is_array {})
    assert.has_error(function() json.array(setmetatable({}, {})) end)
    assert.has_error(function() json.array("x") end)
    assert.equal("[1]", json.encode(list))
  end)

  it("has lua-cjson's null", function()
    assert.equal(cjson.null, json.null)
    assert.equal('[1,null]', json.encode { 1, json.null })
    assert.equal(json.null, json.decode("null"))
  end)

  it("names the place of what cannot be written", function()
    local cycle = { a = {} }
    cycle.a.b = cycle
    local cases = {
      { { a = { 1, print } }, "argument 1.a[2]", "a function" },
      { { ["x y"] = { coroutine.create(print) } }, '["x y"][1]', "a thread" },
      { { a = 0 / 0 }, ".a", "NaN" },
      { { 1 / 0 }, "[1]", "infinite" },
      { { a = { b = "\255" } }, ".a.b", "not UTF-8" },
      { { "\237\160\128" }, "[1]", "not UTF-8" },
      { { a = { ["\255"] = 1 } }, ".a", "a key that is not UTF-8" },
      { { a = { 1, x = 2 } }, ".a", "neither a list nor an object" },
      { { a = { x = 2, [true] = 2 } }, ".a", "as a key" },
      { { [1.5] = 1 }, "", "neither a list" },
      { { [0] = 1 }, "", "neither a list" },
      { { 1, 2, [4] = 4 }, "", "a hole at index 3" },
      { cycle, "", "contains itself" },
      { nested(1001), "", "deeper than 1000" },
      { json.array { a = 1 }, "", "neither a list" },
    }
    for _, case in ipairs(cases) do
      local message = refused(case[1])
      assert.matches("cannot write argument 1", message, 1, true)
      assert.matches(case[2], message, 1, true)
      assert.matches(case[3], message, 1, true)
      assert.is_true(#message < 400)
    end
  end)

  it("writes each number in as few digits as keep it", function()
    assert.equal("[0,-1,1700000000,0.1,1e+15]",
      json.encode { 0, -1, 1700000000, 0.1, 1e15 })
    assert.equal('{"us":1763790000123456}', json.encode { us = 1763790000123456 })
    assert.equal("[9007199254740991,-9007199254740992]",
      json.encode { 2 ^ 53 - 1, -(2 ^ 53) })
    assert.equal("[0.30000000000000004,[],1.5]",
      json.encode { 0.1 + 0.2, json.array(), 1.5 })
    for _, number in ipairs { 1 / 3, -1e-7 / 3, 5e-324, 1.7976931348623157e308, 2 ^ 62 } do
      assert.equal(number, json.decode(json.encode(number)))
    end
  end)

  if math.type then
    it("refuses an integer that other readers would round", function()
      assert.matches("the integer 9007199254740993, which readers of JSON round",
        refused { n = math.tointeger(2 ^ 53) + 1 })
      assert.equal("[4.611686018427388e+18]", json.encode { math.tointeger(2 ^ 62) })
    end)
  end

  it("takes 1000 levels in both directions and no more", function()
    local text = ("["):rep(1000) .. "1" .. ("]"):rep(1000)
    local value = assert(json.decode(text))
    assert.equal(text, json.encode(value))
    local result, message = json.decode("[" .. text .. "]")
    assert.is_nil(result)
    assert.matches("nested", message)
  end)

  it("gives nil and a message that repeats nothing of bad text", function()
    for _, text in ipairs {
      "", "s3cret", '{"a":s3cret}', "[1,2", '{"s3cret"', "[NaN]", "[0x10]",
      '{"s3cret":1}}', '"s3cret', '["\\ud800]', '["\\ud800", s3cret]', '{"s3cret":1}\0', "\239\187\191[]",
    } do
      local value, message = json.decode(text)
      assert.is_nil(value)
      assert.equal("string", type(message))
      assert.is_nil(message:find("s3cret", 1, true), message)
      assert.is_nil(message:find("\n", 1, true))
    end
  end)

  it("reads half of a surrogate pair as U+FFFD, and leaves pairs and backslashes as they are", function()
    local lost = "\239\191\189"
    for text, expected in pairs {
      ["\\ud83d"] = lost,
      ["\\ude00"] = lost,
      ["a\\ud83dz"] = "a" .. lost .. "z",
      ["\\uD83D\\uD83D\\uDE00"] = lost .. "\240\159\152\128",
      ["\\ud83d\\ude00\\ude00"] = "\240\159\152\128" .. lost,
      ["\\ude00\\ud83d"] = lost .. lost,
      ["\\ud83d\\u0041"] = lost .. "A",
      ["\\ud83d\\\\ude00"] = lost .. "\\ude00",
      ["\\\\ud83d\\ud83d"] = "\\ud83d" .. lost,
      ["\\nd83d\\ud83d\\n"] = "\nd83d" .. lost .. "\n",
    } do
      assert.same({ [expected] = expected }, json.decode(('{"%s":"%s"}'):format(text, text)))
      assert.same({ expected }, json.decode(('42["%s"]'):format(text), 3))
    end
    assert.is_nil((json.decode '["\\ud83d\\x"]'))
  end)

  it("reads an integer as one, and a fraction, -0 and what has lost digits as a float", function()
    local value = json.decode '{"n":1,"list":[2,{"m":-3}],"half":0.5,"big":9007199254740993}'
    assert.equal("1", tostring(value.n))
    assert.equal("2", tostring(value.list[1]))
    assert.equal("-3", tostring(value.list[2].m))
    assert.equal(0.5, value.half)
    assert.equal(2 ^ 53, value.big)
    assert.equal(-math.huge, 1 / json.decode "[-0]"[1])
    assert.equal("7", tostring((json.decode "7")))
    if math.type then
      assert.equal("integer", math.type(value.n))
      assert.equal("float", math.type(value.big))
    end
  end)

  it("keeps clear of the script's own lua-cjson settings", function()
    cjson.decode_max_depth(2)
    local ok, err = pcall(function()
      assert.same({ { { 1 } } }, json.decode("[[[1]]]"))
    end)
    cjson.decode_max_depth(1000)
    assert(ok, err)
  end)

  it("reads from a position on, and refuses a NUL behind the value", function()
    assert.same({ "x" }, json.decode('42["x"]', 3))
    assert.is_nil((json.decode('42["x"]', 4)))
    assert.is_nil((json.decode "[1]\0"))
    assert.same({ 1 }, json.decode("\0[1]", 2))
  end)

  it("knows no decimal comma, whenever the script sets a locale that has one", function()
    local folder = helper.scratch "locales"
    helper.run { "mkdir", "-p", folder .. "/comma" }
    helper.write(folder .. "/comma/LC_NUMERIC", (COMMA:gsub(" ", ""):gsub("%x%x", function(byte)
      return string.char(tonumber(byte, 16))
    end)))
    local script = helper.scratch "script.lua"
    helper.write(script, [[
      local json = require "graphsocket.json"
      local function look()
        print(json.encode { 1.5, -0.25, 1e300, 0.1, 1 / 3 })
        print(require("graphsocket.socketio.url").query_text { half = 0.5 })
        local list = json.decode "[0.5, -1.25, 1e-3]"
        print(list[1] == 0.5 and list[2] == -1.25 and list[3] == 0.001)
      end
      look()
      for _ = 1, 2 do
        if not os.setlocale("comma", "numeric") then return print "no such locale" end
        look()
        os.setlocale("C", "numeric")
        look()
      end
    ]])
    local code, out, err = helper.run {
      helper.interpreter(), script,
      env = {
        LUA_PATH = package.path, LUA_CPATH = package.cpath, LOCPATH = folder,
        -- glibc 2.36 itself loses what setlocale has split LOCPATH into.
        ASAN_OPTIONS = "detect_leaks=0",
      },
    }
    assert.equal(0, code, err)
    if out:find "no such locale" then return pending "the C library knows no locales" end
    local lines = '[1.5,-0.25,1e+300,0.1,0.3333333333333333]\nhalf=0.5\ntrue\n'
    assert.equal(lines:rep(5), out)
  end)

  describe("with another codec", function()
    local dkjson = require "dkjson"

    after_each(function() json.use(nil) end)

    local function use_dkjson()
      local read, written = 0, 0
      json.use {
        decode = function(text)
          read = read + 1
          local value, _, why = dkjson.decode(text, 1, json.null, nil)
          return value, why
        end,
        encode = function(value)
          written = written + 1
          return dkjson.encode(value, {
            exception = function(_, other) return other == json.null and "null" end,
          })
        end,
      }
      return function() return read, written end
    end

    it("reads and writes with it, and with lua-cjson again when told so", function()
      local counts = use_dkjson()
      assert.same({ a = { 1, json.null, "x" } }, json.decode '{"a":[1,null,"x"]}')
      assert.equal('{"a":[1,null,"x"]}', json.encode { a = { 1, json.null, "x" } })
      assert.equal('{"a":[]}', json.encode { a = json.array() })
      local read, written = counts()
      assert.equal(1, read)
      assert.is_true(written > 0)
      json.use(nil)
      assert.same({ 1 }, json.decode "[1]")
      assert.equal(1, (counts()))
    end)

    it("still refuses what cannot be written, and names its place", function()
      use_dkjson()
      assert.truthy(refused({ a = { print } }):find(".a[1]", 1, true))
      assert.truthy(refused({ "\255" }):find("UTF-8", 1, true))
    end)

    it("repeats nothing of a text that it refuses, whether it raises or returns nil", function()
      use_dkjson()
      local value, message = json.decode '{"token":s3cret}'
      assert.is_nil(value)
      assert.equal("the decoder refused it", message)
      json.use { decode = function(text) error("bad: " .. text) end }
      value, message = json.decode "s3cret"
      assert.is_nil(value)
      assert.equal("the decoder refused it", message)
    end)

    it("takes what nests deeper than we look", function()
      json.use { decode = function() return nested(100000) end }
      assert.equal("table", type((json.decode "x")))
    end)

    it("refuses what is no codec", function()
      assert.has_error(function() json.use "rapidjson" end,
        "bad argument #1 to 'use': give a table with decode and encode, got string")
      assert.has_error(function() json.use { decode = true } end,
        "bad argument #1 to 'use': its fields are the functions decode and encode, got decode = boolean")
    end)
  end)
end)
