-- A watching script is killed again and again while changes are made. What it
-- writes to its log before it dies is all that is known of what was delivered.
--
-- SPEC_SEED=n runs the same numbers again.

local helper = require "spec.helper"
local simulator = require "spec.simulator"

local CHANGES = 1000

-- Writes a line for each event, each by one write: a kill leaves no half of it.
local SCRIPT = [[
local graphsocket = require "graphsocket"
local log = assert(io.open(arg[6], "a"))
local function note(...)
  log:write(table.concat({ ... }, " ") .. "\n")
  log:flush()
end
local client = graphsocket.new {
  base_url = arg[1], token = arg[2], ca_file = arg[3],
}
local watch = assert(client:watch(arg[4], { state = arg[5], poll = 2 }))
note "start"
watch:on("change", function(item, context)
  note("change", item.id, context.kind == "deleted" and "deleted"
    or (item.eTag or ",1"):match ",(%d+)")
  graphsocket.sleep(tonumber(arg[7]))
end)
watch:on("sync", function(summary) note("sync", tostring(summary.items)) end)
watch:on("error", function(err) note("error", tostring(err)) end)
graphsocket.run()
]]

describe("a watching script that is killed at random moments", function()
  local sim, drive, log, path, script

  setup(function() sim = simulator.start() end)
  teardown(function() sim:stop() end)
  before_each(function()
    drive = sim:post("drives/create").drives[1].drive
    path, log = helper.scratch "drive.state", helper.scratch "log"
    script = nil
    -- Small pages, so that rounds have several.
    sim:post("settings", { page_size = 15 })
  end)

  -- Each change takes so many seconds.
  local function start(pace, source)
    script = helper.lua(source or SCRIPT, sim.graph, sim.token, sim.ca,
      "/drives/" .. drive .. "/root", path, log, tostring(pace))
  end

  local function stop()
    script:kill()
  end

  local function lines()
    local list = {}
    for line in (helper.read(log) or ""):gmatch "[^\n]+" do list[#list + 1] = line end
    return list
  end

  -- The changes: what each item is at last, by id; "deleted" or its version.
  local function world()
    local self = { made = 0, last = {}, ids = {} }

    function self.create()
      local id = sim:post("items/create", { drive = drive }).ids[1]
      self.ids[#self.ids + 1] = id
      self.last[id] = "1"
    end

    function self.change(random)
      self.made = self.made + 1
      local id = self.ids[random(math.max(1, #self.ids))]
      local kind = random(10)
      if not id or kind <= 7 or self.last[id] == "deleted" then
        self.create()
      elseif kind <= 9 then
        local version = sim:post("items/update", { drive = drive, id = id,
          name = "name " .. self.made }).version
        self.last[id] = ("%d"):format(version)
      else
        sim:post("items/delete", { drive = drive, id = id })
        self.last[id] = "deleted"
      end
    end

    -- Which items' last state is not in the log.
    function self.missing()
      local seen = {}
      for _, line in ipairs(lines()) do
        local id, state = line:match "^change (%S+) (%S+)$"
        if id then seen[id .. state] = true end
      end
      local missing = {}
      for id, state in pairs(self.last) do
        if not seen[id .. state] then missing[#missing + 1] = id .. " " .. state end
      end
      return missing
    end

    return self
  end

  -- What the log shows: changes that were delivered again although the round
  -- that delivered them was over, and how many were delivered again at all.
  local function duplicates()
    local durable, under_way, seen = {}, {}, {}
    local wrong, again = {}, 0
    for _, line in ipairs(lines()) do
      local key = line:match "^change (.*)$"
      if key then
        if durable[key] then wrong[#wrong + 1] = key end
        if seen[key] then again = again + 1 end
        seen[key], under_way[key] = true, true
      elseif line:find "^sync" then
        for delivered in pairs(under_way) do durable[delivered] = true end
        under_way = {}
      elseif line == "start" then
        under_way = {}
      end
    end
    return wrong, again
  end

  it("delivers every change, and again only those of the interrupted round", function()
    local seed = tonumber(os.getenv "SPEC_SEED") or os.time() % 1000000
    print("\n  seed " .. seed)
    math.randomseed(seed)
    local function random(n) return math.random(n) end
    local all = world()

    start(0.001)
    helper.eventually(function() return (helper.read(log) or ""):find "sync" end,
      "the place is stored")
    stop()

    local kills = 0
    while all.made < CHANGES do
      for _ = 1, random(20) do all.change(random) end
      start(0.001)
      for _ = 1, random(20) do all.change(random) end
      local when = random(10)
      if when <= 7 then
        -- In a round, mostly in its last page.
        local left = random(20) - 1
        helper.eventually(function() return #all.missing() <= left end,
          "the script goes on")
      elseif when <= 9 then
        -- Behind a round.
        helper.eventually(function()
          local list = lines()
          return #all.missing() == 0 and list[#list]:find "^sync"
        end, "the script has done everything")
      end -- else as it starts
      stop()
      kills = kills + 1
    end

    start(0.001)
    helper.eventually(function() return #all.missing() == 0 end,
      "nothing is missing")
    stop()
    local wrong, again = duplicates()
    assert.same({}, wrong)
    assert.is_true(again > 20, "rounds were interrupted")
    assert.is_true(kills >= 20)
    for _, line in ipairs(lines()) do assert.not_matches("^error", line) end
  end)

  it("begins its first enumeration again, and misses nothing of it", function()
    local all = world()
    for _ = 1, 60 do all.create() end
    local from_beginning = SCRIPT:gsub("poll = 2", 'poll = 2, from = "beginning"')
    local function begin() start(0.01, from_beginning) end
    for i = 1, 4 do
      begin()
      helper.eventually(function()
        local count = 0
        for _, line in ipairs(lines()) do
          if line:find "^change" then count = count + 1 end
        end
        return count >= 20 * i
      end)
      stop()
    end
    begin()
    helper.eventually(function() return #all.missing() == 0 end)
    helper.eventually(function() return helper.read(log):find "sync 61" end)
    stop()
  end)
end)
