-- A thousand connections, one after the other: nothing may be left of them.

local helper = require "spec.helper"
local simulator = require "spec.simulator"

-- A sanitizer's allocator keeps what is freed: memory says nothing there.
local instrumented = package.cpath:find "build/%lsan/" ~= nil
local CYCLES = instrumented and 100 or 1000

describe("connecting and closing", function()
  local sim, endpoint

  setup(function()
    sim = simulator.start()
    endpoint = assert(sim:client():endpoint "/me/drive/root")
  end)
  teardown(function() sim:stop() end)

  local function cycle()
    local socket = endpoint:open()
    helper.eventually(function() return socket.connected end, "the socket is joined")
    socket:disconnect()
  end

  local function cycles(count)
    for _ = 1, count do cycle() end
    sim:post("wait", { ["for"] = { connections = 0 } })
    collectgarbage()
    collectgarbage()
    return helper.resources()
  end

  local function count(fds)
    local n = 0
    for _ in pairs(fds) do n = n + 1 end
    return n
  end

  it("leaves no descriptor, no thread and no memory behind", function()
    local few = cycles(10)
    local before = cycles(instrumented and 10 or 1000) -- allocators warm up
    local after = cycles(CYCLES)
    -- The server may see a connection end before the I/O thread has closed it: the
    -- last of the few, so that there are fewer now, and the last of all.
    helper.eventually(function()
      local now = helper.resources()
      return count(now.fds) <= count(few.fds) and now.threads <= few.threads
    end, ("%d descriptors are %d again, and %d threads %d"):format(
      count(after.fds), count(few.fds), after.threads, few.threads))
    if not instrumented then
      assert.is_true(after.memory - before.memory < 2 ^ 20,
        ("%d KiB more after %d cycles"):format((after.memory - before.memory) / 1024, CYCLES))
    end
  end)
end)
