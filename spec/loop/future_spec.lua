local loop = require "graphsocket.loop"

describe("a future", function()
  it("keeps its first values, nils included", function()
    local future = loop.future()
    assert.is_false(future:done())
    assert.is_true(future:resolve(nil, 2, nil))
    assert.is_false(future:resolve "too late")
    assert.is_true(future:done())
    assert.equal(4, select("#", future:await()))
    assert.same({ true, nil, 2 }, { future:await() })
  end)

  it("wakes all who wait, in their order", function()
    local future, got = loop.future(), {}
    loop.run(function()
      for i = 1, 3 do
        loop.spawn(function()
          local ok, value = future:await()
          got[#got + 1] = { i, ok, value }
        end)
      end
      loop.sleep(0)
      future:resolve "x"
    end)
    assert.same({ { 1, true, "x" }, { 2, true, "x" }, { 3, true, "x" } }, got)
  end)

  it("times out for the one that set a limit only", function()
    local future, got = loop.future(), {}
    loop.run(function()
      loop.spawn(function() got.patient = { future:await(3600) } end)
      loop.spawn(function()
        got.hasty = { future:await(0.001) }
        future:resolve "late"
      end)
    end)
    assert.same({ false, "timeout" }, got.hasty)
    assert.same({ true, "late" }, got.patient)
  end)

  it("gives its value rather than a timeout when both are due", function()
    local future, got = loop.future(), nil
    loop.run(function()
      loop.spawn(function() got = { future:await(1) } end)
      loop.sleep(0)
      future:resolve "value"
      loop.skew(2)
    end)
    assert.same({ true, "value" }, got)
  end)

  it("refuses a limit that is no number, naming the caller's line", function()
    local ok, message = pcall(function() loop.future():await "1" end)
    assert.is_false(ok)
    assert.matches("future_spec.lua:%d+: bad argument to await: a number of seconds is needed, not string", message)
    assert.error_matches(function() loop.future():await(0 / 0) end, "not NaN")
  end)
end)
