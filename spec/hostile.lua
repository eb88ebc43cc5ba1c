-- What hostile servers do, one row each: a name, what the peer plays (steps of
-- spec/support/peer), and what the client must answer. Run by
-- spec/hostile_spec.lua; "make hostile" attacks many sockets with each row, in
-- a process for the row, and prints what it cost.
--
--   after    how far the peer is well-behaved: "connection" "upgrade"
--            "session" "namespace" (the default)
--   http     true: it is a Graph server, and is asked for an endpoint
--   tls      true: the client speaks TLS (the peer does not)
--   crowd    so many sockets instead of each that is to be attacked
--   opts     options of the socket, or of the client
--   listen   what the script does with its socket
--   answer   "unharmed": what comes afterwards is heard; "endured": it has no
--            end, and is borne; or { event, kind, text }: how it ends, the text
--            being a part of the message
--   bytes    most memory that it may cost a socket; absent: LITTLE

local graphsocket = require "graphsocket"

local KIB, MIB = 2 ^ 10, 2 ^ 20

-- The bounds of docs/guide/security.md. A message that is being gathered, and
-- a queue's chunks, may be held twice while they move.
local LITTLE = 1 * MIB
local MESSAGE = 3 * 16 * MIB
local DECODED = 40 -- times the text, of the worst JSON

local function frame(fields) return { frame = fields } end
local function text(bytes) return frame { text = bytes } end
local function many(count, of) return frame { text = of; count = count } end
local function forever(...) return { ["repeat"] = "forever"; of = { ... } } end

local function ends(kind, words)
  return { event = "disconnect"; kind = kind; text = words }
end
local function refuses(kind, words)
  return { event = "connect_error"; kind = kind; text = words }
end
local function fails(kind, words)
  return { event = "refused"; kind = kind; text = words }
end

local HEAD = { head = true }
local SWITCH = "HTTP/1.1 101 Switching Protocols\r\n"
local OK = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
local LONG_HEADER = "X: " .. ("x"):rep(1000) .. "\r\n"
local LONG_EVENT = ('42["long","%s"]'):format(("x"):rep(16000))
local DEFLATE = { ["Sec-WebSocket-Extensions"] = "permessage-deflate" }
local OFFERED = { compression = true }
local HURRY, SOON = { timeout = 1 }, { timeout = 2 }
local CROWD = 200

local NO_UPGRADE = refuses("protocol", "no valid websocket upgrade")
local BAD_FRAME = ends("protocol", "a frame came that breaks the websocket protocol")
local NOT_UTF8 = ends("protocol", "a text message is not UTF-8")
local TOO_BIG = ends("protocol", "larger than max_payload")
local LONG_HEAD = fails("protocol", "the header of the answer is larger than")

local function deflated(...)
  return { { upgrade = { headers = DEFLATE } }, { open = true }, { join = "/" }, ... }
end

local upgrade = {
  { name = "no answer to the upgrade"; opts = HURRY;
    script = { { hang = true } };
    answer = refuses("timeout", "it stood at: upgrade") },
  { name = "an answer to the upgrade that drips"; opts = HURRY;
    script = { HEAD, { drip = 20; of = { { send = SWITCH .. LONG_HEADER } } } };
    answer = refuses("timeout", "it stood at: upgrade") },
  { name = "headers without end";
    script = { HEAD, { send = SWITCH }, forever { send = LONG_HEADER } };
    answer = NO_UPGRADE },
  { name = "a header line without end";
    script = { HEAD, { send = SWITCH .. "X: " }, { fill = 64 * MIB }, { hang = true } };
    answer = NO_UPGRADE },
  { name = "a refusal's body without end";
    script = { HEAD, { send = OK .. "\r\n" }, { fill = 64 * MIB }, { hang = true } };
    answer = refuses("http", "answered HTTP 200 instead of the websocket upgrade") },
  { name = "a redirect";
    script = { { answer = { status = 302; headers = { Location = "http://127.0.0.1:1/" } } } };
    answer = refuses("http", "answered HTTP 302") },
  { name = "a wrong Accept key";
    script = { { upgrade = { accept = "AAAAAAAAAAAAAAAAAAAAAAAAAAA=" } } };
    answer = NO_UPGRADE },
  { name = "no Accept key";
    script = { HEAD, { send = SWITCH .. "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n" } };
    answer = NO_UPGRADE },
  { name = "an extension that nobody offered";
    script = { { upgrade = { headers = DEFLATE } } };
    answer = NO_UPGRADE },
  { name = "a subprotocol that nobody offered";
    script = { { upgrade = { headers = { ["Sec-WebSocket-Protocol"] = "evil" } } } };
    answer = NO_UPGRADE },
  { name = "noise";
    script = { { fill = 1 * MIB; byte = "\1" }, { hang = true } };
    answer = NO_UPGRADE },
  { name = "a TLS handshake without end"; tls = true; opts = HURRY; bytes = 4 * MIB;
    script = { { hang = true } };
    answer = refuses("timeout", "it stood at: tls") },
  { name = "a crowd's TLS handshakes without end"; tls = true; crowd = CROWD; bytes = CROWD * 128 * KIB;
    script = { { hang = true } };
    answer = refuses("timeout", "not connected after") },
  { name = "a crowd's TLS handshakes that drip"; tls = true; crowd = CROWD; bytes = CROWD * 128 * KIB;
    script = { { drip = 250; of = { { hex = "1603034000" }, { fill = 16 * KIB } } } };
    answer = refuses("timeout", "not connected after") },
}

