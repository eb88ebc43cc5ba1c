-- A session of the general client with a reference server: events with
-- acknowledgements through a network that fails. What must hold:
--   - the socket is joined again as soon as the network allows it: by the first
--     faultless connection, unless that one timed out;
--   - whoever was promised an answer got one, and only one;
--   - what was acknowledged has reached the server; and it came in order, once,
--     as far as the faults leave that to the client;
--   - events of the server come in order, and at most once;
--   - nothing is left waiting.

local plan = require "spec.faults.plan"
local socketio = require "graphsocket.socketio"
local loop = require "graphsocket.loop"

local emits = {}

-- Bytes of a session up to its first acknowledgements, plain and with TLS.
local BYTES, BYTES_TLS = 900, 4500

local VARIANTS = {
  { server = "v4" }, { server = "v4", engine = 4 }, { server = "v4_tls" },
  { server = "v4", proxied = true }, { server = "v2" }, { server = "v2", engine = 3 },
}

-- The socket of a session, and what it tells.
local function connect(self, variant, opts)
  local world, random = self.world, self.random
  local server = world.servers[variant.server]
  self.plan, self.traits = plan.make(random,
    server.tls and BYTES_TLS or BYTES, random:int(1, 4))
  local wire = self:wire(variant.proxied and world.proxy_port or server.port, self.plan)
  opts.force_new, opts.ca_file, opts.engine = true, world.servers.ca, variant.engine
  opts.reconnection_delay, opts.reconnection_delay_max, opts.timeout = 0.02, 0.2, 4
  local port = wire.port
  if variant.proxied then
    opts.proxy, port = ("http://127.0.0.1:%d"):format(port), server.port
  end
  local socket = socketio.connect(("http%s://localhost:%d")
    :format(server.tls and "s" or "", port), opts)
  self:finally(function() socket:close() end)
  return socket, wire
end

-- What a socket of a session tells, and what is to become of its events.
---@param self table session
---@param socket table
function emits.follow(self, socket)
  self.arrived, self.made = {}, {}
  self:follow(socket, { "connect", "disconnect", "connect_error" })
  socket:on("arrived", function(n) table.insert(self.arrived, n) end)
end

-- Emits the n-th event, in one of the ways in which an answer is asked for.
local function emit(self, socket, n)
  local random = self.random
  local entry = { calls = 0, promised = true }
  self.made[n] = entry
  local function settle(err, value)
    entry.calls = entry.calls + 1
    entry.err, entry.value = err, value
  end
  local how = random:int(1, 3)
  if how == 1 then
    socket:timeout(random:int(50, 2000) / 1000):emit("arrive", self.key, n, settle)
  elseif how == 2 then
    -- Without a time limit nobody is told of a lost connection.
    entry.promised = self.with_error
    socket:emit("arrive", self.key, n, function(a, b)
      if self.with_error then settle(a, b) else settle(nil, a) end
    end)
  else
    loop.spawn(function()
      local value, err = socket:emit_with_ack("arrive", self.key, n)
      settle(err, value)
    end)
  end
end

-- Emits the n-th event; an answer is promised.
function emits.promise(self, socket, n)
  local entry = { calls = 0, promised = true }
  self.made[n] = entry
  socket:timeout(10):emit("arrive", self.key, n, function(err, value)
    entry.calls = entry.calls + 1
    entry.err, entry.value = err, value
  end)
end

---@return boolean whether each event has its answer
function emits.is_answered(self)
  for _, entry in ipairs(self.made) do
    if entry.promised and entry.calls == 0 then return false end
  end
  return true
end

-- Emits until the network is faultless, and some more.
local function emit_all(self, socket, wire)
  local random = self.random
  local quick, after = random:int(3, 12), random:int(1, 4)
  local n, next_look = 0, 0
  while after > 0 do
    n = n + 1
    emit(self, socket, n)
    loop.sleep((n < quick and random:int(0, 10) or 50) / 1000)
    if wire._is_clean then after = after - 1 end
    if n > quick and n >= next_look then
      wire:is_clean()
      next_look = n + 3
    end
    self:check(not self:is_late(), "waited in vain until the plan is used up")
  end
end

local function check_answers(self)
  for n, entry in ipairs(self.made) do
    self:check(entry.calls == 1 or entry.calls == 0 and not entry.promised,
      "event %d got %d answers", n, entry.calls)
    self:check(entry.err ~= nil or entry.calls == 0 or entry.value == n,
      "event %d got the answer %s", n, tostring(entry.value))
  end
end

-- Checks what the server saw.
local function check_arrivals(self, arrivals)
  local seen, last = {}, 0
  for _, n in ipairs(arrivals) do
    local times = (seen[n] or 0) + 1
    seen[n] = times
    if not self.traits.duplicates then
      self:check(times <= (self.retries or 0) + 1, "event %d came %d times", n, times)
    end
    if times == 1 and not self.traits.reorders then
      self:check(n > last, "event %d came behind event %d", n, last)
      last = n
    end
  end
  for n, entry in ipairs(self.made) do
    self:check(entry.value == nil or seen[n], "event %d was acknowledged and never came", n)
  end
end

-- Events of the server are a part of what it sent, in its order.
local function check_arrived(self, arrivals)
  if self.traits.duplicates then return end
  local at = 0
  for _, n in ipairs(self.arrived) do
    repeat
      at = at + 1
      self:check(at <= #arrivals, "the event arrived(%d) is out of order, or came twice", n)
    until arrivals[at] == n
  end
end

-- Asks until the answer comes: the machine may be slow.
local function ask(socket, event, key)
  for _ = 1, 5 do
    local answer = socket:timeout(10):emit_with_ack(event, key)
    if answer then return answer end
  end
end

-- Waits until nothing is left to be answered, and checks all that was.
function emits.conclude(self, socket)
  self:await(function() return socket.connected end, "the socket is joined again")
  local function waits()
    local stats = socket:stats()
    return stats.send_buffer + stats.retries + stats.acknowledgements
  end
  self:await(function() return waits() == 0 end, function()
    return ("every event is answered; %d wait"):format(waits())
  end)
  loop.sleep(0)
  check_answers(self)
  local arrivals = ask(socket, "arrivals", self.key)
  self:check(arrivals, "the last question got no answer")
  check_arrivals(self, arrivals)
  check_arrived(self, arrivals)
end

function emits.run(self)
  local random = self.random
  local variant = random:pick(VARIANTS)
  self.retries = random:chance(0.5) and random:int(1, 8) or nil
  local limit = random:chance(0.5) and random:int(100, 1000) / 1000 or nil
  self.with_error = self.retries ~= nil or limit ~= nil
  self.key = "session " .. self.number
  local socket, wire = connect(self, variant, { retries = self.retries, ack_timeout = limit })
  emits.follow(self, socket)
  emit_all(self, socket, wire)
  emits.conclude(self, socket)
  wire:check_clean(1 + self.excuses)
end

return emits
