local battery = require "spec.loop.battery"
local hosts = require "spec.loop.hosts"

local host = hosts["copas"]

describe("copas", function()
  if host:missing() then
    pending(host:missing())
    return
  end
  battery.define(host)

  it("says where one can wait to those who cannot", function()
    host:run [[
      for _, fn in ipairs { loop.run, function() loop.sleep(1) end, function() loop.future():await() end } do
        local ok, message = pcall(fn)
        assert(not ok and message:match "in a thread only", message)
      end
    ]]
  end)
end)
