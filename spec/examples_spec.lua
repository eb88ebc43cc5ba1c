-- Every example runs by its one command and prints what it is there to show.

local helper = require "spec.helper"

local unpack = table.unpack or unpack

describe("the example", function()
  -- What it printed, line by line.
  local function run(name, ...)
    local words = { "scripts/example", name, helper.interpreter(), ... }
    words.env = { LUA_PATH = package.path, LUA_CPATH = package.cpath }
    local code, out, err = helper.run(words)
    assert.equal(0, code, err)
    local lines = {}
    for line in out:gmatch "[^\n]+" do lines[#lines + 1] = line end
    return lines
  end

  it("chat says its lines, prints what is said, and leaves", function()
    assert.same({
      "connected as me", "me: good morning", "me: bye",
      "disconnected: io client disconnect",
    }, run("chat", "me", "good morning", "bye"))
  end)

  it("acks gets and gives acknowledgements", function()
    assert.same({
      "callback\tone", "waited\ttwo", "in vain\ttimeout",
      "the server got\tTHREE", "after tries\t3",
    }, run "acks")
  end)

  it("binary gets back the bytes that it sent", function()
    assert.same({
      "head\t89504e470d0a\t6 bytes", "parts\t0001\tfeff",
      "is binary\ttrue\tfalse",
    }, run "binary")
  end)

  it("auth is refused, and admitted with another token", function()
    assert.same({
      "refused: not authorized\tE_AUTH", "admitted to /auth",
    }, run "auth")
  end)

  it("namespaces joins several on one connection", function()
    local lines = run "namespaces"
    assert.equal("one connection is open", lines[1])
    assert.equal("0 are left", lines[#lines])
    table.sort(lines)
    assert.same({
      "/ says hello", "/chat says hello", "/dynamic-1 says hello",
      "/unknown is refused: Invalid namespace", "0 are left",
      "it is closed: forced close", "one connection is open",
    }, lines)
  end)

  it("watch_drive prints notifications until the server says goodbye", function()
    local lines = run "watch_drive"
    assert.matches("^connect\t", lines[1])
    for i = 2, 6 do assert.matches("^notification\t{.*\"resource\"", lines[i]) end
    assert.equal("disconnect\tio server disconnect", lines[7])
    assert.equal(7, #lines)
  end)

  it("subscribe tells of notifications, and ends after so many", function()
    local lines = table.concat(run("subscribe", "3"), "\n")
    assert.matches("state\tjoined.*sync\tconnect", lines)
    assert.equal(3, select(2, lines:gsub("notification\t", "")))
  end)

  it("device_code_login shows a code, and signs in", function()
    local lines = run "device_code_login"
    assert.matches("^To sign in, .* enter the code SIM", lines[1])
    assert.matches("^signed in\tgraphsocket.endpoint %(/me/drive/root on ", lines[2])
    assert.equal(2, #lines)
  end)

  for name, arguments in pairs {
    log_changes = { "3" }, run_command = { "cat", "3" },
    mirror_list = { helper.scratch "list", "4" },
  } do
    it(name .. " ends after so many changes", function()
      run(name, unpack(arguments))
    end)
  end

  -- What one starts, that is: the rest of examples/openresty are its parts.
  local pipe = assert(io.popen("find examples -name '*.lua' -not -path '*/live/*' "
    .. "-o -name run -o -name install -o -name nginx.conf -o -name Containerfile "
    .. "-o -name '*.service'"))
  local files = pipe:read "*a"
  pipe:close()

  local function command_of(path)
    local name = path:match "^examples/(.*)%.lua$"
    if name == "watch_drive" then return "make demo" end
    if name then return "scripts/example " .. name end
    local folder = path:match "^examples/%w+/"
    return folder .. (folder == "examples/systemd/" and "install" or "run")
  end

  for path in files:gmatch "[^\n]+" do
    it("in " .. path .. " says its command in its first comment", function()
      local comment = {}
      for line in helper.read(path):gmatch "([^\n]*)\n" do
        if not line:find "^[#-]" then break end
        comment[#comment + 1] = line
      end
      comment = table.concat(comment, "\n")
      assert.truthy(comment:find(command_of(path), 1, true), comment)
    end)
  end
end)
