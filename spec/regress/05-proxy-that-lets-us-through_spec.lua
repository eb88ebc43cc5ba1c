-- A proxy is asked for its reason once a connection through it was not made. One
-- that had only been cut off in the middle of the first attempt answered 200 to
-- that, and the error said "the proxy refused the connection: it answered with
-- status 200". Found by spec/faults_spec.lua.

local helper = require "spec.helper"
local peers = require "spec.peers"
local socketio = require "graphsocket.socketio"

describe("a connection that is cut while its proxy is asked", function()
  it("is not called refused", function()
    local servers = peers.start()
    local proxy = servers:post("proxies/launch", { hosts = { ["fake.test"] = "127.0.0.1" } })
    local peer = servers:post("peers/launch", { script = { { head = true } } })
    local wire = servers:post("wires/launch", {
      port = proxy.port;
      plan = { { turns = { { after = 10, lane = "up", faults = { ["end"] = "rst" } } } } };
    })
    local socket = socketio.connect(("http://127.0.0.1:%d"):format(peer.port), {
      proxy = ("http://127.0.0.1:%d"):format(wire.port), reconnection = false, force_new = true,
    })
    local err
    socket:on("connect_error", function(e) err = e end)
    helper.eventually(function() return err end)
    assert.equal("network", err.kind)
    assert.equal("PROXY", err.code)
    assert.equal("the connection broke before the proxy had answered; asked once more, it lets us "
      .. "through", err.message)
    socket:close()
    servers:stop()
  end)
end)
