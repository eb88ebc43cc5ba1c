-- "make hostile": the attacks of spec/hostile.lua, each against many sockets at
-- once in a process of its own, and what each of them cost.
--
--   lua scripts/hostile.lua [SOCKETS [NAME]]     NAME: a part of an attack's
--
-- The process starts itself again for each attack, with
--   lua scripts/hostile.lua SOCKETS --row ROW PORT NEIGHBOUR

local attack = require "spec.attack"
local cjson = require "cjson"
local core = require "graphsocket.core"
local engine = require "graphsocket.engine"
local loop = require "graphsocket.loop"
local process = require "spec.process"
local rows = require "spec.hostile"

local PATIENCE = 120
local KIB = 2 ^ 10

local sockets = tonumber(arg[1] or 20)

if arg[2] == "--row" then
  local row = rows[tonumber(arg[3])]
  local result = attack.run(row, {
    port = tonumber(arg[4]); neighbour = tonumber(arg[5]); sockets = sockets;
    patience = PATIENCE;
  })
  local first = result.answers[1]
  print(cjson.encode {
    answer = first and (first.message or first.event) or row.answer;
    cpu = result.cpu;
    fault = attack.fault(row, result);
    peak = result.peak;
    silence = result.silence;
  })
  engine.stop()
  return
end

function process.eventually(condition, what)
  local limit = core.now() + 2 * PATIENCE
  while true do
    local value = condition()
    if value then return value end
    if core.now() > limit then error("waited in vain until " .. what) end
    loop.step(0.01)
  end
end

local function service()
  local started = process.service "peer/index.js"
  function started:post(path, fields)
    local answer = assert(engine.request {
      url = self.info.control .. "/" .. path; method = "POST";
      headers = "Content-Type: application/json\r\n";
      body = cjson.encode(fields);
    })
    assert(answer.status == 200, answer.body)
    return cjson.decode(answer.body)
  end
  return started
end

local function run(index, row, hostile, neighbour)
  local peer = hostile:post("peers/launch", { script = attack.script(row) })
  local words = {
    process.interpreter(), "scripts/hostile.lua", tostring(sockets), "--row",
    tostring(index), tostring(peer.port), tostring(neighbour),
    env = { LUA_PATH = package.path; LUA_CPATH = package.cpath };
  }
  local code, out, err = process.run(words)
  hostile:post("peers/close", { id = peer.id })
  if code ~= 0 then return { fault = err } end
  return cjson.decode(out)
end

local hostile, friendly = service(), service()
local neighbour = friendly:post("peers/launch", { script = attack.NEIGHBOUR }).port
local broken = 0
print(("%d sockets attacked at once, of a crowd 200 times as many"):format(sockets))
print "memory: most bytes held beyond those before, a socket;"
print "CPU: of all of them together; silence: the longest of a neighbour that gets an event every 10 ms\n"
print(("%-52s %11s %8s %9s  %s"):format("attack", "KiB/socket", "CPU s", "silence", "answer"))
for index, row in ipairs(rows) do
  if row.name:find(arg[2] or "", 1, true) then
    local got = run(index, row, hostile, neighbour)
    if got.fault then
      broken = broken + 1
      print(("%-52s broken: %s"):format(row.name, got.fault))
    else
      print(("%-52s %11s %8.2f %6.0f ms  %s"):format(row.name,
        got.peak and ("%.0f"):format(math.max(0, got.peak) / sockets / (row.crowd or 1) / KIB) or "?",
        got.cpu, got.silence * 1000, got.answer))
    end
    io.stdout:flush()
  end
end
hostile:stop()
friendly:stop()
process.remove_scratch()
engine.stop()
print(("\n%d broken"):format(broken))
os.exit(broken == 0)
