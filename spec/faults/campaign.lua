-- Runs sessions, many at a time, each from a seed of its own.

local loop = require "graphsocket.loop"
local random = require "spec.faults.random"
local session = require "spec.faults.session"

local campaign = {}

-- Runs one; returns nil, or what is wrong with it.
---@param world table of world.start
---@param run function
---@param number integer
---@param seed integer
---@param fields table|nil of the session
---@return table|nil failure number, err, story, plan
function campaign.session(world, run, number, seed, fields)
  local self = session.new(world, number, random.new(seed, number))
  for name, value in pairs(fields or {}) do self[name] = value end
  local ok, err = xpcall(run, function(problem)
    return type(problem) == "string" and problem or debug.traceback(tostring(problem))
  end, self)
  local tidy, trouble = pcall(self.finish, self)
  if ok and tidy then return nil end
  return { number = number, err = ok and trouble or err, story = self.story, plan = self.plan }
end

-- What a failure looks like in a report.
---@param failure table
---@param command string that runs the session again
---@return string
function campaign.words(failure, command)
  return ("session %d: %s\n  again: %s\n    %s"):format(failure.number, tostring(failure.err),
    command, table.concat(failure.story, "\n    "))
end

-- Runs the sessions first to last, of every kind in turn.
---@param world table
---@param kinds function[]
---@param opts table seed, first, last, at_once, on_done(count, failure|nil)
---@return table failures
function campaign.run(world, kinds, opts)
  local failures, next_number, done = {}, opts.first, 0
  local function work()
    while next_number <= opts.last do
      local number = next_number
      next_number = number + 1
      local failure =
        campaign.session(world, kinds[(number - 1) % #kinds + 1], number, opts.seed)
      done = done + 1
      if failure then table.insert(failures, failure) end
      if opts.on_done then opts.on_done(done, failure) end
    end
  end
  local workers = {}
  for i = 1, math.min(opts.at_once, opts.last - opts.first + 1) do
    workers[i] = loop.spawn(work)
  end
  for _, worker in ipairs(workers) do worker:await() end
  return failures
end

return campaign
