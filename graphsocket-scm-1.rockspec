rockspec_format = "3.0"
package = "graphsocket"
version = "scm-1"
-- For "luarocks make" in a checkout; a release's rockspec names its archive.
source = {
  url = "git+file://.",
}
description = {
  summary = "Websocket notifications of OneDrive and SharePoint, and a complete Socket.IO client",
  detailed = [[
graphsocket gets a websocket endpoint for a OneDrive drive or a SharePoint
list from Microsoft Graph, opens a Socket.IO socket on it, and calls your
handlers as soon as the service says that something changed. Its Socket.IO
client is a complete general one. Heartbeats, TLS and HTTP go on in a thread
of their own while a handler is busy.]],
  license = "MIT",
  labels = { "microsoft-graph", "onedrive", "sharepoint", "socket.io", "websocket" },
}
supported_platforms = { "unix" }
dependencies = {
  "lua >= 5.1, < 5.5",
  "lua-cjson >= 2.1.0",
}
-- By library only: where a header lies differs too much between systems.
external_dependencies = {
  CURL = { library = "curl" },
  WEBSOCKETS = { library = "websockets" },
  UV = { library = "uv" },
  SSL = { library = "ssl" },
  CRYPTO = { library = "crypto" },
}
test_dependencies = { "busted >= 2.1" }
test = { type = "busted" }
build = {
  type = "builtin",
  modules = {
    ["graphsocket.core"] = {
      sources = {
        "csrc/buf.c",
        "csrc/clockwatch.c",
        "csrc/connection.c",
        "csrc/dial.c",
        "csrc/engine.c",
        "csrc/engineio.c",
        "csrc/errors.c",
        "csrc/fields.c",
        "csrc/file.c",
        "csrc/http.c",
        "csrc/http_answer.c",
        "csrc/http_options.c",
        "csrc/http_request.c",
        "csrc/link.c",
        "csrc/lua_core.c",
        "csrc/lua_engine.c",
        "csrc/lua_system.c",
        "csrc/probe.c",
        "csrc/process.c",
        "csrc/queue.c",
        "csrc/resolve.c",
        "csrc/tls.c",
        "csrc/upgrade.c",
        "csrc/url.c",
        "csrc/utf8.c",
        "csrc/websocket.c",
      },
      libraries = { "curl", "websockets", "uv", "ssl", "crypto", "pthread" },
      incdirs = { "$(CURL_INCDIR)", "$(WEBSOCKETS_INCDIR)", "$(UV_INCDIR)", "$(SSL_INCDIR)" },
      libdirs = { "$(CURL_LIBDIR)", "$(WEBSOCKETS_LIBDIR)", "$(UV_LIBDIR)", "$(SSL_LIBDIR)" },
    },
    ["graphsocket"] = "lua/graphsocket/init.lua",
    ["graphsocket.auth"] = "lua/graphsocket/auth.lua",
    ["graphsocket.auth.cache"] = "lua/graphsocket/auth/cache.lua",
    ["graphsocket.auth.command"] = "lua/graphsocket/auth/command.lua",
    ["graphsocket.auth.device_code"] = "lua/graphsocket/auth/device_code.lua",
    ["graphsocket.auth.login"] = "lua/graphsocket/auth/login.lua",
    ["graphsocket.auth.refresh_token"] = "lua/graphsocket/auth/refresh_token.lua",
    ["graphsocket.auth.source"] = "lua/graphsocket/auth/source.lua",
    ["graphsocket.client"] = "lua/graphsocket/client.lua",
    ["graphsocket.coalesce"] = "lua/graphsocket/coalesce.lua",
    ["graphsocket.cursor"] = "lua/graphsocket/cursor.lua",
    ["graphsocket.date"] = "lua/graphsocket/date.lua",
    ["graphsocket.delta"] = "lua/graphsocket/delta.lua",
    ["graphsocket.endpoint"] = "lua/graphsocket/endpoint.lua",
    ["graphsocket.engine"] = "lua/graphsocket/engine.lua",
    ["graphsocket.errors"] = "lua/graphsocket/errors.lua",
    ["graphsocket.json"] = "lua/graphsocket/json.lua",
    ["graphsocket.lease"] = "lua/graphsocket/lease.lua",
    ["graphsocket.line"] = "lua/graphsocket/line.lua",
    ["graphsocket.loop"] = "lua/graphsocket/loop/init.lua",
    ["graphsocket.loop.copas"] = "lua/graphsocket/loop/copas.lua",
    ["graphsocket.loop.cqueues"] = "lua/graphsocket/loop/cqueues.lua",
    ["graphsocket.loop.future"] = "lua/graphsocket/loop/future.lua",
    ["graphsocket.loop.guard"] = "lua/graphsocket/loop/guard.lua",
    ["graphsocket.loop.holds"] = "lua/graphsocket/loop/holds.lua",
    ["graphsocket.loop.luv"] = "lua/graphsocket/loop/luv.lua",
    ["graphsocket.loop.plain"] = "lua/graphsocket/loop/plain.lua",
    ["graphsocket.loop.pump"] = "lua/graphsocket/loop/pump.lua",
    ["graphsocket.loop.queue"] = "lua/graphsocket/loop/queue.lua",
    ["graphsocket.loop.task"] = "lua/graphsocket/loop/task.lua",
    ["graphsocket.loop.timers"] = "lua/graphsocket/loop/timers.lua",
    ["graphsocket.loop.wait"] = "lua/graphsocket/loop/wait.lua",
    ["graphsocket.notification"] = "lua/graphsocket/notification.lua",
    ["graphsocket.options"] = "lua/graphsocket/options.lua",
    ["graphsocket.outbox"] = "lua/graphsocket/outbox.lua",
    ["graphsocket.proxy"] = "lua/graphsocket/proxy.lua",
    ["graphsocket.request"] = "lua/graphsocket/request.lua",
    ["graphsocket.resource"] = "lua/graphsocket/resource.lua",
    ["graphsocket.response"] = "lua/graphsocket/response.lua",
    ["graphsocket.round"] = "lua/graphsocket/round.lua",
    ["graphsocket.scope"] = "lua/graphsocket/scope.lua",
    ["graphsocket.socketio"] = "lua/graphsocket/socketio/init.lua",
    ["graphsocket.socketio.acks"] = "lua/graphsocket/socketio/acks.lua",
    ["graphsocket.socketio.backoff"] = "lua/graphsocket/socketio/backoff.lua",
    ["graphsocket.socketio.binary"] = "lua/graphsocket/socketio/binary.lua",
    ["graphsocket.socketio.connection"] = "lua/graphsocket/socketio/connection.lua",
    ["graphsocket.socketio.emit"] = "lua/graphsocket/socketio/emit.lua",
    ["graphsocket.socketio.emitter"] = "lua/graphsocket/socketio/emitter.lua",
    ["graphsocket.socketio.handshake"] = "lua/graphsocket/socketio/handshake.lua",
    ["graphsocket.socketio.join"] = "lua/graphsocket/socketio/join.lua",
    ["graphsocket.socketio.manager"] = "lua/graphsocket/socketio/manager.lua",
    ["graphsocket.socketio.packet"] = "lua/graphsocket/socketio/packet.lua",
    ["graphsocket.socketio.retries"] = "lua/graphsocket/socketio/retries.lua",
    ["graphsocket.socketio.settings"] = "lua/graphsocket/socketio/settings.lua",
    ["graphsocket.socketio.socket"] = "lua/graphsocket/socketio/socket.lua",
    ["graphsocket.socketio.url"] = "lua/graphsocket/socketio/url.lua",
    ["graphsocket.subscription"] = "lua/graphsocket/subscription.lua",
    ["graphsocket.suspend"] = "lua/graphsocket/suspend.lua",
    ["graphsocket.throttle"] = "lua/graphsocket/throttle.lua",
    ["graphsocket.url"] = "lua/graphsocket/url.lua",
    ["graphsocket.watch"] = "lua/graphsocket/watch.lua",
  },
}
