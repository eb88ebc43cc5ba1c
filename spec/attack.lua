-- One attack of spec/hostile.lua, against so many sockets at once, beside a
-- socket to a well-behaved server that must not notice. Tells what each of the
-- attacked was answered, and what it cost: memory (by the kernel's high-water
-- mark, which Linux lets a process reset), CPU, and the longest that the
-- neighbour waited for an event of a server that sends one every 10 ms.

local core = require "graphsocket.core"
local graphsocket = require "graphsocket"
local lfs = require "lfs"
local loop = require "graphsocket.loop"
local process = require "spec.process"
local socketio = require "graphsocket.socketio"

local attack = {}

-- Events of the neighbour that show it to be well, after an attack.
local SIGNS_OF_LIFE = 3
-- Those that an attack without an end is watched for.
local ENDURED = 50
-- Sockets of a crowd between two looks at what came, and those that get a
-- second more each to be connected in.
local BATCH, A_SECOND = 50, 300

--- What the well-behaved server does.
attack.NEIGHBOUR = {
  { upgrade = true }, { open = true }, { join = "/" },
  { ["repeat"] = "forever"; of = {
    { frame = { text = '42["tick"]' } }, { wait = 10 },
  } },
}

-- The script of an attack: what is said before depends on how far it lets the
-- client come.
local BEFORE = {
  connection = {},
  upgrade = { { upgrade = true } },
  session = { { upgrade = true }, { open = true } },
  namespace = { { upgrade = true }, { open = true }, { join = "/" } },
}

