-- A script that prints everything it is told, while everything goes wrong: no
-- token, no query of a notification URL and no cursor may be in what it prints.

local helper = require "spec.helper"
local lfs = require "lfs"
local simulator = require "spec.simulator"

local SCRIPT = [[
local graphsocket = require "graphsocket"
local base, token, ca, resource, state = arg[1], arg[2], arg[3], arg[4], arg[5]
io.stdout:setvbuf "line"

-- Whatever it is, and all that is in it.
local function show(name, value, depth)
  print(name, tostring(value))
  if type(value) ~= "table" or (depth or 0) > 3 then return end
  for key, inner in pairs(value) do
    -- What the server said, and what the program needs.
    if key ~= "raw" and key ~= "data" and key ~= "notification_url" then
      show(name .. "." .. tostring(key), inner, (depth or 0) + 1)
    end
  end
end

local client = graphsocket.new {
  base_url = base, ca_file = ca, token = function() return token end,
}
graphsocket.on_error = function(err, traceback)
  show("on_error", err)
  print(traceback)
end

local function watch(name)
  local w, err = client:watch(resource, { state = name, poll = 0.05 })
  show("watch", w and tostring(w) or err)
  return w
end

local fails = 3
local main = watch(state)
for _, event in ipairs {
  "change", "commit", "sync", "resync", "error", "connect", "disconnect",
  "connect_error", "notification", "state",
} do
  main:on(event, function(...)
    if event == "change" and fails > 0 then
      fails = fails - 1
      error("raised in change")
    end
    for i = 1, select("#", ...) do
      local value = select(i, ...)
      show(event, event == "change" and i == 1 and value.name or value)
    end
  end)
end

watch(state)                -- locked
client = graphsocket.new { base_url = base, token = token .. "wrong", ca_file = ca }
local refused = watch(nil)
refused:on("error", function(err) show("refused", err) end)
client = graphsocket.new { base_url = base, token = token, ca_file = ca }
-- The waits between attempts pass quickly.
local loop = require "graphsocket.loop"
local function hurry()
  loop.skew(0.5)
  if main.state ~= "closed" then loop.timer(0.01, hurry) end
end
hurry()
graphsocket.spawn(function()
  while not io.open(state .. ".end") do graphsocket.sleep(0.01) end
  main:close()
  local file = io.open(state)
  local text = file:read "*a"
  file:close()
  resource = "/me/drive/root"
  watch(state)              -- foreign
  file = io.open(state, "w")
  file:write((text:gsub("host", "hots")))
  file:close()
  watch(state)              -- damaged
  show("stats", main:stats())
  show("client", tostring(client))
  refused:close()
  print "done"
end)
graphsocket.run()
]]

describe("everything that a watching script prints", function()
  it("holds no secret", function()
    local sim = simulator.start()
    local drive = sim:post("drives/create").drives[1].drive
    local folder = helper.scratch "folder"
    assert(lfs.mkdir(folder))
    local script = helper.lua(SCRIPT, sim.graph, sim.token, sim.ca,
      "/drives/" .. drive .. "/root", folder .. "/state")
    local function until_printed(what)
      helper.eventually(function()
        local has_ended = script:ended() -- first: all its output is there then
        local found = script:out():find(what)
        if has_ended and not found then error(script:err()) end
        return found
      end, what .. " is printed")
    end
    local function create(name)
      sim:post("items/create", { drive = drive, name = name })
      until_printed("change\t" .. name)
    end

    until_printed "sync"
    create "one"
    local looks = sim:requests "delta" -- asked once: more may come meanwhile
    local link = ("%s/drives/%s/root/delta?%s"):format(sim.graph, drive,
      looks[#looks].query)
    local elsewhere = link:gsub("localhost", "elsewhere")
    local in_plain = link:gsub("https", "http")
    for i, rule in ipairs {
      { status = 500, message = "failed at " .. link },
      { status = 400, message = "failed at " .. link },
      { status = 410, message = "gone: " .. link, code = "resyncRequired",
        headers = { Location = link } },
      { body = link }, { body = '{"error":"' .. link .. '"}' },
      { merge = { ["@odata.deltaLink"] = elsewhere } },
      { merge = { ["@odata.deltaLink"] = link .. " " } },
      { merge = { ["@odata.nextLink"] = "$self" } },
      { merge = { ["@odata.nextLink"] = in_plain } },
      { status = 307, headers = { Location = elsewhere } },
      { status = 401, claims = true }, { endless = true }, { cut = 30 },
    } do
      rule.on = "delta"
      rule.path = drive
      sim:fault(rule)
      create("after fault " .. i)
    end
    sim:post("sockets/disconnect", { how = "server_close" })
    until_printed "disconnect"
    sim:fault { on = "handshake", status = 403, body = link }
    sim:post("subscriptions/expire")
    until_printed "connect_error"
    create "last"
    -- No room for the place.
    assert(os.rename(folder, folder .. ".away"))
    sim:post("items/create", { drive = drive, name = "lost" })
    until_printed "unwritable"
    assert(os.rename(folder .. ".away", folder))
    helper.write(folder .. "/state.end", "")
    until_printed "done"
    script:wait()

    local printed = script:out() .. script:err()
    for _, word in ipairs {
      "raised in change", "stack traceback", "locked", "foreign", "damaged",
      "resyncRequired", "another server", "not JSON", "unwritable", "refused",
    } do
      assert.matches(word, printed, 1, true)
    end
    local secrets = { sim.token, sim.token:sub(-20) }
    for _, request in ipairs(sim:report().requests) do
      secrets[#secrets + 1] = request.query:match "token=(W[%w_-]+)"
    end
    assert.is_true(#secrets > 20)
    for _, secret in ipairs(secrets) do
      assert.is_nil(printed:find(secret, 1, true), "the secret " .. secret)
    end
    assert.is_nil(printed:find(("%x"):rep(40)), "the token of a notification URL")
    assert.is_nil(printed:find "token=[^…%s]", "a query")
    for name in lfs.dir(folder) do
      -- A temporary file stays when its folder is taken away under it.
      assert.is_truthy(name:find "^%.+$" or name == "state" or name == "state.end"
        or name == "state.lock" or name:find "^state%.%x+%.tmp$", name)
    end
    sim:stop()
  end)
end)
