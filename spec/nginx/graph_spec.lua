-- graphsocket.nginx in a real nginx, with a subscription and a watch of the
-- Graph simulator.

local cluster = require "spec.nginx.cluster"
local helper = require "spec.helper"
local simulator = require "spec.simulator"

local missing = cluster.missing()
if missing then
  describe("a watch in nginx", function()
    pending("is not tested here: " .. missing)
  end)
  return
end

describe("a watch in nginx", function()
  local graph, it_self

  setup(function() graph = simulator.start() end)

  teardown(function()
    it_self:stop()
    graph:stop()
  end)

  local function create(name)
    graph:post("items/create", { name = name })
  end

  local function has(list, name)
    for _, item in ipairs(list or {}) do
      if item.name == name then return true end
    end
    return false
  end

  -- Waits until each worker of now has got the item.
  local function until_all_have(name)
    helper.eventually(function()
      local got = it_self:got()
      for _, pid in ipairs(it_self.nginx:workers()) do
        if not has(got[pid], name) then return false end
      end
      return true
    end, "every worker has " .. name)
  end

  -- Waits until a worker has got the item, one that ended perhaps: who begins
  -- later than it was published does not get it.
  local function until_one_has(name)
    helper.eventually(function()
      for _, list in pairs(it_self:got()) do
        if has(list, name) then return true end
      end
      return false
    end, "a worker has " .. name)
  end

  local function joined(count)
    graph:post("wait", { ["for"] = { sockets = count }, timeout = 10000 })
  end

  it("is of one worker, and its changes come to the handlers of each", function()
    it_self = cluster.start {
      code = ([[
        local client = graphsocket.new { base_url = %q, token = %q, ca_file = %q }
        options.run = function()
          return client:watch("/me/drive/root", { state = %q })
        end
      ]]):format(graph.graph, graph.token, graph.ca, helper.scratch "state"),
    }
    joined(1)
    it_self:until_joined(2)
    create "first.txt"
    until_all_have "first.txt"
  end)

  it("leaves nothing in the dict that authorises", function()
    for key, value in pairs(it_self:dump().events) do
      local text = key .. " " .. tostring(value)
      for _, secret in ipairs { graph.token, "token=", "downloadUrl", "Bearer", "%?%w+=" } do
        assert.is_nil(text:find(secret), text)
      end
    end
  end)

  it("is told of by stats(), in any worker, without its URL", function()
    local source
    helper.eventually(function()
      source = it_self:any_stats().sources[1]
      return source and source.state == "joined"
    end, "the source has joined")
    assert.equal("/me/drive/root", source.resource)
    assert.is_string(source.endpoint_id)
    for name in pairs(source) do assert.is_nil(name:find "url") end
  end)

  it("goes on in the new owner after a reload, and misses nothing", function()
    for n = 1, 3 do
      local old = {}
      for _, pid in ipairs(it_self.nginx:workers()) do old[pid] = true end
      it_self.nginx:signal "HUP"
      create("during reload " .. n)
      helper.eventually(function()
        local now = it_self.nginx:workers()
        for _, pid in ipairs(now) do
          if old[pid] then return false end
        end
        return #now == 2
      end, "the old workers have ended")
      until_one_has("during reload " .. n)
      it_self:until_joined(2)
      create("after reload " .. n)
      until_all_have("after reload " .. n)
    end
    joined(1)
  end)
end)

describe("a command as token source", function()
  it("says that nginx does not let it run, and what to use", function()
    local it_self = cluster.start { code = [[
      local client = graphsocket.new { token = graphsocket.auth.command "echo t" }
      options.run = function()
        note("err", tostring(select(2, client:endpoint "/me/drive/root")))
      end
    ]] }
    helper.eventually(function()
      local _, list = next(it_self:got "err")
      return list and list[1]:find "does not work inside nginx.*auth.refresh_token"
    end, "the error names another way")
    it_self:stop()
  end)
end)
