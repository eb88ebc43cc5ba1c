-- Each example of each command's help runs as it is written, against the
-- simulator and the reference servers.

local arguments = require "graphsocket.cli.arguments"
local command = require "spec.cli.command"
local helper = require "spec.helper"
local simulator = require "spec.simulator"

-- The lines below "Examples:", joined where they were wrapped.
local function examples(help)
  local list = {}
  for line in help:match "\nExamples?:\n(.*)$":gmatch "   ([^\n]+)" do
    list[#list + 1] = line
  end
  return list
end

describe("the example", function()
  local sim, servers, home
  setup(function()
    sim = simulator.start("--device-interval", "1")
    servers = helper.service "interop/index.js"
    home = helper.scratch "home"
    os.execute("mkdir -p " .. home)
  end)
  teardown(function()
    sim:stop()
    servers:stop()
  end)

  local function environment()
    return command.graph(sim, {
      HOME = home, GRAPH_AUTHORITY = sim.login,
    })
  end

  -- What stands in the help for the reader's own.
  local function localized(line)
    return (line:gsub("https://localhost:3000", servers.info.v4.url)
      :gsub("drive%.state", home .. "/drive.state"))
  end

  -- Plays the world: something changes, the code is entered.
  local function live(process)
    local user_code = process:out():match "code ([A-Z0-9]+)\n?"
    if user_code then pcall(sim.post, sim, "login/approve", { user_code = user_code }) end
    if sim:report().counters.sockets > 0 then sim:post("items/create", { count = 1 }) end
  end

  local function is_endless(line)
    return (line:find "watch" and not line:find "%-%-once") or line:find "simulate"
  end

  local function run(line)
    local process = command.shell(environment(), "exec </dev/null; " .. localized(line))
    helper.eventually(function()
      live(process)
      return process:ended() or (is_endless(line) and #process:out() > 0)
    end, line .. " shows something")
    if not process:ended() then process:signal "INT" end
    return process:wait(), process
  end

  local parser, commands = arguments.parser()
  local helps = { [""] = parser:get_help() }
  for name, one in pairs(commands) do helps[name] = one:get_help() end

  for name, help in pairs(helps) do
    for _, line in ipairs(examples(help)) do
      it(("of %s: %s"):format(name, line), function()
        local code, process = run(line)
        assert.is_true(code == 0 or (is_endless(line) and code == 130),
          code .. ": " .. process:err())
        assert.not_equal("", process:out())
      end)
    end
  end
end)
