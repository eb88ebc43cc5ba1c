-- The code of docs/guide/nginx.md, run as it stands there but for paths and the
-- port.

local cjson = require "cjson"
local helper = require "spec.helper"
local lfs = require "lfs"
local nginx = require "spec.nginx"
local pages = require "spec.pages"
local simulator = require "spec.simulator"

local function blocks(language)
  local found = {}
  for i, block in ipairs(pages.blocks("docs/guide/nginx.md", language)) do
    found[i] = block.source
  end
  return found
end

-- Replaces a text that must be there.
local function put(text, old, new)
  local first, last = text:find(old, 1, true)
  assert(first, "the guide has no longer: " .. old)
  return text:sub(1, first - 1) .. new .. text:sub(last + 1)
end

-- The first configuration of the guide with the locations of the others, and
-- what makes it run here. `run` takes the place of the guide's.
local function configuration(state, run)
  local all = blocks "nginx"
  local text = all[1]:gsub("include /etc/nginx[^\n]*\n", "")
  text = put(text, "worker_processes auto;", "worker_processes 2;")
  text = put(text, "/var/lib/graphsocket/drive.state", state)
  text = put(text, "listen 127.0.0.1:8080;",
    "listen 127.0.0.1:%(port)s;\n" .. table.concat(all, "\n", 2))
  if run then
    local first = text:find "run = function%(%)\n"
    local _, last = text:find("\n      end,\n", first)
    text = text:sub(1, first - 1) .. "run = " .. run .. ",\n" .. text:sub(last)
  end
  return [[
    daemon off; pid nginx.pid; error_log error.log notice; %(user)s
    %(modules)s
    env TMPDIR=%(prefix)s/tmp;
  ]] .. put(text, "http {", [[http {
    access_log off;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    lua_package_path "%(tree)s/lua/?.lua;%(tree)s/lua/?/init.lua;;";
    lua_package_cpath "%(cpath)s;;";
  ]])
end

describe("the guide of nginx", function()
  local missing = nginx.missing()
  if missing then
    pending("is not tested here: " .. missing)
    return
  end

  local graph, server

  local function start(run)
    server = nginx.start {
      workers = 2;
      text = configuration(helper.scratch "state", run);
      env = {
        GRAPH_TOKEN = graph.token, GRAPH_BASE_URL = graph.graph, GRAPH_CA_FILE = graph.ca,
      };
    }
  end

  local function status()
    return cjson.decode((server:get "/status"))
  end

  setup(function() graph = simulator.start() end)
  teardown(function() graph:stop() end)
  after_each(function() server:stop() end)

  it("has a configuration that tells every worker of a change", function()
    start()
    helper.eventually(function()
      local source = status().sources[1]
      return source and source.last_sync_at
    end, "the watch has its place")
    graph:post("items/create", { name = "report.docx" })
    helper.eventually(function()
      return select(2, server:log():gsub("created report.docx", "")) == 2
    end, "both workers have written the change into the log")
  end)

  it("has a request that waits for Graph", function()
    start()
    assert.truthy(server:get("/endpoint"):find "^expires in %d+ s\n$")
  end)

  it("has a run that publishes words of its own", function()
    local code = blocks "lua"
    assert.equal(1, #code)
    start(("(function()\n%s\nreturn run end)()"):format(code[1]))
    helper.eventually(function() return status().published > 3 end, "it publishes")
    assert.equal("/me/drive/root", status().sources[1].resource)
    assert.is_nil(status().last_error)
  end)
end)

-- What is in the guide beside code, as far as it can be looked up.
describe("the guide of nginx", function()
  it("names files that exist", function()
    local page = helper.read "docs/guide/nginx.md"
    for path in page:gmatch "%]%(([%w_./-]+)[#)]" do
      assert.truthy(lfs.attributes("docs/guide/" .. path), path)
    end
    for path in page:gmatch "`(spec/[%w_/.]+)`" do
      assert.truthy(lfs.attributes(path), path)
    end
  end)
end)
