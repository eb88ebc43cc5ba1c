-- Waits that take no time, for specs of the loop in a plain program: the host
-- adapter is replaced by one that moves the loop's clock and keeps a record.

local busted = require "busted"
local helper = require "spec.helper"
local loop = require "graphsocket.loop"
local plain = require "graphsocket.loop.plain"

local M = {
  reported = {}, -- what this test's on_error was given: { err, traceback }
}

local real_wait = plain.wait

-- For each test of the file: its clock stands still, and errors are reported.
function M.begin()
  helper.in_frozen_time()
  busted.before_each(function()
    M.reported = {}
    loop.on_error = function(err, traceback)
      M.reported[#M.reported + 1] = { err = err, traceback = traceback }
    end
  end)
  busted.after_each(function()
    plain.wait = real_wait
    loop.attach(nil)
    loop.on_error = nil
  end)
end

-- Replaces blocking until the end of the test.
---@return table waits seconds each, or false for one without an end
function M.waits()
  local waits = {}
  plain.wait = function(_, timeout)
    waits[#waits + 1] = timeout or false
    if not timeout then error("it would wait for ever", 0) end
    loop.skew(timeout)
  end
  return waits
end

-- Attaches a source of events until the end of the test.
---@return table source `events`: functions, called one after another
function M.source()
  local source = { events = {}, fd = function() return -1 end, wake = function() end }
  function source.dispatch()
    local count = 0
    while source.events[1] do
      count = count + 1
      table.remove(source.events, 1)()
    end
    return count
  end
  function source.active() return true end
  loop.attach(source)
  return source
end

return M
