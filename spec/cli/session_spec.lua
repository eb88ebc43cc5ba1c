-- How a command ends: a command of the test's own, run as the real ones are.

local helper = require "spec.helper"

local START = [[
io.stdout:setvbuf "line"
local errors = require "graphsocket.errors"
local loop = require "graphsocket.loop"
local session = require "graphsocket.cli.session"
local function run(fn, values)
  print("end", session.run({ run = fn }, values or {}))
end
]]

describe("a command", function()
  -- Starts one; what it prints last is "end", its code and its signal.
  local function start(source)
    return helper.lua(START .. source)
  end

  local function run(source)
    local process = start(source)
    assert.equal(0, process:wait(), process:err())
    return process:out(), process:err()
  end

  it("ends with the code that its function returns, or 0", function()
    assert.equal("end\t4\tnil\n", run "run(function() return 4 end)")
    assert.equal("end\t0\tnil\n", run "run(function() end)")
  end)

  it("ends with the code of an error, said in one line", function()
    local out, err = run [[
      run(function() error(errors.new { kind = "auth", message = "no token" }) end)
    ]]
    assert.equal("end\t3\tnil\n", out)
    assert.equal("graphsocket: no token\n", err)
  end)

  it("that has a bug says where", function()
    local out, err = run 'run(function() error "a bug" end)'
    assert.equal("end\t1\tnil\n", out)
    assert.matches("^graphsocket: .*a bug\nstack traceback:\n", err)
  end)

  it("ends when its time is over", function()
    local out, err = run [[
      run(function(self)
        self:on_end(print)
        return self:await()
      end, { timeout = 0.05 })
    ]]
    assert.equal("timeout\nend\t124\tnil\n", out)
    assert.matches("ended after 0.05 s %(%-%-timeout%)", err)
  end)

  it("ends for the first reason that there is", function()
    local out, err = run [[
      run(function(self)
        self:finish(4)
        self:fail "too late"
        return 1
      end)
    ]]
    assert.equal("end\t4\tnil\n", out)
    assert.equal("", err)
  end)

  for _, name in ipairs { "HUP", "INT", "TERM" } do
    it("puts things in order, the last first, at SIG" .. name, function()
      local process = start [[
        run(function(self)
          self:on_end(function(why) print("first", why) end)
          self:on_end(function(why) loop.sleep(0.01) print("second", why) end)
          print "ready"
          return self:await()
        end)
      ]]
      assert.equal("ready", process:line())
      process:signal(name)
      assert.equal(0, process:wait())
      assert.equal("ready\nsecond\tsignal\nfirst\tsignal\nend\tnil\t" .. name .. "\n", process:out())
    end)
  end

  it("does not hang in what it puts in order, should that raise", function()
    local out, err = run [[
      run(function(self)
        self:on_end(function() print "first" end)
        self:on_end(function() error "a bug" end)
      end)
    ]]
    assert.equal("first\nend\t0\tnil\n", out)
    assert.matches("a bug", err)
  end)

  it("ends at once where a person insists", function()
    local process = start [[
      run(function(self)
        self:on_end(function() print "leaving" loop.sleep(1000) end)
        print "ready"
        return self:await()
      end)
    ]]
    assert.equal("ready", process:line())
    process:signal "INT"
    helper.eventually(function() return process:out():find "leaving" end, "it is leaving")
    helper.eventually(function()
      if process:ended() then return true end
      process:signal "INT"
    end, "Ctrl-C works")
    assert.equal(130, process:wait())
  end)
end)
