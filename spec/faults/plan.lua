-- What goes wrong with the connections of a session: for each one in turn a
-- kind of fault and the moment at which it strikes, by chance. The words are
-- those of spec/support/common/wire.js. Every connection that is planned comes
-- to an end, so that the session gets to the next one, and at last to a
-- faultless network.

local plan = {}

-- Milliseconds after which a fault strikes that waits for a byte in vain.
local LATEST = 300

-- The connection goes on from here, and ends a little later.
local function ends_later(random)
  return { within = random:int(50, LATEST), faults = { ["end"] = random:pick { "fin", "rst" } } }
end

-- A moment: a byte of a lane, or a time.
local function moment(random, bytes, faults)
  return {
    after = random:int(0, bytes), lane = random:pick { "up", "down" },
    within = random:int(1, LATEST), faults = faults,
  }
end

-- name -> function(random, bytes) that makes one; |bytes| is about as long as
-- the part of a session in which something new happens.
local KINDS = {
  fin = function(random, bytes)
    return { turns = { moment(random, bytes, { ["end"] = "fin" }) } }
  end;
  rst = function(random, bytes)
    return { turns = { moment(random, bytes, { ["end"] = "rst" }) } }
  end;
  away = function(random)
    return { away = random:int(1, LATEST) }
  end;
  ["black hole"] = function(random, bytes)
    return { turns = { moment(random, bytes, { hole = "both" }) } }
  end;
  ["deaf"] = function(random, bytes)
    return { turns = { moment(random, bytes, { hole = "down" }) } }
  end;
  ["mute"] = function(random, bytes)
    return { turns = { moment(random, bytes, { hole = "up" }) } }
  end;
  ["half-open up"] = function(random, bytes)
    return { turns = { moment(random, bytes, { half_close = "up" }), ends_later(random) } }
  end;
  ["half-open down"] = function(random, bytes)
    return { turns = { moment(random, bytes, { half_close = "down" }), ends_later(random) } }
  end;
  pause = function(random, bytes)
    return { turns = {
      moment(random, bytes, { hole = random:pick { "up", "down", "both" } }),
      { within = random:int(20, LATEST), faults = { hole = false } },
      ends_later(random),
    } }
  end;
  delay = function(random, bytes)
    return { delay = random:int(1, 40), turns = {
      moment(random, bytes, { delay = random:int(1, 40) }), ends_later(random),
    } }
  end;
  drip = function(random, bytes)
    return { drip = { bytes = random:int(1, 9), every = 1 }, turns = {
      moment(random, bytes, { drip = { bytes = 1, every = 1 } }), ends_later(random),
    } }
  end;
  duplicate = function(random, bytes)
    return {
      twice = { after = random:int(0, bytes), lane = random:pick { "up", "down" } },
      turns = { moment(random, bytes, {}), ends_later(random) },
    }
  end;
  ["late connect"] = function(random)
    return { connect = random:int(1, 800), turns = { ends_later(random) } }
  end;
}

--- The names of all kinds, in alphabetical order.
plan.KINDS = {}
for name in pairs(KINDS) do table.insert(plan.KINDS, name) end
table.sort(plan.KINDS)

-- What is on its way when its connection is given up may still arrive, behind
-- what a later connection brought.
local REORDERS = {
  ["black hole"] = true, deaf = true, mute = true, pause = true, delay = true,
  drip = true, ["late connect"] = true,
}

---@param random table
---@param bytes integer about as many as matter
---@param count integer connections that are spoiled
---@return table list of faults, with a name each
---@return table traits duplicates, reorders: what a server may see of it
function plan.make(random, bytes, count)
  local list, traits = {}, { duplicates = false, reorders = false }
  for i = 1, count do
    local name = random:pick(plan.KINDS)
    local entry = KINDS[name](random, bytes)
    entry.name = name
    list[i] = entry
    if name == "duplicate" then traits.duplicates = true end
    if REORDERS[name] then traits.reorders = true end
  end
  return list, traits
end

return plan
