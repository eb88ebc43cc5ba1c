local helper = require "spec.helper"

-- Runs a spec of its own under the same busted, interpreter and core. One that
-- waits in vain says for how long, by helper.TEST_TIMEOUT, when all has begun.
local function run_spec(source, build)
  local path = helper.scratch "inner_spec.lua"
  helper.write(path, source)
  local code, out, err = helper.run {
    helper.interpreter(), "scripts/busted.lua", path;
    env = { BUILD = build };
  }
  return code, out .. err
end

describe("spec.helper", function()
  it("passes a spec that leaves nothing behind", function()
    local code, out = run_spec [[
      local helper = require "spec.helper"
      it("is tidy", function() io.open("/dev/null"):close() end)
      it("calls back", function() helper.expect(nil, 1)() end)
    ]]
    assert.equal(0, code, out)
    assert.matches("2 successes", out, 1, true)
  end)

  it("fails a spec whose callback comes once too rarely", function()
    local code, out = run_spec [[
      local helper = require "spec.helper"
      it("calls", function()
        helper.TEST_TIMEOUT = 0.1
        helper.expect(nil, 2)()
      end)
    ]]
    assert.equal(1, code)
    assert.matches("called 1 times, expected 2", out, 1, true)
    assert.not_matches("left behind", out, 1, true)
  end)

  it("fails a spec that leaves a file open", function()
    local code, out = run_spec [[
      local helper = require "spec.helper"
      it("leaks", function()
        helper.TEST_TIMEOUT = 0.1
        LEAKED = io.open "/dev/null"
      end)
    ]]
    assert.equal(1, code)
    assert.matches("left behind: fd %d+ %(/dev/null%)", out)
  end)

  it("fails a spec that leaves a process running, and ends it", function()
    local code, out = run_spec [[
      local helper = require "spec.helper"
      it("leaks", function() helper.spawn { "cat" } end)
    ]]
    assert.equal(1, code)
    local pid = assert(out:match "left behind: process (%d+)")
    assert.is_nil(helper.read(("/proc/%s/stat"):format(pid)))
  end)

  it("fails a spec whose callback comes once too often", function()
    local code, out = run_spec [[
      local helper = require "spec.helper"
      it("calls", function()
        local callback = helper.expect(nil, 1)
        callback()
        pcall(callback)
      end)
    ]]
    assert.equal(1, code)
    assert.matches("called 2 times, expected 1", out, 1, true)
  end)

  it("refuses to test another core than the one that is meant", function()
    local code, out = run_spec('it("passes", function() end)', "build/other")
    assert.equal(2, code)
    assert.matches("LUA_CPATH leads to .*/graphsocket/core%.so, but BUILD and "
      .. "this Lua mean build/other/.*: set LUA_CPATH", out)
    assert.not_matches("1 success", out, 1, true)
  end)

  it("says what it waited for in vain", function()
    local code, out = run_spec [[
      local helper = require "spec.helper"
      it("waits", function()
        helper.TEST_TIMEOUT = 0.1
        helper.eventually(function() end, "pigs fly")
      end)
    ]]
    assert.equal(1, code)
    assert.matches("waited [%d.]+ s in vain until pigs fly", out)
  end)

  it("captures what a function writes to stderr", function()
    assert.equal("a1", helper.capture_stderr(function()
      io.stderr:write("a", 1)
    end))
  end)

  it("runs a script and tells its status, stdout and stderr", function()
    local process = helper.lua([[
      io.stdout:write("out ", ...)
      io.stderr:write "err"
      os.exit(3)
    ]], "a 'quoted' word")
    assert.equal(3, process:wait())
    assert.equal("out a 'quoted' word", process:out())
    assert.equal("err", process:err())
  end)

  it("interrupts a script as Ctrl-C does", function()
    local process = helper.lua [[
      print "ready"
      io.stdout:flush()
      -- Compiled by LuaJIT, an empty loop would not notice.
      while true do os.getenv "HOME" end
    ]]
    assert.equal("ready", process:line())
    process:signal "INT"
    assert.equal(1, process:wait())
    assert.matches("interrupted!", process:err(), 1, true)
  end)

  it("ends a service by closing its stdin", function()
    local process = helper.spawn { "cat" }
    process:write "x\n"
    assert.equal("x", process:line())
    assert.equal(0, process:close())
    assert.is_true(process:ended())
  end)
end)
