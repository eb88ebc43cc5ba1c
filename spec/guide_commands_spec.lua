-- Every sh block of the README, the guides and the reference runs as it stands,
-- in bash, in a folder that looks like a checkout: graphsocket against the Graph
-- simulator and the reference servers. What is not run for real there is in
-- spec/guide_reader.sh, each with its reason; its words are looked at here. As it
-- starts an nginx it is run by LuaJIT alone, which is enough.

local command = require "spec.cli.command"
local helper = require "spec.helper"
local lfs = require "lfs"
local nginx = require "spec.nginx"
local pages = require "spec.pages"
local simulator = require "spec.simulator"

local here = os.getenv "PWD"

local _, processors = helper.run { "nproc" }
local AT_ONCE = tonumber(processors)

local function is_file(path) assert.truthy(lfs.attributes(path), path .. ": no such file") end

-- What a command that was only written down must look like.
local check = {}

function check.make(words)
  local makefile = "\n" .. helper.read "Makefile"
  for _, word in ipairs(words) do
    if not word:find "=" then
      assert.truthy(makefile:find("\n" .. word .. ":", 1, true), "make has no target " .. word)
    end
  end
end

function check.npm(words)
  assert.same({ "ci", "--prefix" }, { words[1], words[2] })
  is_file(words[3] .. "/package-lock.json")
end

-- scripts/check-rock runs the README's.
function check.luarocks(words)
  local line = "\nluarocks " .. table.concat(words, " ") .. " "
  assert.truthy((helper.read "README.md"):find(line, 1, true), line)
end

function check.sudo(words)
  if words[1] ~= "examples/systemd/install" then
    return assert.same({ "apt", "install" }, { words[1], words[2] })
  end
  words[#words] = nil -- the reader's file with a token
  table.insert(words, 2, "--dry-run")
  local code, _, err = helper.run(words)
  assert.equal(0, code, err)
end

check["lua5.4"] = function(words)
  for _, word in ipairs(words) do is_file(word) end
end
for _, name in ipairs { "bench/nginx", "bench/nginx_memory", "bench/nginx_reloads" } do
  check[name] = function() is_file(name) end
end

-- A file for each process: those of a pipe write at once. Each command ends with
-- an empty line.
local function check_recorded(folder)
  local code, recorded = helper.run { "find", folder, "-type", "f", "-exec", "cat", "{}", "+" }
  assert.equal(0, code)
  for command_line in recorded:gmatch "(.-)\n\n" do
    local words = {}
    for word in command_line:gmatch "[^\n]+" do words[#words + 1] = word end
    check[table.remove(words, 1)](words)
  end
end

describe("the commands of", function()
  local graph, sockets, steered, client
  setup(function()
    graph = simulator.start("--demo", "--demo-every", "100", "--demo-changes", "1000000",
      "--device-interval", "1")
    sockets = helper.service "interop/index.js"
  end)
  teardown(function()
    client:kill()
    steered:stop()
    graph:stop()
    sockets:stop()
  end)

  -- A simulator for a block that steers one, with a client that has joined.
  local function alone()
    local sim = simulator.start()
    client = command.start(command.graph(sim), "subscribe", "/me/drive/root")
    sim:post("wait", { ["for"] = { sockets = 1 } })
    steered = sim
    return sim
  end

  -- What the reader puts in, in this order.
  local function filled_in(source)
    local server = sockets.info.v4.url
    for _, pair in ipairs {
      { "<this repository>", here }, { "[RESOURCE]", "/me/drive/root" }, { "RESOURCE", "/me/drive/root" },
      { "connect URL", "connect " .. server .. " --emit hi --once" }, { "https://localhost:3000", server },
      { "client-id ID", "client-id " .. graph.client_id }, { "completion SHELL", "completion bash" },
      { "GRAPH_TOKEN=…", "GRAPH_TOKEN=" .. graph.token }, { "'eyJ…'", graph.token },
    } do
      source = source:gsub(pair[1]:gsub("%p", "%%%0"), (pair[2]:gsub("%%", "%%%%")))
    end
    return source
  end

  -- A folder in which everything of the checkout is within reach.
  local function checkout()
    local folder = helper.scratch "checkout"
    assert(lfs.mkdir(folder))
    for name in lfs.dir(here) do
      if not name:find "^%." then assert(lfs.link(here .. "/" .. name, folder .. "/" .. name, true)) end
    end
    return folder
  end

  -- Begins with a block; what it has of its own is in the scratch folder.
  local function start(source)
    local self = { folder = checkout(), recorded = helper.scratch "recorded" }
    assert(lfs.mkdir(self.recorded))
    local sim = graph
    if source:find("$CONTROL", 1, true) then sim = alone() end
    local words = { "env", "-C", self.folder, "bash", "-c",
      'source "$TREE/spec/guide_reader.sh"\n' .. filled_in(source) }
    words.env = {
      TREE = here, INTERPRETER = helper.interpreter(), RECORDED = self.recorded, HOME = self.folder,
      PATHS = pages.search_path(package.path), CPATHS = pages.search_path(package.cpath),
      XDG_STATE_HOME = "", XDG_CONFIG_HOME = "", NOTIFY_SOCKET = "", PORT = "18080",
      -- Who signs in needs no other token.
      GRAPH_TOKEN = source:find "^graphsocket login" and "" or graph.token,
      GRAPH_AUTHORITY = sim.login, GRAPH_BASE_URL = sim.graph, GRAPH_CA_FILE = sim.ca,
      CONTROL = sim.control,
    }
    self.process = helper.spawn(words)
    return self
  end

  -- Waits for its end, for as long as it goes on.
  local function finish(self)
    local process = self.process
    assert.equal(0, process:wait_while_it_tells(), process:out() .. process:err())
    check_recorded(self.recorded)
  end

  -- The blocks of all pages, and those that are begun: as many are under way as
  -- there are processors.
  local blocks, begun = {}, {}

  local function begin_up_to(last)
    for i = #begun + 1, math.min(last, #blocks) do
      local source = blocks[i]
      begun[i] = not (source:find "openresty" and nginx.missing()) and start(source)
    end
  end

  for _, path in ipairs(pages.for_readers()) do
    for _, block in ipairs(pages.blocks(path, "sh")) do
      local number = #blocks + 1
      blocks[number] = block.source
      it(("%s, line %d, run"):format(path, block.line), function()
        begin_up_to(number + AT_ONCE - 1)
        if not begun[number] then return pending(nginx.missing()) end
        finish(begun[number])
      end)
    end
  end

  it("a page that is wrong fail", function()
    assert.has_error(function() finish(start "graphsocket wacth; true") end)
    assert.has_error(function() finish(start "no-such-command | cat") end)
    assert.has_error(function() finish(start "make nonsense") end)
  end)
end)
