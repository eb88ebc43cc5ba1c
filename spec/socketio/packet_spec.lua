local binary = require "graphsocket.socketio.binary"
local json = require "graphsocket.json"
local packet = require "graphsocket.socketio.packet"

local CONNECT, DISCONNECT, EVENT, ACK, CONNECT_ERROR = packet.CONNECT,
  packet.DISCONNECT, packet.EVENT, packet.ACK, packet.CONNECT_ERROR
local null = json.null

-- Encodes |args| as a packet: its text and its attachments.
local function encode(type, namespace, id, args, count)
  local payload, attachments = packet.encode_args(args, count or #args)
  assert(payload, attachments)
  return packet.encode(type, namespace, id, payload, attachments), attachments
end

-- Reads a packet from its messages; returns it and its data.
local function decode(text, attachments, limit)
  local decoder = packet.decoder(limit or 1e6)
  local p, message = decoder:add(text)
  for _, bytes in ipairs(attachments or {}) do
    assert.is_nil(p)
    assert.is_nil(message)
    p, message = decoder:add(bytes, true)
  end
  if not p then return nil, message end
  local data
  data, message = packet.data(p)
  if message then return nil, message end
  return p, data
end

-- Compares decoded values; numbers may have become floats.
local function same(expected, value)
  if binary.is(expected) then
    return binary.is(value) and expected == value
  elseif type(expected) ~= "table" then
    return expected == value
  elseif type(value) ~= "table" or binary.is(value) then
    return false
  end
  for key, item in pairs(expected) do
    if not same(item, value[key]) then return false end
  end
  for key in pairs(value) do
    if expected[key] == nil then return false end
  end
  return true
end

-- The examples of socket.io-protocol v5, "Packet encoding", and of v4.
local TEXT_PAIRS = {
  { "CONNECT to the main namespace", "0", CONNECT, "/" },
  { "CONNECT to a namespace", "0/admin,", CONNECT, "/admin" },
  { "CONNECT with a payload", '0/admin,{"sid":"oSO0OpakMV_3jnilAAAA"}', CONNECT,
    "/admin", nil, '{"sid":"oSO0OpakMV_3jnilAAAA"}' },
  { "CONNECT with a query, of v4", "0/admin?token=1234&uid=abcd,", CONNECT,
    "/admin?token=1234&uid=abcd" },
  { "CONNECT_ERROR with an object", '4{"message":"Not authorized"}',
    CONNECT_ERROR, "/", nil, '{"message":"Not authorized"}' },
  { "CONNECT_ERROR with a string", '4/admin,"Not authorized"', CONNECT_ERROR,
    "/admin", nil, '"Not authorized"' },
  { "DISCONNECT from the main namespace", "1", DISCONNECT, "/" },
  { "DISCONNECT from a namespace", "1/admin,", DISCONNECT, "/admin" },
  { "EVENT", '2["foo"]', EVENT, "/", nil, '["foo"]' },
  { "EVENT in a namespace", '2/admin,["bar"]', EVENT, "/admin", nil, '["bar"]' },
  { "EVENT with an id", '212["foo"]', EVENT, "/", 12, '["foo"]' },
  { "EVENT with everything", '2/admin,456["project:delete",123]', EVENT,
    "/admin", 456, '["project:delete",123]' },
  { "EVENT with the id 0", '20["foo"]', EVENT, "/", 0, '["foo"]' },
  { "EVENT with the largest id", '29007199254740992["foo"]', EVENT, "/", 2 ^ 53,
    '["foo"]' },
  { "ACK", '3/admin,13["bar"]', ACK, "/admin", 13, '["bar"]' },
  { "ACK without values", "3/admin,456[]", ACK, "/admin", 456, "[]" },
}

describe("the text codec", function()
  for _, case in ipairs(TEXT_PAIRS) do
    local name, text, type, namespace, id, payload =
      case[1], case[2], case[3], case[4], case[5], case[6]

    it("encodes " .. name, function()
      assert.equal(text, packet.encode(type, namespace, id, payload))
    end)

    it("decodes " .. name, function()
      local p, data = decode(text)
      assert.equal(type, p.type)
      assert.equal(namespace, p.namespace)
      assert.is_true(p.id == id)
      assert.equal(#text, packet.size(p))
      assert.is_true(same(payload and json.decode(payload), data))
    end)
  end

  it("takes a packet without a payload that lacks the comma", function()
    for _, text in ipairs { "0/admin", "1/admin", "4/admin" } do
      assert.equal("/admin", (decode(text)).namespace)
    end
  end)

  it("knows the name of an event before its payload is decoded", function()
    local names = {
      ['2["foo",{"a":1}]'] = "foo",
      ['2/a,7[ "foo" ]'] = "foo",
      ['2["a\\"b",1]'] = 'a"b',
      ['2["\\u00e9"]'] = "é",
      ["2[1,2]"] = "1",
      ['2[""]'] = "",
      ['2["1"]'] = "1",
      ['52-["x",{"_placeholder":true,"num":0}]'] = "x",
    }
    for text, name in pairs(names) do
      assert.equal(name, assert(packet.parse(text)).name)
    end
  end)

  it("reads an event the same however its JSON is written", function()
    for head, fields in pairs {
      ["2"] = { namespace = "/" },
      ["20"] = { namespace = "/", id = 0 },
      ["2/a,"] = { namespace = "/a" },
      ["2/a[1]{,123456789012345"] =
        { namespace = "/a[1]{", id = 123456789012345 },
      ["2/a,9007199254740992"] = { namespace = "/a", id = 2 ^ 53 },
    } do
      for _, payload in ipairs {
        '["x",[1]]', '["\\u0078",[1]]', '[ "x" ,[1]]', '["x",[1]]\n', '\n',
      } do
        local p, data = decode(head .. payload)
        if payload == "\n" then
          assert.is_nil(p, head)
        else
          assert.equal(fields.namespace, p.namespace)
          assert.is_true(p.id == fields.id, head)
          assert.equal("x", p.name)
          assert.is_true(same({ "x", { 1 } }, data), payload)
        end
      end
    end
  end)

  it("leaves the payload of an event undecoded until it is wanted", function()
    local p = assert(packet.parse '2["foo",tru]')
    local data, message = packet.data(p)
    assert.is_nil(data)
    assert.matches("^invalid payload: ", message)
  end)

  it("decodes a string that was cut in the middle of an emoji", function()
    local _, data = decode '2["x","cut \\ud83d"]'
    assert.same({ "x", "cut \239\191\189" }, data)
  end)

  it("decodes every kind of JSON value", function()
    local _, data =
      decode '2["x",null,true,false,"",-1.5,[],{},[[null]],{"a":{"b":[1]}}]'
    assert.is_true(same({ "x", null, true, false, "", -1.5, {}, {},
      { { null } }, { a = { b = { 1 } } } }, data))
  end)

  it("writes nil as null, and marked tables as arrays", function()
    assert.equal('["x",null,[],{},null]',
      packet.encode_args({ "x", nil, json.array {}, {}, nil }, 5))
  end)
end)

describe("the binary codec", function()
  it("encodes a binary argument as a placeholder and an attachment", function()
    local text, attachments =
      encode(EVENT, "/", nil, { "baz", { "x", binary.new "\1\2" } })
    assert.equal("51-[", text:sub(1, 4))
    assert.same({ "\1\2" }, attachments)
    local p, data = decode('51-["baz",{"_placeholder":true,"num":0}]',
      { "\1\2\3\4" })
    assert.equal(EVENT, p.type)
    assert.equal("\1\2\3\4", tostring(data[2]))
  end)

  it("encodes several attachments, a namespace and an id", function()
    local text, attachments = encode(EVENT, "/admin", 456,
      { "baz", binary.new "\1\2", binary.new "\3\4" })
    assert.matches("^52%-/admin,456%[", text)
    assert.same({ "\1\2", "\3\4" }, attachments)
    local p, data = decode(text, attachments)
    assert.equal(456, p.id)
    assert.equal("\3\4", tostring(data[3]))
  end)

  it("encodes an acknowledgement with an attachment", function()
    local text, attachments =
      encode(ACK, "/back", 127, { "a", binary.new "xxx", {} })
    assert.matches("^61%-/back,127%[", text)
    local p, data = decode(text, attachments)
    assert.equal(ACK, p.type)
    assert.equal("xxx", tostring(data[2]))
  end)

  it("takes a binary packet that announces no attachments", function()
    local p, data = decode '50-["hello"]'
    assert.equal("hello", p.name)
    assert.same({ "hello" }, data)
  end)

  it("takes attachments in any order of their placeholders", function()
    local _, data = decode('52-["x",{"_placeholder":true,"num":1},'
      .. '{"_placeholder":true,"num":0}]', { "zero", "one" })
    assert.equal("one", tostring(data[2]))
    assert.equal("zero", tostring(data[3]))
  end)

  it("counts a packet's size with its attachments", function()
    local text = '51-["x",{"_placeholder":true,"num":0}]'
    assert.equal(#text + 5, packet.size((decode(text, { "12345" }))))
  end)

  it("goes on after a reset in the middle of a packet", function()
    local decoder = packet.decoder(1e6)
    assert.is_nil((decoder:add '51-["hello"]'))
    decoder:reset()
    assert.equal("hello", decoder:add('2["hello"]').name)
  end)
end)

describe("a malformed packet", function()
  local deep = '2["x",' .. ("["):rep(1001) .. ("]"):rep(1001) .. "]"

  local function faults(expected, ...)
    for i = 1, select("#", ...) do
      local text = select(i, ...)
      local p, message = decode(text)
      assert.is_nil(p, text)
      assert.matches(expected, message)
      -- What was received may be a secret.
      assert.is_nil(message:find("payload%-secret"))
    end
  end

  it("is refused for its type", function()
    faults("^unknown packet type$", "", "7", "999", "x", "-1", ' 2["x"]',
      '\2["x"]', "payload-secret")
  end)

  it("is refused for its attachment count", function()
    faults("^illegal attachments$", "5", "51", "5a-", "51.23-", '5["x"]', "5-",
      '6-1["x"]', "5 1-")
    faults("^too many attachments$", '51001-["x"]', "599999999999999999-")
  end)

  it("is refused for its namespace", function()
    faults("^namespace longer than 1024 bytes$",
      "0/" .. ("n"):rep(1024) .. ",", "2/" .. ("n"):rep(5000))
    faults("no comma behind the namespace", '2/admin["x"]', "3/admin1[]")
    assert.is_table((decode("0/" .. ("n"):rep(1023) .. ",")))
  end)

  it("is refused for its id", function()
    faults("^acknowledgement id beyond 2%^53$", '29007199254740993["x"]',
      '299999999999999999999["x"]', "3123456789012345678[]")
    faults("^invalid payload: not an array$", '2-1["x"]', '21.5["x"]',
      '2 1["x"]', '21x["x"]')
    faults("^acknowledgement without an id$", "3[]", "3/admin,[]")
  end)

  it("is refused for its payload", function()
    -- socket.io-parser: "throw an error upon parsing error".
    faults("^invalid payload", '442["some","data"', '0/admin,"invalid"', "0[]",
      "1/admin,{}", '2/admin,"invalid', "2/admin,{}",
      '2[{"toString":"foo"}]', '2[true,"foo"]', '2[null,"bar"]', '2["connect"]',
      '2["disconnect","123"]')
    faults("^invalid payload", "2", "21", "2/admin,", "2/admin,1", "3", "312",
      "2[]", '2["x",]', '2["x"', "2{}", '2"x"', "3{}", '312"x"', "0null",
      '0"x"', "4[]", "4null", "2null", '2["x"]]', '2["x",tru]',
      '2["payload-secret",', "0{payload-secret}", '2[payload-secret]')
  end)

  it("is refused for a reserved name", function()
    for name in pairs(packet.RESERVED) do
      faults("reserved name", ('2["%s",1]'):format(name))
    end
    faults("reserved name", '2["conn\\u0065ct"]',
      '51-["disconnect",{"_placeholder":true,"num":0}]')
  end)

  it("is refused for nesting too deep", function()
    faults("^invalid payload", deep, "0" .. ('{"a":'):rep(1001) .. "1"
      .. ("}"):rep(1001))
  end)

  it("is refused for a placeholder that has no attachment", function()
    for _, num in ipairs { "1", "-1", '"splice"', "0.5", "null", "1e300" } do
      local p, message = decode(
        ('51-["x",{"_placeholder":true,"num":%s}]'):format(num), { "a" })
      assert.is_nil(p)
      assert.equal("illegal attachments", message)
    end
  end)

  it("is refused for an attachment that nobody announced", function()
    local p, message = packet.decoder(1e6):add("world", true)
    assert.is_nil(p)
    assert.equal("got binary data when not reconstructing a packet", message)
  end)

  it("is refused for text where an attachment is awaited", function()
    local decoder = packet.decoder(1e6)
    decoder:add '51-["hello",{"_placeholder":true,"num":0}]'
    local p, message = decoder:add '2["hello"]'
    assert.is_nil(p)
    assert.equal("got plaintext data when reconstructing a packet", message)
  end)

  it("is refused when its attachments exceed the limit together", function()
    local text = '52-["x"]'
    assert.is_table((decode(text, { "12345", "12345" }, #text + 10)))
    local p, message = decode(text, { "12345", "12345" }, #text + 9)
    assert.is_nil(p)
    assert.matches("larger than max_payload", message)
  end)
end)

describe("an argument that cannot be sent", function()
  local cyclic = {}
  cyclic.self = cyclic

  local CASES = {
    { "a function", print },
    { "a coroutine", coroutine.create(print) },
    { "a table that contains itself", cyclic },
    { "a table with keys of both kinds", { 1, a = 2 } },
    { "NaN", 0 / 0 },
    { "infinity", math.huge },
    { "a string that is not UTF-8", "\255" },
    { "a number that JSON would not keep", 0.1 + 0.2 },
    { "one of them deep inside", { { a = { print } } } },
    { "one beside a binary value", { binary.new "x", print } },
  }

  for _, case in ipairs(CASES) do
    it("is named by its index: " .. case[1], function()
      local payload, message, index =
        packet.encode_args({ "x", 1, case[2], 2 }, 4)
      if payload and case[1]:find "JSON would not keep" then
        -- Newer releases of lua-cjson write enough digits.
        assert.equal(0.1 + 0.2, json.decode(payload)[3])
        return
      end
      assert.is_nil(payload)
      assert.equal(3, index)
      assert.matches("^cannot write value", message)
    end)
  end

  it("is the one that is an attachment too many", function()
    local list = {}
    for i = 1, packet.MAX_ATTACHMENTS do list[i] = binary.new "x" end
    assert.is_string((packet.encode_args({ "x", list }, 2)))
    local payload, message, index =
      packet.encode_args({ "x", list, binary.new "y" }, 3)
    assert.is_nil(payload)
    assert.equal(3, index)
    assert.matches("more than 1000 binary values", message)
  end)
end)

describe("the last string of an event", function()
  local function last(text)
    return packet.last_string(assert(packet.parse(text)))
  end

  it("is found whether or not the payload must be decoded", function()
    assert.equal("abc", last '2["ev","abc"]')
    assert.equal("abc", last '2["ev",{"a":"b"}, "abc"]')
    assert.equal('a,"c', last '2["ev","a,\\"c"]')
    assert.equal('","c', last '2["ev","\\",\\"c"]')
    assert.equal("é", last '2["ev","\\u00e9"]')
    assert.equal("", last '2["ev",""]')
  end)

  it("is not found where there is none", function()
    for _, text in ipairs { '2["ev"]', '2["ev",1]', '2["ev","a",["b"]]',
      '2["ev",{"a":"b"}]', '2["ev","a",null]' } do
      assert.is_nil(last(text))
    end
  end)
end)

describe("decode(encode(x))", function()
  local seed = tonumber(os.getenv "SPEC_SEED") or os.time() % 1000000

  local PIECES = { "a", "é", "漢", "😀", "\0", "\n", '"', "\\", "/", ",", "[",
    "]", "\127", "_placeholder" }

  local function random_string()
    local parts = {}
    for i = 1, math.random(0, 6) do
      parts[i] = PIECES[math.random(#PIECES)]
    end
    return table.concat(parts)
  end

  local SCALARS = {
    random_string,
    function() return math.random(-1000000, 1000000) end,
    function() return math.random(-1000, 1000) / 8 end,
    function() return math.random(2) == 1 end,
    function() return null end,
    function()
      local bytes = {}
      for i = 1, math.random(0, 8) do
        bytes[i] = string.char(math.random(0, 255))
      end
      return binary.new(table.concat(bytes))
    end,
  }

  local function random_value(depth)
    local kind = math.random(depth > 4 and #SCALARS or #SCALARS + 2)
    if kind <= #SCALARS then return SCALARS[kind]() end
    local value = {}
    for i = 1, math.random(1, 4) do
      local item = random_value(depth + 1)
      if kind == #SCALARS + 1 then
        value[i] = item
      else
        value["k" .. random_string()] = item
      end
    end
    return value
  end

  it("is x (seed " .. seed .. ")", function()
    math.randomseed(seed)
    for _ = 1, 500 do
      local type = math.random(2) == 1 and EVENT or ACK
      local namespace = math.random(2) == 1 and "/" or "/ns/é"
      local id = (type == ACK or math.random(2) == 1)
        and math.random(0, 1000000) or nil
      local args = { "name" .. random_string() }
      for i = 1, math.random(0, 5) do args[i + 1] = random_value(1) end

      local text, attachments = encode(type, namespace, id, args)
      local p, data = decode(text, attachments)
      assert(p, data)
      assert.equal(type, p.type)
      assert.equal(namespace, p.namespace)
      assert.equal(id, p.id)
      if type == EVENT then assert.equal(args[1], p.name) end
      assert.is_true(same(args, data), text)
    end
  end)

  it("survives any bytes: a packet or a message (seed " .. seed .. ")",
    function()
      math.randomseed(seed)
      local ALPHABET = '0123456/,-[]{}"\\:antf e\255'
      for _ = 1, 3000 do
        local bytes = {}
        for i = 1, math.random(0, 24) do
          local at = math.random(#ALPHABET)
          bytes[i] = ALPHABET:sub(at, at)
        end
        local text = table.concat(bytes)
        local p, message = packet.decoder(1e6):add(text)
        if p then
          local _, fault = packet.data(p)
          assert.is_true(fault == nil or type(fault) == "string")
        else
          assert.is_true(message == nil or type(message) == "string", text)
        end
      end
    end)
end)
