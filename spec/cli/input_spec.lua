-- The lines of a process's standard input, as it is told.

local helper = require "spec.helper"

local READER = [[
local input = require "graphsocket.cli.input"
local loop = require "graphsocket.loop"
io.stdout:setvbuf "line"
local over = loop.future()
input.start(function(line)
  print(#line < 100 and "<" .. line .. ">" or #line)
  if line == "stop" then
    input.stop()
    over:resolve()
  end
end, function(message)
  print("end", message)
  over:resolve()
end)
loop.run(function()
  -- What else the program does goes on meanwhile.
  loop.timer(0, print, "ready")
  over:await()
end)
]]

describe("the input", function()
  local process
  before_each(function()
    process = helper.lua(READER)
    helper.eventually(function() return process:out():find "ready" end, "it is ready")
  end)
  after_each(function() process:kill() end)

  local function has(text)
    helper.eventually(function() return process:out():find(text, 1, true) end, text)
  end

  it("gives a line when it is whole, not before", function()
    process:write "one\ntw"
    has "<one>\n"
    assert.is_nil(process:out():find "tw")
    process:write "o\r\n\nthree\n"
    has "<two>\n<>\n<three>\n"
  end)

  it("gives at its end what has no newline, and says so once", function()
    process:write "one\ntwo"
    has "<one>"
    assert.equal(0, process:close())
    assert.equal("ready\n<one>\n<two>\nend\tnil\n", process:out())
  end)

  it("gives lines that come in many pieces", function()
    process:write(("x"):rep(300000) .. "\n")
    has "300000\n"
  end)

  it("gives nothing of a line that is too long, and ends", function()
    process:write(("x"):rep(16 * 1024 * 1024 + 1))
    assert.equal(0, process:wait())
    assert.equal("ready\nend\ta line of standard input is too long\n", process:out())
  end)

  it("stops when it is told to", function()
    process:write "stop\n"
    assert.equal(0, process:wait())
    assert.equal("ready\n<stop>\n", process:out())
  end)
end)
