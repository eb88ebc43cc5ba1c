-- The blocks of the README, the guides and the reference that are neither Lua
-- (guides_spec.lua, loop/examples_spec.lua) nor commands (guide_commands_spec.lua)
-- nor the configuration of nginx's guide (nginx/guide_spec.lua). A block in a
-- language that nobody tries is found here.

local cjson = require "cjson"
local helper = require "spec.helper"
local pages = require "spec.pages"
local simulator = require "spec.simulator"

-- The one block of a page in a language.
local function block(path, language)
  local found = pages.blocks(path, language)
  assert.equal(1, #found, path .. " has another number of blocks in " .. language)
  return found[1].source
end

-- Keys and types, all the way down.
local function shape(value)
  if type(value) ~= "table" then return type(value) end
  local fields = {}
  for key, inner in pairs(value) do fields[key] = shape(inner) end
  return fields
end

-- The JavaScript sample, with a notificationUrl that is good: says what it
-- printed, and goes when it was notified.
local SAMPLE = [[
const { io: connect } = require("%s/spec/support/node_modules/socket.io-client");
const io = (url, options) => {
  const socket = connect(url, options);
  socket.on("notification", () => setImmediate(() => socket.disconnect()));
  return socket;
};
]]

describe("the code of", function()
  local graph
  setup(function() graph = simulator.start() end)
  teardown(function() graph:stop() end)

  it("the README's JavaScript runs, with the reference client", function()
    local client = require("graphsocket").new {
      token = graph.token, base_url = graph.graph, ca_file = graph.ca,
    }
    local endpoint = assert(client:endpoint "/me/drive/root")
    local source, count = block("README.md", "javascript")
      :gsub('"https://…svc.ms/…"', function() return cjson.encode(endpoint.notification_url) end)
    assert.equal(1, count)
    local path = helper.scratch "sample.cjs"
    helper.write(path, SAMPLE:format(os.getenv "PWD") .. source)
    local process = helper.spawn { "node", path, env = { NODE_EXTRA_CA_CERTS = graph.ca } }
    graph:post("wait", { ["for"] = { sockets = 1 } })
    graph:post("items/create", { count = 1 })
    assert.equal(0, process:wait(), process:err())
    assert.matches("^connect %S+\nnotification .*\ndisconnect\n$", process:out())
  end)

  it("the simulator's guide shows the line that it prints", function()
    local shown = cjson.decode(block("docs/guide/simulator.md", "json"))
    local printed = {}
    for name in pairs(shown) do printed[name] = graph[name] end
    -- There are more ids than are shown.
    for name in pairs(printed.ids) do printed.ids[name] = shown.ids[name] and printed.ids[name] end
    assert.same(shape(shown), shape(printed))
  end)

  it("the guide to watching has a unit that systemd takes", function()
    if helper.run { "sh", "-c", "command -v systemd-analyze" } ~= 0 then
      return pending "systemd-analyze is not here"
    end
    local unit, count = block("docs/guide/watching.md", "ini")
      :gsub("/usr/bin/lua5.4 /usr/local/lib/team%-drive/watch.lua", "/bin/true")
    assert.equal(1, count)
    local path = helper.scratch "team-drive.service"
    helper.write(path, unit)
    local code, out, err = helper.run { "systemd-analyze", "verify", "--man=no", path }
    assert.equal("", out .. err)
    assert.equal(0, code)
  end)

  it("the live page's guide stands in its configuration", function()
    local conf = helper.read "examples/openresty/nginx.conf"
    for line in block("docs/guide/openresty-example.md", "nginx"):gmatch "[^\n]+" do
      assert.truthy(conf:find(line, 1, true), line)
    end
  end)

  it("nginx's guide has the rows that bench/nginx_reloads prints", function()
    local storm = helper.read "spec/nginx/storm_spec.lua" .. helper.read "spec/nginx/storm.lua"
    for row in block("docs/guide/nginx.md", "text"):gmatch "[^\n]+" do
      local words = row:match "^(.-)  " or row:match "^(%l[%l ]+)"
      assert.truthy(storm:find(words, 1, true), words)
    end
  end)

  -- Which page has which blocks that are tried: all here, or elsewhere.
  local TRIED = {
    [""] = "docs/guide/inside.md", -- drawings
    sh = "", lua = "", nginx = "docs/guide/nginx.md docs/guide/openresty-example.md",
    javascript = "README.md", json = "docs/guide/simulator.md", ini = "docs/guide/watching.md",
    text = "docs/guide/nginx.md",
  }

  it("every page is tried by a spec", function()
    for _, path in ipairs(pages.for_readers()) do
      for _, language in ipairs(pages.languages(path)) do
        -- "lua loops/luv" stands in that example.
        local where = TRIED[language:match "^%S*"]
        assert.truthy(where, ("%s: nobody tries %q"):format(path, language))
        assert.is_true(where == "" or where:find(path, 1, true) ~= nil,
          ("%s: nobody tries its %q"):format(path, language))
      end
    end
  end)
end)
