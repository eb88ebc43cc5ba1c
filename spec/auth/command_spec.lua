local auth = require "graphsocket.auth"
local command = require "graphsocket.auth.command"
local helper = require "spec.helper"
local login = require "spec.login"
local loop = require "graphsocket.loop"

describe("auth.command", function()
  it("needs a command line", function()
    for _, line in ipairs { "", 5, {}, "a\0b" } do login.refused(auth.command, line) end
    assert.matches('did you mean "timeout"?',
      login.refused(auth.command, "true", { timout = 5 }), 1, true)
  end)

  it("reads what az, gcloud and an OAuth server print, and a bare token",
    function()
      local now = math.floor(loop.time())
      local cases = {
        { "abc", 300 }, { "  abc\n", 300 }, { '"abc"', 300 },
        { '{"accessToken":"abc","expires_on":' .. now + 1000
          .. ',"expiresOn":"2020-01-01 00:00:00.000000"}', 1000 },
        { '{"accessToken":"abc","expiresOn":"'
          .. os.date("%Y-%m-%d %H:%M:%S", now + 2000) .. '.123456"}', 2000 },
        { '{"access_token":"abc","expires_in":"3599"}', 3599 },
        { '{"access_token":"abc","expires_in":3599}', 3599 },
        { '{"credential":{"access_token":"abc","token_expiry":"'
          .. os.date("!%Y-%m-%dT%H:%M:%SZ", now + 500) .. '"}}', 500 },
        { '{"token":"abc"}', 300 },
        { '{"token":"abc","expires_on":1e999}', 300 },
        { '{"token":"abc","expires_in":"1e999","expiresOn":{}}', 300 },
        { '{"token":"abc","expiresOn":"99999999999999-01-01 00:00:00"}', 300 },
      }
      for _, case in ipairs(cases) do
        local token, life = command.parse(case[1])
        assert.equal("abc", token, case[1])
        assert.is_true(math.abs(life - case[2]) <= 2, case[1])
      end
    end)

  it("says what is wrong with what it printed, and repeats none of it",
    function()
      for text, why in pairs {
        [""] = "printed nothing", ["ERROR: s3cr3t"] = "neither a token nor JSON",
        ['{"accessToken":s3cr3t'] = "JSON that cannot be read",
        ['{"x":"s3cr3t"}'] = "without accessToken",
        ['{"accessToken":5}'] = "without accessToken",
      } do
        local token, message = command.parse(text)
        assert.is_nil(token)
        assert.matches(why, message, 1, true)
        assert.is_nil(message:find("s3cr3t", 1, true))
      end
    end)

  it("runs once, keeps the token, and runs again when it was refused", function()
    local path = helper.scratch "count"
    local from = auth.command(("echo x >> %s; echo token$(wc -l < %s)")
      :format(path, path))
    assert.equal("token1", login.ask(from))
    assert.equal("token1", login.ask(from))
    assert.equal("token2", login.ask(from, { rejected = "token1" }))
  end)

  it("lets tasks go on while it runs", function()
    local path, ticks = helper.scratch "go", 0
    local from = auth.command(
      ("while [ ! -e %s ]; do sleep 0.01; done; echo token"):format(path))
    local got
    loop.spawn(function() got = login.ask(from) end)
    loop.spawn(function()
      for _ = 1, 3 do
        loop.sleep(0.001)
        ticks = ticks + 1
      end
      helper.write(path, "")
    end)
    helper.eventually(function() return got end, "the token comes")
    assert.equal(3, ticks)
    assert.equal("token", got)
  end)

  it("tells the exit code and what the command complained of", function()
    local token, err =
      login.ask(auth.command "echo 'Please run az login' >&2; echo more >&2; exit 3")
    assert.is_nil(token)
    assert.equal("auth", err.kind)
    assert.matches("exit code 3: Please run az login", err.message, 1, true)
    token, err = login.ask(auth.command "/nonexistent/tool")
    assert.is_nil(token)
    assert.matches("exit code 127", err.message, 1, true)
    token, err = login.ask(auth.command "false")
    assert.is_nil(token)
    assert.matches("it said nothing", err.message, 1, true)
  end)

  it("keeps secrets of the complaint to itself", function()
    local _, err = login.ask(auth.command(
      "echo 'Authorization: Bearer s3cr3t' >&2; exit 1"))
    assert.is_nil(tostring(err):find("s3cr3t", 1, true))
  end)

  it("is killed when it hangs, with all that it started", function()
    local path = helper.scratch "pid"
    local from = auth.command(
      ("sleep 1000 & echo $! > %s; wait"):format(path), { timeout = 30 })
    local err
    loop.spawn(function() err = select(2, login.ask(from)) end)
    helper.eventually(function()
      return (helper.read(path) or ""):find "\n"
    end, "the command has started")
    helper.advance(31)
    assert.equal("timeout", err.kind)
    assert.matches("did not answer within 30 s", err.message, 1, true)
    local pid = helper.read(path):match "%d+"
    helper.eventually(function()
      local stat = helper.read("/proc/" .. pid .. "/stat")
      return not stat or stat:find(") Z", 1, true)
    end, "the sleep is gone")
  end)

  it("makes short work of pages of nothing", function()
    local blank = (" \n"):rep(128 * 1024)
    local token, message = command.parse(blank)
    assert.is_nil(token)
    assert.equal("printed nothing", message)
    assert.equal("abc", (command.parse(blank .. "abc" .. blank)))
  end)

  it("stops a command that prints without end", function()
    local token, err = login.ask(auth.command "yes")
    assert.is_nil(token)
    assert.equal("the token command printed more than 256 KiB", err.message)
  end)

  it("takes a token from a command that complains without end", function()
    local token = login.ask(auth.command "head -c 8000000 /dev/zero >&2; echo abc")
    assert.equal("abc", token)
  end)
end)