local open_packet = {
  { name = "an open packet of 16 MiB"; after = "upgrade";
    script = { frame { text = "0{"; fill = 16 * MIB; byte = " " } };
    answer = refuses("protocol", "larger than 16384 bytes") },
  { name = "an open packet that nests"; after = "upgrade";
    script = { text('0{"a":' .. ("["):rep(16000)) };
    answer = refuses("protocol", "cannot be understood") },
  { name = "a heartbeat of eternity"; after = "upgrade";
    script = { text '0{"sid":"x","pingInterval":1e300,"pingTimeout":1e300,"maxPayload":1e300}', { join = "/" } };
    answer = "unharmed" },
  { name = "a heartbeat of zero"; after = "upgrade";
    script = { { open = { pingInterval = 0; pingTimeout = 0 } } };
    answer = refuses("protocol", "pingInterval or pingTimeout of 0") },
  { name = "no open packet"; after = "upgrade"; opts = SOON;
    script = { { hang = true } };
    answer = refuses("timeout", "it stood at: open packet") },
  { name = "no answer for the namespace"; after = "session"; opts = SOON;
    script = { { hang = true } };
    answer = refuses("timeout", "did not answer for namespace /") },
}

local frames = {
  { name = "a frame of 2^63 bytes"; bytes = MESSAGE;
    script = { { hex = "827f7fffffffffffffff" }, { fill = 64 * MIB } };
    answer = TOO_BIG },
  { name = "a frame of a negative length";
    script = { { hex = "827fffffffffffffffff" }, { fill = 1 * MIB } };
    answer = BAD_FRAME },
  { name = "a message of a byte more than max_payload"; bytes = MESSAGE;
    script = { frame { text = "4"; fill = 16 * MIB } };
    answer = TOO_BIG },
  { name = "fragments without end"; bytes = MESSAGE;
    script = { frame { text = "4"; fill = 64 * KIB; fin = false },
      forever(frame { fill = 64 * KIB; opcode = 0; fin = false }) };
    answer = TOO_BIG },
  { name = "empty fragments without end";
    script = { frame { text = "4x"; fin = false },
      forever(frame { text = ""; opcode = 0; fin = false; count = 1000 }) };
    answer = "endured" },
  { name = "a compression bomb"; after = "connection"; opts = OFFERED; bytes = MESSAGE;
    script = deflated(frame { text = "4"; fill = 100 * MIB; deflate = true });
    answer = TOO_BIG },
  { name = "what does not inflate"; after = "connection"; opts = OFFERED;
    script = deflated(frame { hex = ("ff"):rep(200); opcode = 1; rsv = 4 });
    answer = BAD_FRAME },
  -- libwebsockets 4.1 takes the mask off, wrongly, and Engine.IO knows no such packet; 4.3 refuses the frame.
  { name = "a masked frame";
    script = { frame { text = "9"; mask = "80000000" } };
    answer = ends "protocol" },
  { name = "a reserved bit";
    script = { frame { text = "2"; rsv = 2 } };
    answer = BAD_FRAME },
  { name = "the bit of compression, which was not agreed";
    script = { frame { text = "2"; rsv = 4 } };
    answer = BAD_FRAME },
  { name = "a reserved opcode";
    script = { frame { text = "2"; opcode = 3 } };
    answer = BAD_FRAME },
  { name = "a reserved control opcode";
    script = { frame { text = "2"; opcode = 11 } };
    answer = BAD_FRAME },
  { name = "a continuation of nothing";
    script = { frame { text = "2"; opcode = 0 } };
    answer = BAD_FRAME },
  { name = "a message inside a message";
    script = { frame { text = "4x"; fin = false }, text "2" };
    answer = BAD_FRAME },
  { name = "a control frame in fragments";
    script = { frame { text = "x"; opcode = 9; fin = false } };
    answer = BAD_FRAME },
  { name = "a control frame of 126 bytes";
    script = { frame { fill = 126; opcode = 9 } };
    answer = BAD_FRAME },
  { name = "text that is not UTF-8";
    script = { frame { hex = "3432ff"; opcode = 1 } };
    answer = NOT_UTF8 },
  { name = "text that ends inside a character";
    script = { frame { hex = "3432e282"; opcode = 1 } };
    answer = NOT_UTF8 },
  { name = "10,000 pings";
    script = { frame { text = ("p"):rep(125); opcode = 9; count = 10000 } };
    answer = "unharmed" },
  { name = "10,000 pongs";
    script = { frame { text = ("p"):rep(125); opcode = 10; count = 10000 } };
    answer = "unharmed" },
  { name = "pings without end, answers unread";
    script = { { deaf = true }, forever(frame { text = ("p"):rep(125); opcode = 9; count = 1000 }) };
    answer = "endured" },
  { name = "a close frame of one byte";
    script = { frame { hex = "03"; opcode = 8 }, { hang = true } };
    answer = ends("closed", "without saying why") },
  { name = "a close code that must not be sent";
    script = { { close = 1005 }, { hang = true } };
    answer = ends("closed", "with code 1002") },
  { name = "a close reason that is not UTF-8";
    script = { frame { hex = "03e8ff"; opcode = 8 }, { hang = true } };
    answer = ends("closed", "with code 1000") },
}