---@param row table
---@return table script
function attack.script(row)
  local script = {}
  for _, step in ipairs(row.http and {} or BEFORE[row.after or "namespace"]) do
    script[#script + 1] = step
  end
  for _, step in ipairs(row.script) do script[#script + 1] = step end
  -- Whoever is left in peace hears so.
  if row.answer == "unharmed" then
    script[#script + 1] = { frame = { text = '42["after"]' } }
  end
  return script
end

-- Bytes, of this process: "VmRSS" now, "VmHWM" at most since forget_peak().
local function memory(name)
  local status = process.read "/proc/self/status" or ""
  local kilobytes = status:match(name .. ":%s*(%d+)")
  return kilobytes and kilobytes * 1024
end

local function forget_peak()
  local file = io.open("/proc/self/clear_refs", "w")
  if not file then return end
  file:write "5"
  file:close()
end

local function wait_until(condition, patience, what)
  local limit = core.now() + patience
  while not condition() do
    if core.now() > limit then
      error(("waited %g s in vain until %s"):format(patience, what), 0)
    end
    loop.step(0.02)
  end
end

local function neighbour(port)
  local self = { ticks = 0; silence = 0; lost = nil }
  self.socket = socketio.connect(("http://127.0.0.1:%d"):format(port),
    { force_new = true; reconnection = false; timeout = 60 })
  self.socket:on("tick", function()
    local now = core.now()
    if self.last then self.silence = math.max(self.silence, now - self.last) end
    self.ticks, self.last = self.ticks + 1, now
  end)
  local function lose(what) self.lost = tostring(what) end
  self.socket:on("disconnect", lose)
  self.socket:on("connect_error", lose)
  return self
end

local function told(event, err, reason)
  return {
    event = event;
    reason = reason;
    kind = err and err.kind;
    message = err and err.message;
    phase = err and err.phase;
  }
end

-- Adds the answer to |answers|; a socket's first word counts.
local function start_socket(row, port, answers, index)
  local opts = {
    force_new = true; reconnection = false; verify = false; timeout = 60;
  }
  for name, value in pairs(row.opts or {}) do opts[name] = value end
  local socket = socketio.connect(("http%s://127.0.0.1:%d"):format(
    row.tls and "s" or "", port), opts)
  local function answer(what)
    if answers[index] then return end
    answers[index], answers.count = what, answers.count + 1
  end
  socket:on("connect_error", function(err)
    answer(told("connect_error", err))
  end)
  socket:on("disconnect", function(reason, err)
    answer(told("disconnect", err, reason))
  end)
  socket:on("after", function() answer(told "unharmed") end)
  if row.listen then row.listen(socket) end
  return socket
end

local function start_request(row, port, answers, index)
  local opts = { retries = 0; timeout = 60 }
  for name, value in pairs(row.opts or {}) do opts[name] = value end
  opts.base_url = ("http://127.0.0.1:%d"):format(port)
  opts.token = "secret"
  local client = graphsocket.new(opts)
  loop.spawn(function()
    local ok, err = client:endpoint "/me/drive/root"
    answers[index] = told(ok and "taken" or "refused", err)
    answers.count = answers.count + 1
  end)
  return client
end

--- What is wrong with the result of an attack.
---@param row table
---@param result table of attack.run
---@return string|nil
function attack.fault(row, result)
  if result.failed then return result.failed end
  if result.lost then return "the neighbour was lost: " .. result.lost end
  local wanted = row.answer
  if wanted == "unharmed" then wanted = { event = "unharmed" } end
  for _, got in ipairs(result.answers) do
    if wanted == "endured" then
      if got then return "the connection ended: " .. tostring(got.message) end
    elseif got.event ~= wanted.event or got.kind ~= wanted.kind
      or wanted.text and not got.message:find(wanted.text, 1, true) then
      return ("it was answered by %s (%s): %s"):format(got.event,
        tostring(got.kind), tostring(got.message))
    end
  end
end

local function close(victim)
  if victim.close then victim:close() end
end

local function descriptors()
  local count = 0
  for _ in lfs.dir "/proc/self/fd" do count = count + 1 end
  return count
end

-- Starts them all. What is said of a crowd's time-outs needs time to connect.
local function start_all(row, where, answers)
  local start = row.http and start_request or start_socket
  local victims, opts = {}, row.opts
  if row.crowd then opts = { timeout = 2 + where.sockets * row.crowd / A_SECOND } end
  local attacked = setmetatable({ opts = opts }, { __index = row })
  for i = 1, where.sockets * (row.crowd or 1) do
    victims[i] = start(attacked, where.port, answers, i)
    if i % BATCH == 0 then loop.step(0) end
  end
  return victims
end

--- Makes one attack.
---@param row table of spec/hostile.lua
---@param where table port, neighbour (a port), sockets (how many are attacked), patience (seconds)
---@return table result answers (a list), ticks, silence (s), lost, peak (bytes more than before, nil where not known),
--- cpu (s)
function attack.run(row, where)
  local beside = neighbour(where.neighbour)
  wait_until(function() return beside.ticks > 0 or beside.lost end,
    where.patience, "the neighbour hears its server")
  collectgarbage()
  collectgarbage()
  forget_peak()
  local memory_before, cpu_before = memory "VmRSS", os.clock()
  local answers = { count = 0 } -- and index -> answer
  local first, before = beside.ticks, descriptors()
  beside.silence = 0
  local victims = start_all(row, where, answers)
  local function is_over()
    if beside.lost then return true end
    if row.answer == "endured" then return beside.ticks - first >= ENDURED end
    return answers.count == #victims
  end
  local ok, message = pcall(wait_until, is_over, where.patience,
    "the attack is answered")
  local peak = memory "VmHWM"
  local result = {
    answers = {};
    cpu = os.clock() - cpu_before;
    peak = peak and peak - memory_before;
  }
  -- Closing is an end too, and no answer.
  for i = 1, #victims do
    result.answers[i] = answers[i] or false
    close(victims[i])
  end
  local seen = beside.ticks
  if ok then
    ok, message = pcall(wait_until, function()
      return beside.lost or beside.ticks - seen >= SIGNS_OF_LIFE
    end, where.patience, "the neighbour hears more")
  end
  if ok and row.crowd then
    ok, message = pcall(wait_until, function()
      return descriptors() <= before
    end, where.patience, "every descriptor of the attacked is closed")
  end
  result.ticks, result.silence = beside.ticks, beside.silence
  result.lost = beside.lost
  if not ok then result.failed = message end
  beside.socket:close()
  return result
end

return attack
