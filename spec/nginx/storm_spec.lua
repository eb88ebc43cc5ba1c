-- Reloads and kills under load. bench/nginx_reloads runs more of them, and has
-- the figures printed.

local storm = require "spec.nginx.storm"

local reloads = tonumber(os.getenv "STORM_RELOADS")
local kills = tonumber(os.getenv "STORM_KILLS")

local FIGURES = [[
reloads                                  %(reloads)d
kill -9 of the owner                     %(kills)d
changes of the drive meanwhile           %(changes)d
workers in all                           %(processes)d
told to nobody, missing, out of order    %(fault_count)d
told twice (around a change of owner)    %(twice)d
slowest end of the old workers, s        %(slowest_end).2f
slowest take-over after a kill, s        %(slowest_takeover).2f (ttl %(ttl)d)
afterwards: workers %(workers)d, connections to the service 1, files of the core %(files)d
]]

local function print_figures(found)
  found.reloads, found.kills, found.fault_count = reloads, kills, #found.faults
  io.stderr:write((FIGURES:gsub("%%%((.-)%)([%d.]*%a)", function(name, form)
    return ("%" .. form):format(found[name])
  end)))
end

describe("an nginx that is reloaded and whose owners are killed", function()
  -- It is the same nginx whatever runs this file, so once is enough.
  local missing = storm.missing() or not (jit or reloads) and "that is run with LuaJIT"
  if missing then
    pending("is not tested here: " .. missing)
    return
  end

  it("has one connection, no old worker, and told every change to every worker", function()
    local it_self = storm.start { reloads = reloads or 20, kills = kills or 5 }
    it_self:rage()
    it_self:calm()
    local found = it_self:judge()
    if reloads then print_figures(found) end
    assert.same({}, found.faults)
    assert.equal(2, found.workers)
    assert.equal(found.workers, found.files)
    assert.is_true(found.takeovers >= (kills or 5))
    it_self:stop()
  end)
end)
