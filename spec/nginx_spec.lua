-- What start, on and stats promise, without nginx: spec/nginx/ has the parts,
-- and what runs in a real one.

local helper = require "spec.helper"
local loop = require "graphsocket.loop"
local memory = require "graphsocket.nginx.memory"

describe("graphsocket.nginx", function()
  helper.in_frozen_time()

  local nginx, ngx, logged, phase, pending

  local function at(seconds, fn, ...)
    pending[#pending + 1] = loop.timer(seconds, fn, false, ...)
    return true
  end

  before_each(function()
    loop.host "plain"
    logged, pending, phase = {}, {}, "init_worker"
    ngx = {
      WARN = "warn",
      log = function(_, text) logged[#logged + 1] = text end,
      get_phase = function() return phase end,
      shared = { events = memory.new(loop.now) },
      timer = { at = at, every = at },
      worker = {
        id = function() return ngx.id end;
        pid = function() return 4711 end;
        exiting = function() return ngx.is_exiting end;
      },
    }
    ngx.id = 0
    rawset(_G, "ngx", ngx)
    package.loaded["graphsocket.nginx"] = nil
    nginx = require "graphsocket.nginx"
  end)

  after_each(function()
    nginx.stop()
    for _, timer in ipairs(pending) do timer:cancel() end
    rawset(_G, "ngx", nil)
    helper.advance(0)
  end)

  local function start(values)
    local all = { dict = "events", run = function() end }
    for name, value in pairs(values or {}) do all[name] = value end
    return nginx.start(all)
  end

  it("calls run in the worker that owns, and handlers with what it publishes", function()
    local got
    nginx.on("change", function(item) got = item end)
    assert.is_true(start { run = function(share) share("change", { id = "1" }) end })
    helper.eventually(function() return got end)
    assert.same({ id = "1" }, got)
    local stats = nginx.stats()
    assert.equal(0, stats.id)
    assert.equal(4711, stats.pid)
    assert.is_true(stats.owner)
    assert.equal(1, stats.published)
    assert.same({}, stats.sources)
  end)

  it("does not call a handler that was taken back", function()
    local handler = helper.expect(nil, 0)
    nginx.on("change", handler)
    nginx.off("change", handler)
    start { run = function(share) share "change" end }
    helper.eventually(function() return nginx.stats().published == 1 end)
    helper.advance(0)
  end)

  it("raises where a handler is wrong", function()
    local ok, message = pcall(function() nginx.on("change", 5) end)
    assert.is_false(ok)
    assert.truthy(message:find "nginx_spec.lua:%d+: bad argument #2 to 'on'", message)
  end)

  it("starts once", function()
    start()
    assert.error_matches(start, "started already.*one run that returns all")
  end)

  it("starts in init_worker_by_lua only, and says where it was called", function()
    for _, other in ipairs { "init", "content", "timer", "log" } do
      phase = other
      assert.error_matches(start, "call it in init_worker_by_lua, not in the phase " .. other)
    end
    rawset(_G, "ngx", nil)
    assert.error_matches(start, "inside nginx only")
  end)

  it("refuses options that it does not know, or that are wrong", function()
    for message, values in pairs {
      ['unknown option "ttll": did you mean "ttl"'] = { ttll = 5 },
      ['unknown option "max_event": did you mean "max_events"'] = { max_event = 5 },
      ['option "ttl" must be at least 1 seconds'] = { ttl = 0 },
      ['option "ttl" must be at most 86400 seconds'] = { ttl = math.huge },
      ['option "max_events" must be a whole number'] = { max_events = 10.5 },
      ['option "run" must be a function, got string'] = { run = "run" },
      ['option "dict" must be a string, got table'] = { dict = {} },
    } do
      assert.error_matches(function() start(values) end, message, 1, true)
    end
    assert.error_matches(function() nginx.start { dict = "events" } end,
      'option "run" is missing: give the function')
    assert.error_matches(function() nginx.start { run = print } end,
      'option "dict" is missing.*lua_shared_dict')
  end)

  it("runs in each worker for itself without a dict, which one worker says", function()
    for id = 0, 2 do
      ngx.id = id
      local ran = helper.expect()
      start { dict = "absent", run = function(share) ran() share "change" end }
      helper.eventually(function() return nginx.stats().published == 1 end)
      assert.is_true(nginx.stats().owner)
      nginx.stop()
    end
    assert.equal(1, #logged)
    assert.truthy(logged[1]:find("no shared dict 'absent'.*lua_shared_dict absent 1m;"))
  end)

  it("is nothing in a process that serves no requests", function()
    ngx.id = nil
    assert.is_true(start { run = helper.expect(nil, 0) })
    helper.advance(20)
  end)

  it("tells of itself only after start", function()
    assert.error_matches(nginx.stats, "call start in init_worker_by_lua first; .*lua_code_cache off")
  end)

  it("gives the ownership up when the worker exits, and still tells of itself", function()
    local closed = helper.expect()
    start { run = function()
      return { on = function() end, close = function() closed() end }
    end }
    helper.eventually(function() return nginx.stats().owner_pid end)
    ngx.is_exiting = true
    helper.advance(5)
    assert.is_nil(nginx.stats().owner_pid)
    assert.is_false(nginx.stats().owner)
  end)
end)
