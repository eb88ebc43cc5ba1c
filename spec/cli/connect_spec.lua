-- graphsocket connect against the reference servers.

local command = require "spec.cli.command"
local helper = require "spec.helper"

describe("graphsocket connect", function()
  local servers
  setup(function() servers = helper.service "interop/index.js" end)
  teardown(function() servers:stop() end)

  local function run(server, input, ...)
    local info = servers.info[server]
    return command.run({ input = input }, "connect", info.url, ...)
  end

  local function start(server, ...)
    return command.start({}, "connect", servers.info[server].url, ...)
  end

  for _, server in ipairs { "v4", "v2" } do
    it("emits the lines of its input and prints acknowledgements, " .. server, function()
      local process = start(server, "--ack")
      process:write 'echo "one" {"a": [1, null]}\n\nhi\n"echo" 2\n'
      -- hi is an event that comes back; it is not acknowledged.
      helper.eventually(function()
        local lines = {}
        for _, line in ipairs(command.lines(process:out())) do lines[line:sub(11)] = true end
        return lines['ack echo  "one"  {"a":[1,null]}'] and lines["ack echo  2"] and lines["hi"]
      end, "what comes back is printed")
      assert.matches("^connected to /\n", process:err())
      process:signal "INT"
      assert.equal(130, process:wait())
    end)
  end

  it("does not end with its input while an acknowledgement is missing, until its time is over", function()
    local code = run("v4", "hi\n", "--ack", "--timeout", "0.5")
    assert.equal(124, code)
  end)

  it("ends with its input, when all is acknowledged", function()
    local code, out = run("v4", 'slow 200 "done"\n', "--ack", "--json")
    assert.equal(0, code)
    local record = command.records(out, "ack")[1]
    assert.equal("slow", record.event)
    assert.same({ "done" }, record.args)
  end)

  it("ends with its input where an event cannot be emitted", function()
    local code, _, err = run("v4", "connect 1\n", "--ack")
    assert.equal(2, code)
    assert.matches('graphsocket: "connect" is a reserved event name', err, 1, true)
    code, _, err = run("v4", 'echo "\255"\n', "--ack")
    assert.equal(2, code)
    assert.matches("graphsocket: cannot write value as JSON: it is a string that is not UTF-8", err, 1, true)
  end)

  it("ends with 2 where its input cannot be read", function()
    local process = command.shell({}, ("graphsocket connect %s </tmp"):format(servers.info.v4.url))
    assert.equal(2, process:wait())
    assert.matches("graphsocket: standard input: Is a directory\n", process:err(), 1, true)
  end)

  it("sends what was emitted before it leaves", function()
    local code = run("v4", 'count 0 "marker"\n')
    assert.equal(0, code)
    helper.eventually(function()
      local _, out = run("v4", "log\n", "--ack", "--json")
      return out:find('"count"', 1, true)
    end)
  end)

  it("emits what --emit says, and ends after the first event", function()
    local code, out = run("v4", nil, "--emit", 'count 1 "x"', "--once", "--json")
    assert.equal(0, code)
    local records = command.records(out)
    assert.equal("connect", records[1].type)
    assert.equal("/", records[1].namespace)
    assert.equal("event", records[2].type)
    assert.equal("item", records[2].event)
    assert.same({ 1, "x" }, records[2].args)
    assert.is_false(records[2].wantsAck)
  end)

  it("shows bytes, and events that want an acknowledgement", function()
    local code, out = run("v4", "bytes 5\n", "--ack", "--json")
    assert.equal(0, code)
    assert.same({ { ["$binary"] = "eHh4eHg=" } }, command.records(out, "ack")[1].args)
    code, out = run("v4", "ask 1\n", "--once", "--json")
    assert.equal(0, code)
    assert.is_true(command.records(out, "event")[1].wantsAck)
  end)

  it("joins a namespace with a query, headers and auth", function()
    local path = helper.scratch "auth"
    helper.write(path, '{"token": "from a file"}')
    for _, words in ipairs {
      { "--auth", '{"token": "given"}' }, { "--auth-file", path },
    } do
      local code, out = command.run({ input = "handshake\n" }, "connect",
        servers.info.v4.url .. "/?room=1", "--namespace", "chat", "--header", "X-Test: yes",
        "--ack", "--json", words[1], words[2])
      assert.equal(0, code)
      assert.equal("/chat", command.records(out, "connect")[1].namespace)
      local seen = command.records(out, "ack")[1].args[1]
      assert.equal("1", seen.query.room)
      assert.equal("yes", seen.headers["x-test"])
      assert.matches("^[gf]", seen.auth.token)
    end
  end)

  it("trusts the certificates that it is told to", function()
    local code, out, err = run("v4_tls", "id\n", "--ack", "--ca-file", servers.info.ca)
    assert.equal(0, code)
    assert.matches("ack id", out, 1, true)
    assert.matches("^connected", err)
    local process = start "v4_tls"
    helper.eventually(function() return process:err():find "certificate" end, "it is refused")
    assert.equal("", process:out())
    process:kill()
  end)

  it("says what is wrong with a line, goes on, and ends with 2", function()
    local code, out, err = run("v4", "echo hello\necho 5\n", "--ack")
    assert.equal(2, code)
    assert.matches("graphsocket: hello is not JSON: text needs quotes", err)
    assert.matches("ack echo  5", out)
  end)

  it("ends with an error where the server says no, or goodbye", function()
    local code, _, err = command.run({}, "connect", servers.info.v4.url .. "/nonexistent")
    assert.equal(3, code)
    assert.matches("Invalid namespace", err)
    code, _, err = run("v4", nil, "--emit", "leave_me", "--listen")
    assert.equal(1, code)
    assert.matches("disconnected: io server disconnect", err)
  end)

  it("makes what a server sends harmless", function()
    local _, out = run("v4", 'echo "\\u001b[2J\\u009b"\n', "--ack")
    assert.not_matches("[\27\194]", out)
  end)

  it("ends by SIGINT", function()
    local process = start "v4"
    helper.eventually(function() return process:err():find "connected" end)
    process:signal "INT"
    assert.equal(130, process:wait())
  end)
end)
