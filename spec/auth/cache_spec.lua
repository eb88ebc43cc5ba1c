-- The cache file between processes: what one of them gets, all of them have.

local auth = require "graphsocket.auth"
local core = require "graphsocket.core"
local fake_http = require "spec.fake_http"
local helper = require "spec.helper"
local json = require "graphsocket.json"
local loop = require "graphsocket.loop"
local scope = require "graphsocket.scope"
local simulator = require "spec.simulator"

-- Prints the token that a process gets.
local SCRIPT = [==[
local graphsocket = require "graphsocket"
local client = graphsocket.new {
  base_url = arg[1], ca_file = arg[2],
  token = graphsocket.auth[arg[3]] {
    client_id = arg[4], authority = arg[5], cache = arg[6],
    refresh_token = arg[3] == "refresh_token" and "of-no-use" or nil,
    prompt = arg[3] == "device_code" and error or nil,
  },
}
local endpoint, err = client:endpoint "/me/drive/root"
print(endpoint and "good" or tostring(err))
]==]

describe("a token cache of several processes", function()
  local sim, path

  setup(function() sim = simulator.start() end)
  teardown(function() sim:stop() end)
  before_each(function()
    sim:reset()
    path = helper.scratch "tokens.json"
  end)

  local function write(refresh_token)
    helper.write(path, json.encode {
      version = 1, client_id = sim.client_id, tenant = "common",
      access_token = "worn", expires_at = 0, refresh_token = refresh_token,
    })
    os.execute("chmod 600 " .. path)
  end

  for _, kind in ipairs { "device_code", "refresh_token" } do
    it("refreshes once, for all of them: " .. kind, function()
      -- A refresh token that is good for one use, and an answer that takes time.
      write(sim:post("login/grant", { client_id = sim.client_id }).refresh_token)
      sim:fault { on = "token", stall = 300 }
      local scripts = {}
      for i = 1, 5 do
        scripts[i] = helper.lua(SCRIPT, sim.graph, sim.ca, kind, sim.client_id,
          sim.login, path)
      end
      for _, script in ipairs(scripts) do
        assert.equal(0, script:wait())
        assert.equal("good\n", script:out())
        assert.equal("", script:err())
      end
      assert.equal(1, #sim:requests "token")
      assert.equal(0, #sim:requests "devicecode")
    end)
  end
end)

describe("a token cache that another process has locked", function()
  local path, from, lock, seen

  before_each(function()
    path = helper.scratch "tokens.json"
    lock = assert(core.file_lock(path .. ".lock"))
    seen = fake_http.start(function()
      return { body = '{"access_token":"new","expires_in":3600}' }
    end)
    from = auth.refresh_token {
      client_id = "app", refresh_token = "given", cache = path,
    }
  end)
  after_each(function()
    lock:close()
    fake_http.stop()
  end)

  -- Asks in a task; returns where its answer will be.
  local function ask(the_scope)
    local answer = {}
    loop.spawn(function()
      answer.token, answer.err = from:get { scope = the_scope or scope.new() }
    end)
    helper.advance(0)
    return answer
  end

  it("is waited for, and then has the token", function()
    local answer = ask()
    for _ = 1, 10 do helper.advance(1) end
    assert.same({}, answer)
    assert.equal(0, #seen)
    helper.write(path, json.encode {
      version = 1, client_id = "app", tenant = "common",
      access_token = "of-the-other", expires_at = math.floor(loop.time()) + 3600,
      scopes = "Files.Read offline_access",
    })
    os.execute("chmod 600 " .. path)
    lock:close()
    helper.advance(1)
    assert.same({ token = "of-the-other" }, answer)
    assert.equal(0, #seen)
  end)

  it("is not waited for without end: the other may hang", function()
    local answer = ask()
    for _ = 1, 70 do helper.advance(1) end
    assert.same({ token = "new" }, answer)
  end)

  it("is not waited for any more when nobody wants the token", function()
    local the_scope = scope.new()
    local answer = ask(the_scope)
    the_scope:cancel()
    helper.advance(0)
    assert.equal("closed", answer.err.kind)
    loop.run() -- nothing is left to wait for
    assert.equal(0, #seen)
  end)
end)
