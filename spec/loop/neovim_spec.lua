-- The luv host inside Neovim, whose loop it shares.

local battery = require "spec.loop.battery"
local hosts = require "spec.loop.hosts"

local host = hosts["Neovim"]

describe("Neovim", function()
  if host:missing() then
    pending(host:missing())
    return
  end

  battery.define(host)

  it("lets a script wait, and goes on with its own work meanwhile", function()
    assert.equal("scheduled\ttimer\nnil\tnetwork\n", host:run [[
      local scheduled, deferred = loop.future(), loop.future()
      vim.schedule(function() scheduled:resolve "scheduled" end)
      vim.defer_fn(function() deferred:resolve "timer" end, 1)
      print(select(2, scheduled:await()), select(2, deferred:await()))
      local response, err = engine.request(REFUSED)
      print(response, err.kind)
    ]])
  end)

  it("tells a callback of libuv that it cannot wait, but what was scheduled can", function()
    assert.equal("slept\n", host:run [[
      local done
      uv.new_timer():start(1, 0, function()
        local ok, message = pcall(loop.sleep, 1)
        assert(not ok and message:match "a callback of libuv cannot wait", message)
        vim.schedule(function()
          loop.sleep(0.001)
          print "slept"
          done = true
        end)
      end)
      assert(vim.wait(10000, function() return done end))
    ]])
  end)

  it("has its functions called by a handler that goes on in vim.schedule", function()
    assert.equal("refused here\nline\n", host:run [[
      -- Neovim takes most calls outside of libuv's callbacks only.
      local function on_main()
        local co = coroutine.running()
        vim.schedule(function() assert(coroutine.resume(co)) end)
        coroutine.yield()
      end
      loop.spawn(function()
        if not pcall(vim.api.nvim_buf_set_lines, 0, 0, 1, false, { "x" }) then
          print "refused here"
        end
        on_main()
        vim.api.nvim_buf_set_lines(0, 0, 1, false, { "line" })
        print(vim.api.nvim_buf_get_lines(0, 0, 1, false)[1])
        loop.sleep(0.001)
        finish()
      end)
      drive()
    ]])
  end)
end)
