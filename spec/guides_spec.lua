-- Every Lua block of the README, the guides and the reference runs, as it stands
-- there, against the Graph simulator and the reference server.

local helper = require "spec.helper"
local pages = require "spec.pages"

local here = os.getenv "PWD"

describe("the code of", function()
  local graph, sockets

  setup(function()
    graph = helper.service("simulator/index.js", "--demo", "--demo-every", "100")
    sockets = helper.service "interop/index.js"
  end)

  teardown(function()
    graph:stop()
    sockets:stop()
  end)

  local function run(path, block)
    local file = helper.scratch "block.lua"
    helper.write(file, block.source)
    return helper.run {
      "env", "-C", file:match "^(.*)/", helper.interpreter(),
      here .. "/spec/guide_block.lua", path, tostring(block.line), file,
      env = {
        LUA_PATH = pages.search_path(package.path), LUA_CPATH = pages.search_path(package.cpath),
        GRAPH_TOKEN = graph.info.token, GRAPH_BASE_URL = graph.info.graph,
        GRAPH_CA_FILE = graph.info.ca, SOCKETIO_URL = sockets.info.v4.url,
      },
    }
  end

  for _, path in ipairs(pages.for_readers()) do
    for _, block in ipairs(pages.blocks(path, "lua")) do
      it(("%s, line %d, runs"):format(path, block.line), function()
        local code, _, err = run(path, block)
        assert.equal("", err)
        assert.equal(0, code)
      end)
    end
  end
end)