local engine_io = {
  { name = "an empty message";
    script = { text "" };
    answer = ends("protocol", "an empty text message came") },
  { name = "100,000 heartbeats";
    script = { many(100000, "2") };
    answer = "unharmed" },
  { name = "a heartbeat of more than 16 KiB";
    script = { frame { text = "2"; fill = 16 * KIB } };
    answer = ends("protocol", "larger than 16384 bytes") },
  { name = "heartbeats of 16 KiB without end, answers unread";
    script = { { deaf = true }, forever(frame { text = "2"; fill = 16000 }) };
    answer = "endured" },
  { name = "a second open packet";
    script = { { open = true } };
    answer = ends("protocol", "a second open packet came") },
  { name = "an unknown packet";
    script = { text "9" };
    answer = ends("protocol", "unknown packet type 0x39") },
  { name = "100,000 packets of other transports";
    script = { many(50000, "5"), many(50000, "6") };
    answer = "unharmed" },
}

local socket_io = {
  { name = "100,000 namespaces that nobody asked for";
    script = { many(100000, '40/n#,{"sid":"#"}') };
    answer = "unharmed" },
  { name = "100,000 refusals of them";
    script = { many(100000, '44/n#,{"message":"no"}') };
    answer = "unharmed" },
  { name = "100,000 events in them";
    script = { many(100000, '42/n#,["x"]') };
    answer = "unharmed" },
  { name = "100,000 acknowledgements that nobody asked for";
    script = { many(100000, '43#["x"]') };
    answer = "unharmed" },
  { name = "100,000 names of events";
    script = { many(100000, '42["n#",1]') };
    answer = "unharmed" },
  { name = "joined 100,000 times";
    script = { many(100000, '40{"sid":"#"}') };
    answer = "unharmed" },
  { name = "a namespace of a megabyte"; bytes = 4 * MIB;
    script = { frame { text = "42/"; fill = MIB; tail = ',["x"]' } };
    answer = ends("protocol", "namespace longer than 1024 bytes") },
  { name = "an acknowledgement of number 10^300";
    script = { text("431" .. ("0"):rep(300) .. '["x"]') };
    answer = ends("protocol", "acknowledgement id beyond 2^53") },
  { name = "16 MiB of nesting"; bytes = MESSAGE;
    script = { frame { text = '42["after",'; fill = 16 * MIB - 100; byte = "["; tail = "]" } };
    answer = ends("protocol", "nested") },
  { name = "2 MiB of empty objects"; bytes = DECODED * 2 * MIB;
    script = { frame { text = '42["x",['; fill = 2 * MIB - 2; byte = "{},"; tail = "{}]]" } };
    listen = function(socket) socket:on("x", function() end) end;
    answer = "unharmed" },
  { name = "a billion attachments";
    script = { text '451000000000-["x"]' };
    answer = ends("protocol", "too many attachments") },
  { name = "attachments that never come";
    script = { text '451000-["x"]', { hang = true } };
    answer = "endured" },
  { name = "attachments without end"; bytes = MESSAGE;
    script = { text '451000-["x"]', forever(frame { fill = MIB }) };
    answer = ends("protocol", "larger than max_payload") },
  { name = "an attachment that nobody announced";
    script = { frame { fill = 10 } };
    answer = ends("protocol", "got binary data when not reconstructing") },
  { name = "placeholders of no attachment";
    script = { text '451-["after",{"_placeholder":true,"num":1e9}]', frame { fill = 10 } };
    answer = ends("protocol", "illegal attachments") },
  { name = "events without end while their handler sleeps"; bytes = MESSAGE;
    script = { forever(frame { text = LONG_EVENT; count = 10 }) };
    listen = function(socket)
      socket:on("long", function() graphsocket.sleep(3600) end)
    end;
    answer = "endured" },
  { name = "events without end before the namespace is joined"; after = "session";
    bytes = MESSAGE; opts = SOON;
    script = { forever(frame { text = LONG_EVENT; count = 10 }) };
    answer = refuses("timeout", "did not answer for namespace /") },
}

