-- With a host that has several homes, as cqueues has its controllers.

local homes = require "graphsocket.loop.homes"

describe("homes", function()
  local before, here, lost

  before_each(function()
    before = homes.host
    -- As objects of a host: what is referenced weakly has to be collectable.
    here, lost = { name = "one" }, {}
    homes.host = {
      here = function() return here end,
      is_lost = function(home) return lost[home] == true end,
    }
  end)
  after_each(function() homes.host = before end)

  it("are busy while a task of any of them goes on", function()
    assert.is_false(homes.are_busy())
    local home = homes.enter()
    assert.equal(here, home)
    homes.enter(home)
    here = { name = "other" }
    assert.is_true(homes.are_busy())
    assert.is_false(homes.is_busy_here())
    homes.leave(home)
    assert.is_true(homes.are_busy())
    homes.leave(home)
    assert.is_false(homes.are_busy())
  end)

  it("are busy while somebody waits who is no task", function()
    local waiter = {}
    homes.park(waiter)
    assert.is_true(homes.have_waiters())
    assert.is_true(homes.is_busy_here())
    for each in homes.waiters() do assert.equal(waiter, each) end
    assert.is_true(homes.unpark(waiter))
    assert.is_false(homes.unpark(waiter))
    assert.is_false(homes.are_busy())
  end)

  it("have one pump each", function()
    assert.is_true(homes.begin_pump())
    assert.is_false(homes.begin_pump())
    local first = here
    here = { name = "other" }
    assert.is_true(homes.begin_pump())
    homes.end_pump()
    assert.is_true(homes.have_pump())
    here = first
    homes.end_pump()
    assert.is_false(homes.have_pump())
  end)

  it("that are lost are forgotten, with all who wait in them", function()
    homes.enter()
    homes.park {}
    homes.begin_pump()
    lost[here] = true
    assert.is_true(homes.is_lost(here))
    assert.is_false(homes.are_busy())
    assert.is_false(homes.have_pump())
  end)

  it("that are lost get no task: it begins where one is", function()
    local gone = { name = "gone" }
    lost[gone] = true
    assert.equal(here, homes.enter(gone))
    homes.leave(here)
    assert.is_false(homes.are_busy())
  end)

  it("that the host dropped keep nobody busy", function()
    homes.enter()
    homes.park {}
    here = { name = "other" }
    collectgarbage()
    collectgarbage()
    assert.is_false(homes.are_busy())
  end)

  it("are one in a host that has one", function()
    homes.host = {}
    local home = homes.enter()
    assert.equal(home, homes.here())
    assert.is_false(homes.is_lost(home))
    assert.is_true(homes.is_busy_here())
    homes.leave(home)
  end)
end)
