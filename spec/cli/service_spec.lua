-- As a service of systemd (Type=notify): what its manager is told. The manager is
-- a socket that a few lines of perl print.

local command = require "spec.cli.command"
local helper = require "spec.helper"
local simulator = require "spec.simulator"

local MANAGER = [[
  use Socket;
  $| = 1;
  socket(S, PF_UNIX, SOCK_DGRAM, 0) or die;
  bind(S, sockaddr_un($ARGV[0])) or die $!;
  print "listening\n";
  while (defined recv(S, $message, 4096, 0)) { $message =~ tr/\n/ /; print "$message\n" }
]]

describe("a service", function()
  local sim, manager, path, process
  before_each(function()
    sim = simulator.start()
    path = helper.scratch "notify"
    manager = helper.spawn { "perl", "-e", MANAGER, path }
    manager:line()
  end)
  after_each(function()
    for _, one in ipairs { process, manager } do one:kill() end
    sim:stop()
  end)

  local function start(env)
    env.NOTIFY_SOCKET = path
    process = command.start(command.graph(sim, env), "watch", "/me/drive/root")
  end

  -- Waits until it has been told so many times (once).
  local function until_told(words, times)
    local pattern = words:gsub("%p", "%%%0")
    helper.eventually(function()
      return select(2, manager:out():gsub(pattern, "")) >= (times or 1)
    end, words .. " is told")
  end

  it("is ready when it is joined, and says when it ends", function()
    sim:fault { on = "subscription", status = 503, times = "always" }
    start {}
    until_told "STATUS=not connected\n"
    assert.not_matches("READY", manager:out())
    sim:post "faults/clear"
    until_told "READY=1 STATUS=connected to /me/drive/root\n"
    sim:post("sockets/disconnect", { how = "fin" })
    until_told("STATUS=connected to /me/drive/root\n", 2)
    process:signal "TERM"
    process:wait()
    until_told "STOPPING=1\n"
    assert.not_matches("WATCHDOG", manager:out())
  end)

  it("shows life twice in the time of its watchdog", function()
    start { WATCHDOG_USEC = "200000" }
    until_told("WATCHDOG=1\n", 3)
  end)

  it("leaves the watchdog of another process alone", function()
    start { WATCHDOG_USEC = "200000", WATCHDOG_PID = "1" }
    until_told "READY=1"
    assert.not_matches("WATCHDOG", manager:out())
  end)

  it("goes on where nobody listens", function()
    manager:kill()
    start {}
    sim:post("wait", { ["for"] = { sockets = 1 } })
    process:signal "TERM"
    assert.equal(143, process:wait())
    assert.not_matches("graphsocket:", process:err())
  end)
end)

describe("the unit of the examples", function()
  local path = "examples/systemd/graphsocket-watch@.service"

  it("is one that systemd understands", function()
    if helper.run { "sh", "-c", "command -v systemd-analyze" } ~= 0 then
      return pending "systemd-analyze is not here"
    end
    local folder = helper.scratch "unit"
    os.execute(("mkdir %s && cp %s %s/graphsocket-watch@mine.service"):format(folder, path, folder))
    local code, out, err = helper.run { "systemd-analyze", "--man=no", "verify",
      folder .. "/graphsocket-watch@mine.service" }
    assert.equal("", out .. err)
    assert.equal(0, code)
  end)

  it("calls the command with words that it knows", function()
    local line = helper.read(path):match "\nExecStart=[^\n]*graphsocket ([^\n]*)"
    local words = {}
    for word in line:gmatch "%S+" do
      words[#words + 1] = word == "${RESOURCE}" and "/me/drive/root" or word
    end
    local values, message = require("graphsocket.cli.arguments").parse(words)
    assert.is_nil(message)
    assert.equal("watch", values.command)
  end)
end)