local graph = {
  { name = "HTTP: headers without end";
    script = { HEAD, { send = OK }, forever { send = LONG_HEADER } };
    answer = LONG_HEAD },
  { name = "HTTP: a header line without end";
    script = { HEAD, { send = OK .. "X: " }, { fill = 64 * MIB }, { hang = true } };
    answer = LONG_HEAD },
  { name = "HTTP: interim answers without end";
    script = { HEAD, forever { send = ("HTTP/1.1 100 Continue\r\nX: y\r\n\r\n"):rep(1000) } };
    answer = LONG_HEAD },
  { name = "HTTP: trailers without end";
    script = { HEAD, { send = OK .. "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n" },
      forever { send = LONG_HEADER:rep(10) } };
    answer = LONG_HEAD },
  { name = "HTTP: a body without end"; bytes = MESSAGE;
    script = { HEAD, { send = OK .. "\r\n" }, { fill = 64 * MIB }, { hang = true } };
    answer = fails("protocol", "the body of the answer is larger than") },
  { name = "HTTP: a body that drips without end"; opts = { timeout = 0.2 };
    script = { HEAD, { send = OK .. "\r\n" }, forever({ send = " " }, { wait = 10 }) };
    answer = fails("timeout", "while receiving the answer") },
  { name = "HTTP: a compression bomb"; bytes = MESSAGE;
    script = { HEAD, { send = OK .. "Content-Encoding: gzip\r\n\r\n" },
      { gzip = 100 * MIB }, { hang = true } };
    answer = fails("protocol", "the body of the answer is larger than") },
  { name = "HTTP: gzip in gzip, 100 times";
    script = { { answer = { headers = { ["Content-Encoding"] = ("gzip, "):rep(99) .. "gzip" }; body = "x" } } };
    answer = fails("protocol", "more than 5 content encodings") },
  { name = "HTTP: a negative length";
    script = { HEAD, { send = OK .. "Content-Length: -5\r\n\r\n{}" }, { hang = true } };
    answer = fails("protocol", "Invalid Content-Length") },
  { name = "HTTP: a redirect to itself";
    script = { forever { answer = { status = 302; headers = { Location = "/" } } } };
    answer = fails("graph", "redirects in circles") },
  { name = "HTTP: a redirect elsewhere";
    script = { { answer = { status = 302; headers = { Location = "http://127.0.0.1:1/" } } } };
    answer = fails("graph", "the token goes to the Graph host only") },
  { name = "HTTP: JSON that nests"; bytes = MESSAGE;
    script = { HEAD, { send = OK .. ("Content-Length: %d\r\n\r\n"):format(4 * MIB) },
      { fill = 4 * MIB; byte = "[" }, { hang = true } };
    answer = fails("protocol", "nested") },
  { name = "HTTP: no answer"; opts = HURRY;
    script = { HEAD, { hang = true } };
    answer = fails("timeout", "waiting for the answer") },
}

local rows = { little = LITTLE }
for _, row in ipairs(upgrade) do row.after = "connection" end
for _, row in ipairs(graph) do row.http = true end
for _, group in ipairs { upgrade, open_packet, frames, engine_io, socket_io, graph } do
  for _, row in ipairs(group) do rows[#rows + 1] = row end
end
return rows
