local emitter = require "graphsocket.socketio.emitter"
local errors = require "graphsocket.errors"
local line = require "graphsocket.line"

-- A socket that only tells, and an owner that only listens.
describe("graphsocket.line", function()
  local socket, told, given

  local function listener()
    local object = {}
    emitter.extend(object, emitter.methods)
    return emitter.init(object)
  end

  local owner = {
    _on_line_joined = function(_, l) told[#told + 1] = { "joined", l } end;
    _on_line_alive = function(_, l) told[#told + 1] = { "alive", l } end;
    _on_line_ended = function(_, l, ending) told[#told + 1] = { "ended", l, ending } end;
    _on_notification = function(_, data) told[#told + 1] = { "notification", data } end;
  }

  local lease = { endpoint = { open = function(_, opts)
    given = opts
    return socket
  end } }

  local function open()
    told = {}
    socket = listener()
    socket.closed = 0
    socket.io = listener()
    function socket:close()
      self.closed = self.closed + 1
      -- As a socket does that was connected.
      self:_call("disconnect", "io client disconnect")
    end
    return assert(line.open(lease, { timeout = 5 }, owner))
  end

  it("leaves it to its owner to connect again", function()
    open()
    assert.same({ timeout = 5, reconnection = false }, given)
  end)

  it("tells that it is joined, and of notifications", function()
    local l = open()
    assert.equal("connecting", l.state)
    socket:_call "connect"
    socket:_call("notification", "data")
    assert.same({ "joined", l }, told[1])
    assert.same({ "notification", "data" }, told[2])
    assert.equal("joined", l.state)
    assert.is_number(l.joined_at)
  end)

  it("knows of the server's heartbeat, also after the end, and listens to none", function()
    local l = open()
    assert.is_nil(l:last_ping_at())
    socket.io.engine = { stats = function() return { last_ping_at = 12 } end }
    socket.io:_call "open"
    assert.equal(12, l:last_ping_at())
    socket.io.engine = nil
    assert.is_false(l:is_over())
    l:close()
    assert.is_true(l:is_over())
    assert.equal(12, l:last_ping_at())
    assert.is_false(socket.io:has_listeners "ping")
  end)

  it("tells of each sign of life to an owner that doubts", function()
    local l = open()
    socket:_call "connect"
    socket.io:_call "ping"
    told = {}
    l:doubt()
    socket.io:_call "ping"
    socket:_call("notification", "data")
    assert.same({ { "alive", l }, { "alive", l }, { "notification", "data" } }, told)
  end)

  it("tells of one end, however it comes, and closes the socket", function()
    local err = errors.new { kind = "tls", message = "expired" }
    for _, case in ipairs {
      { { "connect_error", err }, "expired" },
      { { "disconnect", "transport close" }, "ended before the namespace" },
      { { "disconnect", "parse error", err }, "expired" },
      { { "disconnect", "io server disconnect" }, "server disconnected" },
      { { "disconnect", "transport close" }, "connection was lost", true },
      { { "disconnect", "ping timeout", err }, "expired", true },
      { { "disconnect", "io server disconnect" }, "server disconnected", true },
    } do
      local l = open()
      if case[3] then socket:_call "connect" end
      told = {}
      socket:_call(case[1][1], case[1][2], case[1][3])
      socket:_call("connect_error", err)
      socket:_call "connect"
      assert.equal(1, #told)
      local ending = told[1][3]
      assert.equal(l, told[1][2])
      assert.is_true(errors.is(ending.err))
      assert.matches(case[2], ending.err.message, 1, true)
      if case[1][1] == "disconnect" then
        assert.equal(case[1][2], ending.reason)
      end
      assert.equal(1, socket.closed)
      assert.equal("ended", l.state)
      l:close()
      assert.equal(1, socket.closed)
    end
  end)

  it("says nothing of an end that its owner wanted", function()
    local l = open()
    socket:_call "connect"
    told = {}
    l:close()
    assert.same({}, told)
    assert.equal(1, socket.closed)
    socket:_call("notification", "received before")
    assert.same({ { "notification", "received before" } }, told)
  end)

  it("makes an error of a URL that no socket takes", function()
    local none, err = line.open({ endpoint = { open = function()
      error "endpoint:open: the path of the URL is the namespace"
    end } }, {}, owner)
    assert.is_nil(none)
    assert.equal("protocol", err.kind)
    assert.matches("^no socket can be opened on the endpoint: endpoint:open: the "
      .. "path", err.message)
  end)
end)
