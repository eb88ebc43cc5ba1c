-- Which servers are refused, by the Graph client and by sockets alike, with
-- nothing set but whom to trust: TLS is on its guard by default.

local graphsocket = require "graphsocket"
local helper = require "spec.helper"
local peers = require "spec.peers"
local socketio = require "graphsocket.socketio"

-- A certificate (or a version of TLS), the options, and words of the refusal;
-- without words, the handshake succeeds.
local SERVERS = {
  { "server" },
  { "expired", "certificate has expired" },
  { "future", "certificate is not yet valid" },
  { "wrong-host", "the certificate is not for localhost" },
  { "self-signed", "self-signed certificate" },
  { "other-ca-server", "unable to get local issuer certificate" },
  { "revoked" },   -- nobody asks, unless it is told what is revoked
  { "revoked", "certificate revoked", crl = "ca.crl" },
  { "server", crl = "ca.crl" },
  { "server", "nowhere.crl", crl = "nowhere.crl" },
  { "server", "ca.pem", crl = "ca.pem" },
  { "server", "", version = "TLSv1" },
  { "server", "", version = "TLSv1.1" },
  { "server", version = "TLSv1.2" },
  { "server", version = "TLSv1.3" },
}

describe("a server's TLS", function()
  local servers

  setup(function() servers = peers.start() end)
  teardown(function() servers:stop() end)

  local function options_of(server)
    local folder = servers.service.info.certificates
    return {
      ca_file = folder .. "/ca.pem";
      crl_file = server.crl and folder .. "/" .. server.crl;
    }
  end

  local function launch(server, script)
    return servers:post("peers/launch", {
      tls = true; certificate = server[1]; version = server.version;
      script = script;
    })
  end

  -- The error of a socket, or nil.
  local function dial(server)
    local peer = launch(server,
      { { upgrade = true }, { open = true }, { join = "/" } })
    local opts = options_of(server)
    opts.reconnection, opts.force_new = false, true
    local socket = socketio.connect(("https://localhost:%d"):format(peer.port), opts)
    local connected, err
    socket:on("connect", function() connected = true end)
    socket:on("connect_error", function(e) err = e end)
    helper.eventually(function() return connected or err end, "it is decided")
    socket:close()
    return err
  end

  -- The error of a request, or nil.
  local function ask(server)
    local peer = launch(server, { { answer = {
      body = '{"id":"1","notificationUrl":"https://host.test/callback?a=b"}';
    } } })
    local opts = options_of(server)
    opts.base_url, opts.token = ("https://localhost:%d"):format(peer.port), "secret"
    opts.retries = 0
    return select(2, graphsocket.new(opts):endpoint "/me/drive/root")
  end

  for _, server in ipairs(SERVERS) do
    local name = server[1] .. (server.version and ", " .. server.version or "")
      .. (server.crl and ", with " .. server.crl or "")
    for who, try in pairs { ["a socket"] = dial, ["the Graph client"] = ask } do
      it(("%s %s by %s"):format(name, server[2] and "is refused" or "is taken",
        who), function()
          local err = try(server)
          if not server[2] then return assert.is_nil(err) end
          assert.matches(server[2], err.message, 1, true)
          -- A file that cannot be used is the script's mistake.
          assert.is_true(err.kind == "tls" or server.crl and err.kind == "usage",
            err.kind)
        end)
    end
  end
end)
