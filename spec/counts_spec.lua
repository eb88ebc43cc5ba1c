-- The comparison of scripts/counts.lua, with what it reads written here: the
-- measuring itself needs valgrind and is a stage of CI.

local HEAD = "compiler gcc 1 here\ninterpreter Lua 5.4.0\n"
local RECORDED = HEAD .. [[
core 100.0 csrc/lua_codec.c:lgs_packet
lua 60.0 lua/graphsocket/engine.lua:drain
lua 40.0 lua/graphsocket/socketio/socket.lua:on_packet[packet.EVENT]
path 400.0 csrc/queue.c:gs_queue_push
path 600.0 csrc/queue.c:gs_queue_next
]]

local files = {}

local function file_of(text)
  local path = os.tmpname()
  files[#files + 1] = path
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
  return path
end

-- Returns whether the comparison is content, and what it prints.
local function compare(counted)
  local pipe = io.popen(("lua5.4 scripts/counts.lua compare %s %s 2>&1; echo status $?")
    :format(file_of(RECORDED), file_of(counted)))
  local text = pipe:read "*a"
  pipe:close()
  return text:match "status 0\n" ~= nil, text
end

local function with(from, to)
  local text, count = RECORDED:gsub(from:gsub("%p", "%%%0"), to)
  assert.equal(1, count)
  return text
end

describe("make counts", function()
  after_each(function()
    for _, path in ipairs(files) do os.remove(path) end
    files = {}
  end)

  it("is content with what is recorded, with less and with a little more", function()
    for _, counted in ipairs { RECORDED, with("400.0", "300.0"), with("400.0", "419.0") } do
      local ok, text = compare(counted)
      assert.is_true(ok, text)
    end
  end)

  it("fails where a function has grown by more than 5 %, and names it", function()
    local ok, text = compare(with("400.0", "430.0"))
    assert.is_false(ok)
    local said = "path csrc/queue.c:gs_queue_push: 430 instructions a message, 400 are recorded"
    assert.truthy(text:find(said, 1, true), text)
    assert.is_nil(text:find("gs_queue_next", 1, true), text)
    ok, text = compare(with("40.0", "80.0"))
    assert.is_false(ok)
    assert.truthy(text:find("socket.lua:on_packet[packet.EVENT]", 1, true), text)
  end)

  it("fails where a small function has grown by more than 5 %", function()
    local ok, text = compare(with("40.0", "43.0"))
    assert.is_false(ok)
    assert.truthy(text:find("socket.lua:on_packet[packet.EVENT]: 43 instructions a message", 1, true), text)
  end)

  it("fails where the work moved into a function that is not recorded", function()
    local ok, text = compare(RECORDED .. "path 80.0 csrc/queue.c:new_one\n")
    assert.is_false(ok)
    assert.truthy(text:find("path all of it", 1, true), text)
  end)

  it("compares no C of another compiler, and says so, but Lua all the same", function()
    local ok, text = compare((with("400.0", "800.0"):gsub("gcc 1", "gcc 2")))
    assert.is_true(ok, text)
    assert.truthy(text:find("recorded with gcc 1 here, this is gcc 2 here: C is not compared", 1, true), text)
    ok, text = compare((with("60.0", "99.0"):gsub("gcc 1", "gcc 2")))
    assert.is_false(ok)
    assert.truthy(text:find("engine.lua:drain", 1, true), text)
    ok = compare((with("60.0", "99.0"):gsub("Lua 5.4.0", "Lua 5.4.9")))
    assert.is_true(ok)
  end)
end)
