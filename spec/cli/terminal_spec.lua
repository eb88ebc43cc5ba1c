-- What a person sees on a terminal: a status line that is never in the way. The
-- terminal is a pseudo terminal of script(1). Colours: style_spec.lua.

local command = require "spec.cli.command"
local helper = require "spec.helper"
local simulator = require "spec.simulator"
local text = require "graphsocket.cli.text"

describe("on a terminal", function()
  local sim, process

  before_each(function() sim, process = simulator.start(), nil end)
  after_each(function()
    if process then process:kill() end
    sim:stop()
  end)

  local function start(line, env)
    process = command.terminal(command.graph(sim, env), line)
  end

  local function until_out(words)
    helper.eventually(function() return process:out():find(words, 1, true) end,
      words .. " is shown")
  end

  -- What stays on the screen: each line as it is after its last clearing.
  local function screen()
    local lines = {}
    for line in process:out():gsub("\r\n", "\n"):gmatch "[^\n]+" do
      line = line:gsub("^.*\27%[2K", ""):gsub("\27%[%d*m", "")
      if line ~= "" then lines[#lines + 1] = line end
    end
    return lines
  end

  it("a watch shows its state, and leaves nothing of that behind", function()
    start "graphsocket watch /me/drive/root"
    until_out "connected · 0 changes"
    sim:post("items/create", { id = "a", name = "a.txt" })
    until_out "a.txt"
    until_out "connected · 1 change · last "
    process:write "\3"
    assert.equal(130, process:wait())
    local lines = screen()
    assert.equal("connected", lines[1])
    assert.matches("^%d%d:%d%d:%d%d  created  /a.txt$", lines[2])
    -- The terminal's echo of Ctrl-C.
    assert.matches("^%^?C?$", lines[3] or "")
    assert.is_nil(lines[4])
  end)

  it("a long first reading shows how far it is", function()
    sim:post("items/generate", { count = 200000 })
    start "graphsocket watch /me/drive/root --from beginning --exec-batch true"
    until_out "reading the feed, "
    assert.matches("reading the feed, [%d,]+ items so far, [%d,]+/s", process:out())
    process:write "\3"
    assert.equal(130, process:wait())
  end)

  it("the status line never breaks: it is cut to the width", function()
    start "stty cols 30; graphsocket watch /me/drive/root"
    until_out "connected · 0 chan"
    sim:post("items/create", { id = "a", name = "a.txt" })
    until_out "…"
    process:write "\3"
    process:wait()
    for status in process:out():gmatch "\r\27%[2K(connected ·[^\r\n^]*)" do
      assert.is_true(text.width(status) < 30, status)
    end
  end)

  it("a console reads lines until Ctrl-D", function()
    local servers = helper.service "interop/index.js"
    start("graphsocket connect " .. servers.info.v4.url .. " --ack")
    until_out "connected to /"
    process:write 'echo "hello" [1]\n'
    until_out "ack echo"
    assert.matches('"hello"  %[1%]', process:out())
    process:write "\4"
    assert.equal(0, process:wait())
    servers:stop()
  end)
end)
