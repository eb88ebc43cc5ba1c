-- The behaviours of the JavaScript client, for docs/conformance.md: one row a
-- behaviour, and the test that shows it here. The sources are the tests of
-- socket.io-client (socket, connection, retry, connection-state-recovery, url,
-- node), engine.io-client and socket.io-parser, and the documents and test
-- suites of both protocols. What tests of these only say of TypeScript, of a
-- helper of JavaScript, or of a server, has no row. `scripts/conformance` runs
-- the tests and writes the page.
--
-- A row is { area, behaviour, spec, test } with the spec file below spec/ and
-- the full name of the test, or { area, behaviour, out_of_scope = reason }.

local rows = {}

-- Adds rows of an area whose tests are in one file, their names beginning so.
local function add(area, spec, prefix, list)
  for _, row in ipairs(list) do
    rows[#rows + 1] = {
      area = area;
      behaviour = row[1];
      spec = "spec/" .. spec .. "_spec.lua";
      test = prefix .. " " .. row[2];
    }
  end
end

local function out_of_scope(area, reason, list)
  for _, behaviour in ipairs(list) do
    rows[#rows + 1] =
      { area = area; behaviour = behaviour; out_of_scope = reason }
  end
end

-- socket.io-client: connection ------------------------------------------------

add("connection", "interop/socket", "a socket of a server v4", {
  { "Connects to a server", "should connect" },
  { "Acknowledges events of the server", "should acknowledge the server's events" },
  { "Carries `false`, `null`, nested values and UTF-8 of every plane",
    "should keep every JSON value" },
  { "Carries dates and base64 as the text that they are, also inside objects",
    "should emit dates and base64 data as the text that they are" },
  { "Gets and sends binary values, alone and mixed with JSON",
    "should send and receive binary values wherever they are" },
  { "Keeps the order of events with and without binary values",
    "should send events with binary values in the correct order" },
  { "Receives megabytes as one binary value", "should receive a large binary value" },
  { "Reconnects when the transport is closed or cut", "should reconnect when the transport ends" },
})
add("connection", "interop/connection", "a connection", {
  { "Does not connect by itself with `auto_connect = false`",
    "should not connect when autoConnect option set to false" },
  { "Makes two connections for two sockets of one namespace",
    "should start two connections with same path" },
  { "Makes two connections for URLs that differ in their query",
    "should start two connections with same path and different querystrings" },
  { "Makes one connection for different namespaces",
    "should start a single connection with different namespaces" },
  { "Joins a namespace after the connection was made",
    "should connect to a namespace after connection established" },
  { "Joins a namespace after the connection was closed",
    "should open a new namespace after connection gets closed" },
  { "Reconnects by itself", "should reconnect by default" },
  { "Reconnects by hand", "should reconnect manually" },
  { "Reconnects by itself after it was reconnected by hand",
    "should reconnect automatically after reconnecting manually" },
  { "Starts over by hand after `reconnect_failed`",
    "should attempt reconnects after a failed reconnect" },
  { "Does not reconnect once it was closed by hand", "should not reconnect when force closed" },
  { "Stops reconnecting when it is closed by hand", "should stop reconnecting when force closed" },
  { "Reconnects again after it was stopped", "should reconnect after stopping reconnection" },
  { "Stops one socket and reconnects the others",
    "should stop reconnecting on a socket and keep to reconnect on another" },
  { "Gives up after as many attempts as asked for, each ended by `timeout`",
    "should try to reconnect twice and fail when requested two attempts with immediate timeout and reconnect enabled" },
  { "Makes no attempt to reconnect where the first connection works",
    "should not try to reconnect and should form a connection when connecting to correct port with default timeout" },
  { "Connects a socket while another is disconnected",
    "should connect while disconnecting another socket" },
  { "Tells of a server of Socket.IO 2 with `connect_error` where revision 4 was asked for",
    "should emit a connect_error event when reaching a Socket.IO server in v2.x with engine = 4" },
  { "Keeps the connection when one of its sockets is disconnected, ends it with the last",
    "should not close the connection when disconnecting a single socket" },
  { "Stops reconnecting when reconnection is switched off", "should stop trying to reconnect" },
  { "Gives up after as many attempts as asked for where nothing listens",
    "should try to reconnect twice and fail when requested two attempts with incorrect address and reconnect enabled" },
  { "Makes no attempt to reconnect with `reconnection = false`",
    "should not try to reconnect with incorrect port when reconnection disabled" },
  { "Counts attempts the same when another socket is opened meanwhile",
    "should still try to reconnect twice after opening another socket asynchronously" },
  { "Opens the cached socket of a namespace again", "should reopen a cached socket" },
  { "Leaves the cached socket alone while it is active",
    "should not reopen a cached but active socket" },
  { "Does nothing in `connect()` while the socket is active",
    "should not reopen an already active socket" },
  { "Closes the connection upon a packet that cannot be decoded, and reconnects",
    "should close the engine upon decoding exception" },
  { "Joins every namespace again after a reconnection",
    "should join every namespace again after a reconnection" },
})
add("connection", "socketio/init", "socketio connect", {
  { "Makes connections of their own for different paths, hosts and ports",
    "makes two connections for different paths, hosts and ports" },
  { "Makes a connection of its own with `force_new`, or without `multiplex`",
    "makes a connection of its own if it is told to" },
})
add("connection", "socketio/manager", "a manager", {
  { "Waits longer before each attempt",
    "fails to open and tries again and again, with growing waits" },
  { "Fires the `reconnect_*` events on the manager, with the attempt's number",
    "fails to open and gives up after so many attempts, until it is asked anew" },
  { "Fires `reconnect` when the connection is made again",
    "loses its connection and makes another, which it says" },
  { "Asks query and header functions at each reconnection",
    "reconnects asking its query and header functions each time; they may wait" },
})
out_of_scope("connection", "browser-only", {
  "Uses the page's `setTimeout`, or the native one with `useNativeSetTimers`",
  "Sends a Blob, alone, mixed with JSON, and in order",
})

-- socket.io-client: socket ----------------------------------------------------

add("socket", "interop/socket", "a socket of a server v4", {
  { "Has the server's id for it, in the default namespace",
    "should have an accessible socket id equal to the server-side socket id (default namespace)" },
  { "Has the server's id for it, in another namespace",
    "should have an accessible socket id equal to the server-side socket id (custom namespace)" },
  { "Has no id after a disconnection", "clears socket.id upon disconnection" },
  { "Has another id after a reconnection", "should change socket.id upon reconnection" },
  { "Disconnects and connects again", "should properly disconnect then reconnect" },
  { "Sends the URL's query, in every namespace", "query option should accept a query string, byte for byte" },
  { "Sends the option `query` of a table, encoded",
    "query option should accept an object and properly encode the parameters" },
  { "Tells of a refusal by middleware, and does not try again",
    "should fire an error event on middleware failure from custom namespace, and not try to reconnect" },
  { "Emits events in order", "should emit events in order" },
  { "Emits an event and waits for its acknowledgement",
    "should emit an event and wait for the acknowledgement" },
  { "Is not reconnected when the server disconnects it",
    "should tell a disconnection by the server, and not reconnect" },
  { "Drops a volatile event while not connected",
    "volatile packets should discard a volatile packet when the socket is not connected" },
  { "Sends a volatile event when connected and writable",
    "volatile packets should send a volatile packet when the socket is connected and the pipe is ready" },
  { "Calls and prepends handlers of every event", "onAny should call listener, and prepend listener" },
  { "Removes handlers of every event", "onAny should remove listener" },
  { "Calls and prepends handlers of every event sent, with binary values",
    "onAnyOutgoing should call listener, with binary data too, and prepend listener" },
  { "Removes handlers of every event sent", "onAnyOutgoing should remove listener" },
  { "Times out while not connected, and takes the event back",
    "timeout should timeout after the given delay when socket is not connected" },
  { "Times out when the server does not acknowledge (callback and waiting caller)",
    "timeout should timeout when the server does not acknowledge the event" },
  { "Does not time out when the server acknowledges",
    "timeout should not timeout when the server does acknowledge the event" },
  { "Has `ack_timeout` as the default time-out", "timeout should use the default timeout value" },
  { "Answers what awaits an acknowledgement at a disconnection with an error, a plain callback not",
    "timeout acknowledgement upon disconnection should ack with an error upon disconnection" },
  { "Keeps the acknowledgement of an event that was not sent yet",
    "timeout acknowledgement upon disconnection should not discard an unsent ack (callback)" },
})
add("socket", "interop/socket", "a socket", {
  { "Fires no error when it is closed while it opens",
    "doesn't fire an error event if we force disconnect in opening state" },
  { "Fires `connect_error` when the connection cannot be made",
    "fire a connect_error event when the connection cannot be established" },
  { "Fires `connect_error` when the open packet does not come in time",
    "fire a connect_error event on open timeout (websocket)" },
  { "Fires no `connect_error` once the connection was made",
    "doesn't fire a connect_error event when the connection is already established" },
  { "Sends a table as `auth`", "auth option should accept an object" },
  { "Sends what a function gives as `auth`", "auth option should accept a function, which may wait" },
  { "Drops a volatile event while the connection is not writable",
    "should discard a volatile packet when the pipe is not ready" },
})
add("socket", "socketio/emit", "emit", {
  { "Raises for a reserved event", "raises at the call for a reserved name" },
  { "Hands the compression flag on: on by default, off with `compress(false)`",
    "through a view is compressed or not" },
  { "Buffers an event where the connection has ended unnoticed (a throttled or suspended machine)",
    "waits for the next connection if this one has ended unnoticed" },
  { "Does not take an acknowledgement that comes after the time-out",
    "with a time-out calls back with an error when it is over" },
})
out_of_scope("socket", "polling", {
  "Fires `connect_error` when the open packet does not come in time over HTTP long-polling",
})

-- socket.io-client: retry, recovery, node ------------------------------------

add("retry", "interop/connection", "a connection retry", {
  { "Keeps the order of the packets, one at a time", "should preserve the order of the packets" },
  { "Fails after the last retry", "should fail when the server does not acknowledge the packet" },
  { "Sends nothing while disconnected", "should not drain the queue while the socket is disconnected" },
  { "Does not send a packet of the `connect` handler twice",
    "should not emit a packet twice in the 'connect' handler" },
})
add("state recovery", "interop/connection", "a connection state recovery", {
  { "Has the same id after a recovery, and says that it recovered",
    "should have an accessible socket id equal to the server-side socket id (default namespace)" },
  { "Gets what was sent meanwhile, once", "should receive what was sent meanwhile, once" },
})
add("end of a script", "interop/protocol", "the protocol lets a script end", {
  { "A script can end with an open socket", "with an open socket" },
  { "A script can end while it connects or reconnects", "while it connects or waits to reconnect" },
  { "An open socket keeps the script alive until it is closed",
    "by itself when the last socket was closed, not before" },
})
out_of_scope("end of a script", "polling", { "A script can end over HTTP long-polling" })

-- URLs ------------------------------------------------------------------------

add("URL", "socketio/url", "the URL of a socket", {
  { "Works without a scheme", "is https without a scheme" },
  { "Takes a default port as none", "takes a default port as none" },
  { "Has the namespace as its path", "has the namespace as its path" },
  { "Works with IPv6 addresses, with and without a port", "may have an IPv6 address as its host" },
  { "Works with `http`, `https`, `ws` and `wss`", "knows ws and http, wss and https" },
  { "Refuses user info, and says what to do", "is refused with user info, and says what to do" },
})
add("URL", "socketio/url", "the request", {
  { "Goes to a path of its own, apart from the namespace",
    "goes to the path, with the query in front of what we add" },
  { "Has one slash behind the path", "has exactly one slash behind the path" },
  { "Has none with `add_trailing_slash = false`", "has no slash behind the path if it is told so" },
})
add("URL", "interop/options", "the option", {
  { "Works with a path of the server's", "path leads to another path" },
})
add("URL", "interop/options", "the URL", {
  { "Reaches IPv6 servers, and either family by a name",
    "may have an IPv6 address, or a name that means either" },
  { "Reaches servers by `ws`, `wss` and without a scheme", "may be ws, wss, or have no scheme" },
})
out_of_scope("URL", "browser-only", {
  "Takes scheme, host and port from the page's location when there is no URL, or a relative one",
})

-- engine.io-client ------------------------------------------------------------

add("transport", "interop/protocol", "the protocol", {
  { "Gets back the bytes and the text that it sent", "keeps text and bytes apart" },
  { "Gives the websocket's close code", "gives the code with which the server closed" },
  { "Gives the status of a refused request, as of an unknown session",
    "gives the status of a server that refuses the request" },
  { "Sends nothing after it was closed", "sends nothing once the connection was closed" },
})
add("transport", "socketio/handshake", "the handshake", {
  { "Makes the request of host, port, path and query", "hands the URL on in parts" },
  { "Leaves a default port out", "leaves a default port out of the Host header" },
  { "Adds a timestamp against caches (`timestamp_requests`, `timestamp_param`)",
    "is never the same request twice, if it is to have a timestamp" },
})
add("transport", "interop/options", "the option", {
  { "Goes through a proxy (the `agent` option)", "proxy leads through an HTTP proxy, plain and TLS" },
  { "Goes through the environment's proxy, but for the hosts of `no_proxy`",
    "proxy of the environment is used, but for the hosts of no_proxy" },
  { "Offers subprotocols", "protocols offers subprotocols" },
  { "Offers permessage-deflate", "compression offers permessage-deflate, and is off by default" },
  { "Writes binary data as base64, both ways (`forceBase64`)",
    "force_base64 carries bytes as text, both ways, revision 4" },
  { "Accepts `transports` that name the websocket", "transports may name the websocket" },
  { "Checks certificates with an authority of the script's",
    "ca_file is what a server's certificate is checked with" },
  { "Shows a client certificate", "cert and key identify the client" },
  { "Goes out from a local address", "local_address is where the connection comes from" },
})
add("transport", "options", "graphsocket.options", {
  { "Refuses `transports` without a websocket", "of a socket take a header, a list of protocols and websocket only" },
})
add("transport", "interop/socket", "a socket of a server v4", {
  { "Sends extra headers", "should send extra headers" },
})
add("transport", "socketio/init", "socketio", {
  { "Tells the number of the protocol", "has the values that Lua has not" },
})
add("transport", "compression", "a connection with compression", {
  { "Leaves messages below a threshold, or with `compress(false)`, uncompressed on the wire",
    "compresses what is long, unless it is asked not to" },
})
out_of_scope("transport", "polling", {
  "Merges packets up to `maxPayload`, and sends a larger one anyway",
  "Probes and upgrades from HTTP long-polling; `filterUpgrades`, `rememberUpgrade`, closing while upgrading",
  "Tries the next transport with `tryAllTransports`; takes transport classes of the script's",
  "Keeps cookies of the server between requests (`withCredentials`)",
})
out_of_scope("transport", "browser-only", {
  "Receives and sends Blobs",
  "Works in a worker, uses XMLHttpRequest, closes upon `beforeunload`",
})
out_of_scope("transport", "WebTransport", { "Connects and upgrades over WebTransport" })

-- socket.io-parser ------------------------------------------------------------

local codec = {}
for _, pair in ipairs {
  { "CONNECT to the main namespace", "a connection" },
  { "CONNECT to a namespace", "a connection to a namespace" },
  { "CONNECT with a payload", "a connection with a payload" },
  { "DISCONNECT from a namespace", "a disconnection" },
  { "EVENT", "an event" },
  { "EVENT with an id", "an event that asks for an acknowledgement" },
  { "ACK", "an acknowledgement" },
  { "CONNECT_ERROR with a string", "a refusal" },
  { "CONNECT_ERROR with an object", "a refusal with an object" },
} do
  codec[#codec + 1] = { "Encodes " .. pair[2], "encodes " .. pair[1] }
  codec[#codec + 1] = { "Decodes " .. pair[2], "decodes " .. pair[1] }
end
add("codec", "socketio/packet", "the text codec", codec)
add("codec", "socketio/socket", "a socket", {
  { "Takes an event with an integer as its name", "handles events by their name, however it is written" },
})
add("codec", "socketio/packet", "the binary codec", {
  { "Encodes a binary value", "encodes a binary argument as a placeholder and an attachment" },
  { "Encodes several, with namespace and id", "encodes several attachments, a namespace and an id" },
  { "Encodes a binary acknowledgement", "encodes an acknowledgement with an attachment" },
  { "Goes on after a reset in the middle of a packet", "goes on after a reset in the middle of a packet" },
})
add("codec", "socketio/binary", "extracting binary values", {
  { "Finds binary values deep in tables", "finds them however deep" },
  { "Leaves the script's tables as they are", "replaces them by placeholders, in a copy" },
})
add("codec", "socketio/packet", "an argument that cannot be sent is named by its index:", {
  { "Raises for a table that contains itself", "a table that contains itself" },
})
add("codec", "socketio/packet", "a malformed packet", {
  { "Refuses an unknown type", "is refused for its type" },
  { "Refuses a bad count of attachments, and too many", "is refused for its attachment count" },
  { "Refuses a bad acknowledgement id", "is refused for its id" },
  { "Refuses a payload that does not fit the type", "is refused for its payload" },
  { "Refuses an event with a reserved name", "is refused for a reserved name" },
  { "Refuses a placeholder whose number is no number, or out of bounds",
    "is refused for a placeholder that has no attachment" },
  { "Refuses an attachment without its packet", "is refused for an attachment that nobody announced" },
  { "Refuses text where an attachment is awaited", "is refused for text where an attachment is awaited" },
})
add("codec", "interop/options", "the option", {
  { "Decodes with a custom reviver",
    "reviver sees every value that the server sends, from the inside out" },
})
out_of_scope("codec", "browser-only", { "Encodes Blobs" })

-- The protocol documents ------------------------------------------------------

add("Engine.IO protocol", "interop/options", "the option", {
  { "Opens a session of revision 3", "engine = 3 asks for revision 3, and says so" },
  { "Gives up a handshake that is not answered", "timeout ends a handshake that is not answered, naming the phase" },
})
add("Engine.IO protocol", "interop/socket", "a socket", {
  { "Tells revision 3 from 4 by what the server says", "is told apart, revision 4 from 3, by what the server says" },
})
add("Engine.IO protocol", "interop/connection", "a connection", {
  { "Answers pings of revision 4", "should tell of the server's heartbeat" },
  { "Closes upon a ping timeout, in revisions 4 and 3", "should notice that the server has fallen silent" },
})
add("Engine.IO protocol", "interop/protocol", "the protocol", {
  { "Fails where the server does not speak the revision asked for",
    "fails with a server that does not speak the revision asked for" },
  { "Takes a close packet as the end", "takes a close packet as the end of the transport" },
  { "Ignores a noop packet", "ignores a noop packet" },
  { "Closes upon an invalid packet", "closes upon a packet of an unknown type" },
  { "Puts fragmented messages together", "takes messages that come in fragments, or byte by byte" },
  { "Recovers from a server of revision 3 that was taken for 4",
    "recovers from a server of Socket.IO 2 that is slow to say so" },
})
out_of_scope("Engine.IO protocol", "polling", {
  "Opens, polls, closes and upgrades sessions over HTTP long-polling",
})
add("Socket.IO protocol", "interop/socket", "a socket of a server v4", {
  { "Is told of a namespace that is unknown", "should tell of a namespace that is unknown" },
  { "Closes upon an unknown packet type", "raw packets should close with a parse error on 9" },
  { "Closes upon an invalid payload", 'raw packets should close with a parse error on 2["x' },
  { "Closes upon nesting over 1,000, and upon a namespace over 1 KiB",
    "raw packets should close with a parse error on nesting over 1,000 and on a namespace over 1 KiB" },
  { "Closes upon an invalid acknowledgement id",
    'raw packets should close with a parse error on 29007199254740993["x"]' },
  { "Closes upon an attachment without its packet, and upon text in its place",
    "raw packets should close with a parse error on an attachment without its packet, "
      .. "and on text where one is awaited" },
})
add("Socket.IO protocol", "interop/socket", "a socket", {
  { "Gives up a CONNECT packet that is never answered", "tells of a server that never answers the CONNECT packet" },
  { "Gets the words and the data of a refusal",
    "auth option should give the server's words and data when it is refused, and accept better credentials" },
})
add("Socket.IO protocol", "socketio/socket", "a socket", {
  { "Sends DISCONNECT for its namespace", "ends by hand: the server is told, and it stays closed" },
  { "Keeps events that come before the CONNECT packet",
    "handles events that came before the CONNECT packet after it, in order" },
})
add("Socket.IO 2", "interop/socket", "a socket of a server v2", {
  { "Connects to a server of Socket.IO 2", "should connect" },
  { "Exchanges binary values with it", "should send and receive binary values wherever they are" },
  { "Acknowledges its events", "should acknowledge the server's events" },
  { "Reconnects to it", "should reconnect when the transport ends" },
  { "Tells of its refusal",
    "should fire an error event on middleware failure from custom namespace, and not try to reconnect" },
})
add("Socket.IO 2", "interop/socket", "a socket", {
  { "Sends the query with the namespace", "auth option is the query of the namespace with a server of Socket.IO 2" },
})
add("Socket.IO 2", "socketio/older", "a socket with a server of Socket.IO 2", {
  { "Is in the default namespace unasked", "is joined to the default namespace unasked" },
  { "Joins another namespace with the query, and has an id of both",
    "joins another with the query, and has an id of both" },
})

return rows
