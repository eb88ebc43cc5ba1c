local helper = require "spec.helper"
local suspend = require "graphsocket.suspend"

describe("graphsocket.suspend", function()
  it("tells everybody who watches, as long as they do", function()
    local told = {}
    local function watcher(name)
      return { _on_resume = function() told[name] = (told[name] or 0) + 1 end }
    end
    local a, b = watcher "a", watcher "b"
    suspend.watch(a)
    suspend.watch(a)
    suspend.watch(b)
    suspend.notice()
    suspend.forget(b)
    suspend.notice()
    assert.same({ a = 2, b = 1 }, told)
    suspend.forget(a)
  end)

  it("keeps nobody alive", function()
    local ref = setmetatable({ { _on_resume = function() end } }, { __mode = "v" })
    suspend.watch(ref[1])
    collectgarbage()
    collectgarbage()
    assert.is_nil(ref[1])
    suspend.notice()
  end)

  it("reports an error of one and tells the others", function()
    local list, told = {}, 0
    for i = 1, 3 do
      list[i] = { _on_resume = function()
        told = told + 1
        error "oops"
      end }
      suspend.watch(list[i])
    end
    local printed = helper.capture_stderr(suspend.notice)
    assert.equal(3, told)
    assert.matches("oops", printed, 1, true)
    for i = 1, 3 do suspend.forget(list[i]) end
  end)
end)
