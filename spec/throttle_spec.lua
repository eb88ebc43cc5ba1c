-- One client's turnstile, as its subscriptions and watches meet it. Time is
-- virtual, and Graph is spec/fake_http.lua, so every request is seen with its
-- moment.

local fake_http = require "spec.fake_http"
local graphsocket = require "graphsocket"
local helper = require "spec.helper"
local loop = require "graphsocket.loop"

describe("a client that is told to wait", function()
  helper.in_frozen_time()

  local open, seen, began

  before_each(function() open, began = {}, loop.now() end)
  after_each(function()
    for _, one in ipairs(open) do one:close() end
    loop.run()
    fake_http.stop()
  end)

  -- Five subscriptions and a watch of one client, none of which knows of the
  -- others.
  local function many(opts)
    opts.token = "secret"
    local client = graphsocket.new(opts)
    for i = 1, 5 do open[i] = client:subscribe { drive = "d" .. i } end
    open[6] = assert(client:watch { drive = "d6" })
  end

  -- Lets |seconds| pass, and returns when which requests came, as whole seconds
  -- since the beginning.
  local function moments(seconds)
    for _ = 1, seconds * 2 do helper.advance(0.5) end
    local list = {}
    for i, request in ipairs(seen) do
      list[i] = math.floor(request.at - began + 0.01)
    end
    return list
  end

  local function throttled()
    return { 429, headers = { ["Retry-After"] = "120" } }
  end

  for _, max_requests in ipairs { 1, 4 } do
    it(("asks once every 120 s, for all together (max_requests %d)")
      :format(max_requests), function()
      seen = fake_http.start(throttled)
      many { max_requests = max_requests }
      local expected = {}
      -- Those that were under way when the first answer came.
      for i = 1, max_requests do expected[i] = 0 end
      for i = 1, 5 do expected[#expected + 1] = 120 * i end
      assert.same(expected, moments(719))
    end)
  end

  it("asks nothing more while the one that finds out is not answered", function()
    seen = fake_http.start(function(_, n)
      return n == 1 and throttled() or "never"
    end)
    many { max_requests = 1 }
    assert.same({ 0, 120 }, moments(600))
  end)

  it("lets max_requests of them go on when that one is answered", function()
    seen = fake_http.start(function(_, n)
      if n <= 4 then return throttled() end
      return n == 5 and { 500 } or "never"
    end)
    many { max_requests = 4 }
    assert.same({ 0, 0, 0, 0 }, moments(119))
    assert.same({ 0, 0, 0, 0, 120, 120, 120, 120, 120 }, moments(60))
  end)
end)
