-- As a service of systemd (Type=notify): what its manager is told. The manager is
-- a socket that a few lines of perl print.

local command = require "spec.cli.command"
local helper = require "spec.helper"
local simulator = require "spec.simulator"

local unpack = table.unpack or unpack

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
  local COMMAND = [[printf '%s\n' "$GRAPHSOCKET_KIND" >>"$OUT"; : `true` it\'s]]

  -- What install writes below another root.
  local function install(...)
    local words = { "examples/systemd/install", ... }
    words.env = { DESTDIR = helper.scratch "root" }
    local code, out, err = helper.run(words)
    assert.equal(0, code, err)
    return words.env.DESTDIR, out
  end

  local function has_systemd()
    return helper.run { "sh", "-c", "command -v systemd-analyze && command -v systemctl" } == 0
  end

  it("is installed by one command, as one that systemd understands", function()
    if not has_systemd() then return pending "systemd is not here" end
    local token = helper.scratch "token"
    helper.write(token, "secret")
    for _, words in ipairs { { token }, {} } do
      local root = install("mine", "/me/drive/root", COMMAND, words[1])
      local units = root .. "/etc/systemd/system"
      local code, out, err = helper.run {
        "systemd-analyze", "--man=no", "verify", units .. "/graphsocket-watch@mine.service";
        env = { SYSTEMD_UNIT_PATH = units .. ":" };
      }
      assert.equal("", out .. err)
      assert.equal(0, code)
      assert.equal(helper.read(path),
        helper.read(units .. "/multi-user.target.wants/../graphsocket-watch@.service"))
      local _, modes = helper.run { "find", root .. "/etc/graphsocket", "-printf", "%m %f\n" }
      assert.matches("700 graphsocket\n", modes)
      assert.matches("600 mine.conf\n", modes)
      assert.equal(words[1] ~= nil, modes:find "600 mine.token\n" ~= nil)
      local drop_in = helper.read(units .. "/graphsocket-watch@mine.service.d/login.conf")
      assert.equal(words[1] == nil, drop_in ~= nil)
    end
  end)

  it("is not installed by a dry run, which says what it would do", function()
    local root, out = install("--dry-run", "mine", "/me/drive/root", COMMAND)
    assert.matches("systemctl .*enable graphsocket%-watch@mine", out)
    assert.matches('RESOURCE="/me/drive/root"\n', out)
    assert.is_nil(helper.read(root .. "/etc/graphsocket/mine.conf"))
  end)

  it("is not installed with words that make no sense", function()
    for _, words in ipairs {
      { "mine", "/me/drive/root" }, { "../x", "/me/drive/root", "true" },
      { "mine", "/me/drive/root", "true", "/no/such/file" },
    } do
      words.env = { DESTDIR = helper.scratch "root" }
      local code, _, err = helper.run { "examples/systemd/install", env = words.env, unpack(words) }
      assert.equal(2, code)
      assert.matches("^install: [^\n]+\n$", err)
    end
  end)

  it("runs the command for a change, with the words that were given", function()
    if not has_systemd() then return pending "systemd is not here" end
    local sim, process = simulator.start(), nil
    finally(function()
      if process then process:kill() end
      sim:stop()
    end)
    local root = install("mine", "/me/drive/root", COMMAND)
    local line = helper.read(path):match "\nExecStart=/usr/bin/env graphsocket ([^\n]*)"
    -- What systemd reads out of the file a shell reads likewise.
    local out = helper.scratch "out"
    local env = command.graph(sim, { OUT = out, STATE_DIRECTORY = helper.scratch "state" })
    os.execute("mkdir " .. env.STATE_DIRECTORY)
    local words = {}
    for word in line:gmatch "%S+" do
      words[#words + 1] = word:gsub("%${STATE_DIRECTORY}", env.STATE_DIRECTORY)
        :gsub("%${(%w+)}", function(name)
          local _, value = helper.run { "sh", "-c",
            (". %s/etc/graphsocket/mine.conf; printf %%s \"$%s\""):format(root, name) }
          return value
        end)
    end
    process = command.start(env, unpack(words))
    sim:post("wait", { ["for"] = { sockets = 1 } })
    sim:post("items/create", { name = "a.txt" })
    helper.eventually(function() return helper.read(out) == "created\n" end,
      "the command has run")
  end)
end)

describe("the container of the examples", function()
  -- A stand-in for podman: it writes down what it is called with.
  local function run(env, ...)
    local log = helper.scratch "engine"
    helper.write(log .. ".sh", ('#!/bin/sh\necho "$@" >>%s\n'):format(log))
    os.execute("chmod +x " .. log .. ".sh")
    env.ENGINE = log .. ".sh"
    local code, _, err = helper.run { "examples/container/run", env = env, ... }
    return code, helper.read(log), err
  end

  it("is built and run by one command, without the token among its words", function()
    local code, words = run({ GRAPH_TOKEN = "secret" }, "watch", "/drives/a b/root")
    assert.equal(0, code)
    assert.equal("build -t graphsocket -f examples/container/Containerfile .\n"
      .. "run --rm -e GRAPH_TOKEN -v graphsocket-state:/state graphsocket watch /drives/a b/root\n",
      words)
  end)

  it("says what it needs", function()
    local code, words, err = run { GRAPH_TOKEN = "" }
    assert.equal(1, code)
    assert.matches("GRAPH_TOKEN is not set", err)
    assert.is_nil(words)
  end)
end)
