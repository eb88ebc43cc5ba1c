-- Faults on the way: sessions through wires (spec/support/common/wire.js) that
-- spoil each connection by a plan. "make faults" runs the long form.

local campaign = require "spec.faults.campaign"
local changes = require "spec.faults.changes"
local core = require "graphsocket.core"
local cuts = require "spec.faults.cuts"
local emits = require "spec.faults.emits"
local loop = require "graphsocket.loop"
local world = require "spec.faults.world"

-- Most sessions are of the general client, which are the quickest.
local KINDS = { emits.run, changes.subscribe, emits.run, changes.watch, emits.run }

local AT_ONCE = 48

-- All of them at once. Of seed 1 they have each kind of fault three times or
-- more, each server and each kind of session, plain, with TLS and by a proxy.
local SHORT = 40

local LONG = tonumber(os.getenv "FAULT_SESSIONS" or "")
local ONLY = tonumber(os.getenv "FAULT_SESSION" or "")
local SEED = tonumber(os.getenv "FAULT_SEED" or "") or 1
local SLOWNESS = tonumber(os.getenv "SPEC_SLOWNESS" or "") or 1

local function say(...)
  if LONG then
    io.stdout:write(string.format(...), "\n")
    io.stdout:flush()
  end
end

local function command(failure)
  return ("make faults SEED=%d SESSION=%d"):format(SEED, failure.number)
end

-- Runs a task of the loop, and returns what it returned.
local function in_loop(fn)
  local results
  loop.run(function() results = { fn() } end)
  return (table.unpack or unpack)(results)
end

local function assert_none(failures, again)
  local words = {}
  for i, failure in ipairs(failures) do words[i] = campaign.words(failure, again(failure)) end
  assert(#failures == 0, table.concat(words, "\n"))
end

describe("through a network that fails", function()
  local the_world

  setup(function() the_world = world.start() end)
  teardown(function() the_world:stop() end)

  it("sessions are joined again, answered once, and lose nothing", function()
    local last = LONG or math.min(SHORT, math.ceil(60 / SLOWNESS))
    local began = core.now()
    say("seed %d, %d sessions", SEED, ONLY and 1 or last)
    local failures = in_loop(function()
      return campaign.run(the_world, KINDS, {
        seed = SEED, first = ONLY or 1, last = ONLY or last, at_once = AT_ONCE,
        on_done = function(count, failure)
          if failure then say("%s", campaign.words(failure, command(failure))) end
          if count % 500 == 0 then say("%d sessions, %.0f s", count, core.now() - began) end
        end,
      })
    end)
    local names, total = {}, 0
    for name, count in pairs(the_world.struck) do
      names[#names + 1] = ("%s %d"):format(name, count)
      total = total + count
    end
    table.sort(names)
    say("%d faults in %.0f s: %s", total, core.now() - began, table.concat(names, ", "))
    assert_none(failures, command)
    assert.is_true(total > 0)
    the_world:until_deserted()
  end)

  if not ONLY then
    it("a connection may be cut behind any byte", function()
      local plan = LONG and { { server = "v4", step = 1 }, { server = "v4_tls", step = 5 } }
        or { { server = "v4", step = 41 * SLOWNESS } }
      local failures, counts = in_loop(function() return cuts.run(the_world, plan) end)
      for lane, bytes in pairs(counts.bytes) do say("cut behind each byte: %s, %d bytes", lane, bytes) end
      say("%d sessions that were cut", counts.sessions)
      assert_none(failures, function() return "make faults" end)
      the_world:until_deserted()
    end)
  end
end)
