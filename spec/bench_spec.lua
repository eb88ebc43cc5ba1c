-- What make bench answers to words that it does not know; what it measures is
-- no test's business.

local function bench(words, before)
  local pipe = io.popen(("%s node bench/run.mjs %s 2>&1; echo status $?"):format(before or "", words))
  local text = pipe:read "*a"
  pipe:close()
  return text
end

describe("make bench", function()
  it("names the workloads that there are, if it is given another", function()
    local text = bench "1 burst-300 burst-3000"
    assert.truthy(text:find("there is no workload burst-3000; give some of: burst-100 burst-300 ", 1, true), text)
    assert.truthy(text:find("status 2\n", 1, true), text)
  end)

  it("says what RUNS is, if it is none", function()
    for _, runs in ipairs { "burst-300", "0", "''" } do
      local text = bench(runs)
      assert.truthy(text:find("RUNS is how often each client runs, a number from 1 on", 1, true), text)
      assert.truthy(text:find("status 2\n", 1, true), text)
    end
  end)

  it("begins nothing for which this user may open too few files", function()
    local text = bench("1 cold crowd-1000", "ulimit -n 500;")
    assert.truthy(text:find("crowd-1000 needs 1100 open files, and this user may have 500 (ulimit -Hn)", 1, true), text)
    assert.truthy(text:find("status 2\n", 1, true), text)
  end)
end)
