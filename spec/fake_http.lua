-- Graph without a network: stands in for the engine's requests, so that hours
-- of back-off and Retry-After pass in virtual time and every request is seen. The
-- clock stands still but for helper.advance.
-- Only for what needs that; whatever the simulator can show is shown there.

local engine = require "graphsocket.engine"
local helper = require "spec.helper"
local loop = require "graphsocket.loop"

local unpack = table.unpack or unpack

local M = {}

local real = engine.request_start

-- Turns { ["Retry-After"] = 5 } into header lines.
local function lines(headers)
  local list = {}
  for name, value in pairs(headers or {}) do
    list[#list + 1] = ("%s: %s\r\n"):format(name, value)
  end
  return table.concat(list)
end

-- Begins. `answer(request, n)` is called for the n-th request and returns
-- { status, headers = table, body }, or nil and an error, or "never".
---@param answer function
---@return table seen every request: its fields, `at` (loop.now()), `cancelled`
function M.start(answer)
  helper.freeze()
  local seen = {}
  engine.request_start = function(fields, callback)
    local request = { at = loop.now(), cancelled = false }
    for name, value in pairs(fields) do request[name] = value end
    seen[#seen + 1] = request
    local n = #seen
    local timer = loop.timer(0, function()
      local result, err = answer(request, n)
      if result == "never" or request.cancelled then return end
      if not result then return callback(nil, err) end
      callback {
        status = result.status or result[1] or 200;
        headers = lines(result.headers);
        body = result.body or "";
      }
    end)
    return function()
      request.cancelled = true
      timer:cancel()
    end
  end
  return seen
end

-- Runs fn in a task and lets virtual time pass until it is done.
---@param fn function
---@return number seconds that passed
---@return any ... what fn returned
function M.in_virtual_time(fn)
  local before, results = loop.now(), nil
  local function keep(...) results = { n = select("#", ...), ... } end
  loop.spawn(function() keep(fn()) end)
  helper.advance(0)
  for _ = 1, 4000 do
    if results then break end
    helper.advance(0.5)
  end
  if not results then error("it did not end", 2) end
  return loop.now() - before, unpack(results, 1, results.n)
end

function M.stop()
  engine.request_start = real
  helper.thaw()
end

return M
