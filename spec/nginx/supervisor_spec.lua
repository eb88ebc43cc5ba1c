local helper = require "spec.helper"
local loop = require "graphsocket.loop"
local supervisor = require "graphsocket.nginx.supervisor"

-- nginx's timers on the loop's, and what nginx does to them.
local function fake_ngx()
  local ngx = { exiting = false, every_calls = 0, pending = {} }
  local function arm(seconds, fn, args, again)
    local entry = {}
    function entry.fire(premature)
      ngx.pending[entry] = nil
      entry.timer:cancel()
      if again and not ngx.exiting then arm(seconds, fn, args, again) end
      fn(premature, (table.unpack or unpack)(args))
    end
    entry.timer = loop.timer(seconds, function() entry.fire(false) end)
    ngx.pending[entry] = true
  end
  ngx.worker = { exiting = function() return ngx.exiting end }
  ngx.timer = {
    at = function(seconds, fn, ...)
      if ngx.refuses then return nil, ngx.refuses end
      arm(seconds, fn, { ... })
      return true
    end;
    every = function(seconds, fn, ...)
      if ngx.refuses then return nil, ngx.refuses end
      ngx.every_calls = ngx.every_calls + 1
      arm(seconds, fn, { ... }, true)
      return true
    end;
  }
  -- As nginx does when the worker exits, or connections run out.
  function ngx.abort()
    local fired = {}
    for entry in pairs(ngx.pending) do fired[#fired + 1] = entry end
    for _, entry in ipairs(fired) do entry.fire(true) end
  end
  function ngx.lose()
    for entry in pairs(ngx.pending) do entry.timer:cancel() end
    ngx.pending = {}
  end
  return ngx
end

describe("the supervisor", function()
  helper.in_frozen_time()

  local ngx, looks, leaves, it_self

  before_each(function()
    ngx, looks, leaves = fake_ngx(), 0, 0
    it_self = supervisor.new(ngx, 5, {
      look = function() looks = looks + 1 end,
      leave = function() leaves = leaves + 1 end,
    })
  end)

  after_each(function() ngx.lose() end)

  it("looks at once, and then every few seconds", function()
    assert.is_true(it_self:start())
    helper.advance(0)
    assert.equal(1, looks)
    for _ = 1, 3 do helper.advance(5) end
    assert.equal(4, looks)
  end)

  it("leaves, once, when the worker exits", function()
    it_self:start()
    helper.advance(0)
    ngx.exiting = true
    ngx.abort()
    ngx.abort()
    helper.advance(20)
    assert.equal(1, leaves)
    assert.equal(1, looks)
  end)

  it("leaves when a timer comes in its time, but the worker exits", function()
    it_self:start()
    helper.advance(0)
    ngx.exiting = true
    helper.advance(5)
    assert.equal(1, leaves)
    assert.equal(1, looks)
  end)

  it("goes on when a timer comes prematurely and the worker does not exit", function()
    it_self:start()
    ngx.abort()
    assert.equal(0, leaves)
    helper.advance(5)
    assert.equal(1, looks)
  end)

  it("begins another series when nginx has dropped its timer", function()
    it_self:start()
    helper.advance(0)
    ngx.lose()
    for _ = 1, 4 do
      helper.advance(5)
      it_self:check()
    end
    assert.equal(1, ngx.every_calls)
    helper.advance(6)
    it_self:check()
    it_self:check()
    assert.equal(2, ngx.every_calls)
    helper.advance(5)
    assert.equal(2, looks)
  end)

  it("begins no other while a worker that was held up has not come to its timers", function()
    it_self:start()
    helper.advance(0)
    for n = 1, 3 do
      loop.skew(20) -- nginx sees to sockets first, and so to bells and requests
      it_self:check()
      it_self:check()
      helper.advance(5)
      assert.equal(1 + n, looks)
    end
    assert.equal(1, ngx.every_calls)
  end)

  it("survives a look that raises", function()
    loop.on_error = helper.expect(nil, 2)
    local broken = supervisor.new(ngx, 5, { look = function() error "broken" end })
    broken:start()
    helper.advance(0)
    helper.advance(5)
    loop.on_error = nil
  end)

  it("says when nginx gives no timer", function()
    ngx.refuses = "too many pending timers"
    local ok, message = it_self:start()
    assert.is_nil(ok)
    assert.equal("too many pending timers", message)
  end)

  it("does nothing after stop", function()
    it_self:start()
    it_self:stop()
    helper.advance(20)
    it_self:check()
    assert.equal(0, looks)
  end)
end)
