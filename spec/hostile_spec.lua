-- Each attack of spec/hostile.lua against a socket, with another beside it whose
-- server is well-behaved. What it costs is bounded here by what the
-- limits of the guide allow; "make hostile" prints what it is.

local attack = require "spec.attack"
local engine = require "graphsocket.engine"
local helper = require "spec.helper"
local peers = require "spec.peers"
local rows = require "spec.hostile"

local SOCKETS = 1
-- For the process: what one loop and one Lua state hold, whoever is attacked.
local BESIDES = 16 * 2 ^ 20
-- Sanitizers keep what was freed, and a collector that never rests is slow:
-- under them only the answers count.
local memory_counts = not os.getenv "SPEC_SLOWNESS"

describe("a hostile server:", function()
  local hostile, friendly, neighbour

  setup(function()
    hostile, friendly = peers.start(), peers.start()
    neighbour = friendly:post("peers/launch", { script = attack.NEIGHBOUR }).port
  end)

  teardown(function()
    hostile.service:stop()
    friendly.service:stop()
    engine.stop()
  end)

  for _, row in ipairs(rows) do
    it(row.name, function()
      local peer = hostile:post("peers/launch", { script = attack.script(row) })
      local result = attack.run(row, {
        port = peer.port; neighbour = neighbour; sockets = SOCKETS;
        patience = 3 * helper.TEST_TIMEOUT;
      })
      hostile:post("peers/close", { id = peer.id })
      local fault = attack.fault(row, result)
      assert(not fault, fault)
      if memory_counts and result.peak then
        local most = SOCKETS * (row.bytes or rows.little) + BESIDES
        assert(result.peak <= most, ("it took %.0f bytes, at most %.0f are "
          .. "allowed"):format(result.peak, most))
      end
    end)
  end
end)
