/* The Engine.IO session. A message is judged as soon as its first byte is
 * there, and its size as it grows, so that what is refused is never stored and
 * the way a message was cut into pieces changes nothing. Every callback may
 * close the session: after one, |state| is looked at again. */
#include "engineio.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base64.h"
#include "errors.h"
#include "utf8.h"

enum packet_type {
  PACKET_OPEN,
  PACKET_CLOSE,
  PACKET_PING,
  PACKET_PONG,
  PACKET_MESSAGE,
  PACKET_UPGRADE,
  PACKET_NOOP,
  PACKET_UNKNOWN,
};

static const char *const packet_names[] = {
    "open", "close", "ping", "pong", "message", "upgrade", "noop",
};

/* A packet in the memory of the message that it came in. */
struct packet {
  enum packet_type type;
  const uint8_t *data; /* without the type byte */
  size_t len;
  bool binary;
};

static void session_end(gs_engineio *session, int error, const char *text) {
  session->state = GS_ENGINEIO_CLOSED;
  session->callbacks->on_close(session->user, error, text);
}

GS_PRINTF(3, 4)
static void session_fail(gs_engineio *session, int error, const char *format,
                         ...) {
  char text[128];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  session_end(session, error, text);
}

static void session_send_packet(gs_engineio *session, enum packet_type type,
                                const uint8_t *data, size_t len) {
  uint8_t header = (uint8_t)('0' + type);
  session->callbacks->on_send(session->user, &header, 1, data, len, false,
                              false);
}

/* Heartbeat */

static uint64_t session_patience_ms(const gs_engineio *session) {
  return (uint64_t)session->handshake.ping_interval_ms +
         session->handshake.ping_timeout_ms;
}

static bool session_expired(const gs_engineio *session, uint64_t now_ms) {
  return session->deadline_ms && now_ms >= session->deadline_ms;
}

static void session_expire(gs_engineio *session, uint64_t now_ms) {
  uint64_t late_ms = now_ms - session->deadline_ms;
  /* A busy thread is late by milliseconds; seconds mean that the machine
   * slept, and whoever reads the error wants to know. */
  if (late_ms < 1000) {
    session_fail(session, GS_ERR_HEARTBEAT,
                 "the server's heartbeat stopped (pingInterval %" PRIu32
                 " ms, pingTimeout %" PRIu32 " ms)",
                 session->handshake.ping_interval_ms,
                 session->handshake.ping_timeout_ms);
  } else {
    session_fail(session, GS_ERR_HEARTBEAT,
                 "the server's heartbeat was missed, noticed %" PRIu64
                 " ms late: the machine or this process was suspended",
                 late_ms);
  }
}

static void session_ping(gs_engineio *session, uint64_t now_ms) {
  uint64_t answer_by_ms = now_ms + session->handshake.ping_timeout_ms;
  session->ping_at_ms = now_ms + session->handshake.ping_interval_ms;
  /* The earlier one: a ping must not prolong the wait for the one before. */
  if (answer_by_ms < session->deadline_ms) session->deadline_ms = answer_by_ms;
  session_send_packet(session, PACKET_PING, NULL, 0);
}

/* Handshake */

static void session_open(gs_engineio *session, int version, uint64_t now_ms) {
  session->state = GS_ENGINEIO_OPEN;
  session->version = version;
  session->handshake.version = version;
  if (version == GS_ENGINEIO_V3) {
    session->ping_at_ms = now_ms + session->handshake.ping_interval_ms;
  }
  session->callbacks->on_open(session->user, &session->handshake);
  session->handshake.json = NULL;
  session->handshake.json_len = 0;
  gs_buf_free(&session->open);
}

static void session_detect(gs_engineio *session, uint64_t now_ms) {
  gs_handshake *handshake = &session->handshake;
  int err = gs_buf_append(&session->open, handshake->json, handshake->json_len);
  if (err) {
    session_end(session, err, gs_error_text(err));
    return;
  }
  handshake->json = (const char *)session->open.data;
  session->detect_until_ms = now_ms + GS_ENGINEIO_DETECT_MS;
  session->state = GS_ENGINEIO_DETECTING;
}

static void session_handshake(gs_engineio *session, const struct packet *packet,
                              uint64_t now_ms) {
  gs_handshake *handshake = &session->handshake;
  handshake->json = (const char *)packet->data;
  handshake->json_len = packet->len;
  int err = session->callbacks->parse(session->user, handshake);
  if (err) {
    session_end(session, err,
                err == GS_ERR_PROTOCOL
                    ? "the open packet cannot be understood: "
                      "is it a Socket.IO server?"
                    : gs_error_text(err));
    return;
  }
  /* Zero would mean a ping without end, or death at once. */
  if (!handshake->ping_interval_ms || !handshake->ping_timeout_ms) {
    session_end(session, GS_ERR_PROTOCOL,
                "the open packet has a pingInterval or pingTimeout of 0");
    return;
  }
  session->deadline_ms = now_ms + session_patience_ms(session);
  if (session->version != GS_ENGINEIO_AUTO) {
    session_open(session, session->version, now_ms);
  } else if (handshake->max_payload) {
    session_open(session, GS_ENGINEIO_V4, now_ms);
  } else {
    session_detect(session, now_ms);
  }
}

/* session_revision tells which revision |packet| betrays while DETECTING, or
 * AUTO. Only a revision 4 server pings. A Socket.IO server that speaks
 * revision 4 says nothing before it is asked, one that speaks revision 3
 * begins with the default namespace: "0", or "4" and why middleware refused
 * it. Whatever else greets is no Socket.IO server, and servers of today speak
 * revision 4. */
static int session_revision(const struct packet *packet) {
  if (packet->type == PACKET_PING) return GS_ENGINEIO_V4;
  if (packet->type != PACKET_MESSAGE) return GS_ENGINEIO_AUTO;
  if (packet->binary || packet->len == 0) return GS_ENGINEIO_V4;
  bool connect = packet->len == 1 && packet->data[0] == '0';
  bool refused = packet->data[0] == '4';
  return connect || refused ? GS_ENGINEIO_V3 : GS_ENGINEIO_V4;
}

/* Packets */

/* packet_type_of reads the byte that begins a message. */
static enum packet_type packet_type_of(uint8_t byte, bool binary) {
  unsigned type = binary ? byte : (unsigned)byte - '0';
  return type < PACKET_UNKNOWN ? (enum packet_type)type : PACKET_UNKNOWN;
}

/* Revision 4, and what has no revision yet, gives a binary message no type
 * byte: it is all data. */
static bool session_binary_typed(const gs_engineio *session) {
  return session->version == GS_ENGINEIO_V3;
}

/* Revision 3 writes the type behind the "b", revision 4 writes none. */
static size_t session_base64_head(const gs_engineio *session) {
  return session->version == GS_ENGINEIO_V3 ? 2 : 1;
}

/* session_is_base64 tells whether a message is bytes written as text, which
 * the reference takes wherever it comes. */
static bool session_is_base64(const gs_engineio *session, const uint8_t *data,
                              size_t len, bool binary) {
  return session->state != GS_ENGINEIO_OPENING && !binary && len > 0 &&
         data[0] == 'b';
}

/* session_admits judges a message of which |len| bytes are known, |data| the
 * first of them; if it is refused, the session is over. */
static bool session_admits(gs_engineio *session, const uint8_t *data,
                           size_t len, bool binary) {
  bool typed = !binary || session_binary_typed(session);
  if (typed && len == 0) {
    session_fail(session, GS_ERR_PROTOCOL, "an empty %s message came",
                 binary ? "binary" : "text");
    return false;
  }
  bool base64 = session_is_base64(session, data, len, binary);
  enum packet_type type =
      typed && !base64 ? packet_type_of(data[0], binary) : PACKET_MESSAGE;
  bool opening = session->state == GS_ENGINEIO_OPENING;
  if (type == PACKET_UNKNOWN) {
    session_fail(session, GS_ERR_PROTOCOL, "unknown packet type 0x%02x%s",
                 data[0], opening ? ": is it a Socket.IO server?" : "");
    return false;
  }
  if (opening && binary) {
    session_end(session, GS_ERR_PROTOCOL,
                "a binary message came before the open packet");
    return false;
  }
  if (opening && type != PACKET_OPEN && type != PACKET_CLOSE) {
    session_fail(session, GS_ERR_PROTOCOL,
                 "a %s packet came before the open packet", packet_names[type]);
    return false;
  }
  if (!opening && type == PACKET_OPEN) {
    session_end(session, GS_ERR_PROTOCOL, "a second open packet came");
    return false;
  }
  if (type == PACKET_MESSAGE && len > session->max_payload) {
    session_fail(session, GS_ERR_TOO_BIG,
                 "a message is larger than max_payload (%zu bytes)",
                 session->max_payload);
    return false;
  }
  if (type != PACKET_MESSAGE && len > GS_MAX_CONTROL) {
    session_fail(session, GS_ERR_TOO_BIG,
                 "a packet of type %s is larger than %u bytes",
                 packet_names[type], GS_MAX_CONTROL);
    return false;
  }
  return true;
}

static void session_packet(gs_engineio *session, const struct packet *packet) {
  switch (packet->type) {
    case PACKET_CLOSE:
      session_end(session, 0, "the server closed the session");
      return;
    case PACKET_PING:
      /* The reference ignores a revision 3 server's ping. */
      if (session->version == GS_ENGINEIO_V3) return;
      /* With the ping's data, as revision 3's document demands of a pong and
       * the "probe" ping shows for both; the servers send none here. */
      session_send_packet(session, PACKET_PONG, packet->data, packet->len);
      if (session->state == GS_ENGINEIO_OPEN) {
        session->callbacks->on_ping(session->user);
      }
      return;
    case PACKET_PONG:
      if (session->version == GS_ENGINEIO_V3) {
        session->callbacks->on_ping(session->user);
      }
      return;
    case PACKET_MESSAGE:
      session->callbacks->on_message(session->user, packet->data, packet->len,
                                     packet->binary);
      return;
    default: /* upgrade and noop belong to long polling */
      return;
  }
}

/* session_take does with a packet what the state says. */
static void session_take(gs_engineio *session, const struct packet *packet,
                         uint64_t now_ms) {
  if (packet->type == PACKET_OPEN) {
    session_handshake(session, packet, now_ms);
    return;
  }
  if (session->state == GS_ENGINEIO_DETECTING) {
    int version = session_revision(packet);
    if (version != GS_ENGINEIO_AUTO) session_open(session, version, now_ms);
  }
  if (session->state != GS_ENGINEIO_CLOSED) session_packet(session, packet);
}

static void session_base64(gs_engineio *session, const uint8_t *data,
                           size_t len, uint64_t now_ms) {
  size_t head = session_base64_head(session);
  gs_buf bytes;
  gs_buf_init(&bytes, len);
  int err = len < head || (head == 2 && data[1] != '0' + PACKET_MESSAGE)
                ? GS_ERR_PROTOCOL
                : gs_base64_decode(&bytes, data + head, len - head);
  if (err) {
    session_end(session, err,
                err == GS_ERR_PROTOCOL ? "a message is not in base64, though "
                                         "it says so"
                                       : gs_error_text(err));
  } else {
    session_take(session,
                 &(struct packet){.type = PACKET_MESSAGE,
                                  .data = bytes.data,
                                  .len = bytes.len,
                                  .binary = true},
                 now_ms);
  }
  gs_buf_free(&bytes);
}

static void session_message(gs_engineio *session, const uint8_t *data,
                            size_t len, bool binary, uint64_t now_ms) {
  if (!session_admits(session, data, len, binary)) return;
  if (session_is_base64(session, data, len, binary)) {
    session_base64(session, data, len, now_ms);
    return;
  }
  if (!binary && !gs_utf8_valid(data, len)) {
    session_end(session, GS_ERR_UTF8, gs_error_text(GS_ERR_UTF8));
    return;
  }
  bool typed = !binary || session_binary_typed(session);
  struct packet packet = {
      .type = typed ? packet_type_of(data[0], binary) : PACKET_MESSAGE,
      .data = typed ? data + 1 : data,
      .len = typed ? len - 1 : len,
      .binary = binary,
  };
  session_take(session, &packet, now_ms);
}

static void session_shrink_partial(gs_engineio *session) {
  /* One large message must not cost its size for months. */
  if (session->partial.capacity > GS_CHUNK_BYTES) {
    gs_buf_free(&session->partial);
  }
}

/* session_gather adds a piece to the message under way; false if the session
 * is over. */
static bool session_gather(gs_engineio *session, const uint8_t *data,
                           size_t len, bool first, bool binary) {
  gs_buf *partial = &session->partial;
  if (first) {
    gs_buf_clear(partial);
    session->partial_binary = binary;
  }
  if (len == 0) return true;
  const uint8_t *head = partial->len ? partial->data : data;
  if (!session_admits(session, head, partial->len + len,
                      session->partial_binary)) {
    return false;
  }
  int err = gs_buf_append(partial, data, len);
  if (err) session_end(session, err, gs_error_text(err));
  return !err;
}

/* Interface */

void gs_engineio_init(gs_engineio *session, int version, size_t max_payload,
                      const gs_engineio_callbacks *callbacks, void *user) {
  *session = (gs_engineio){
      .callbacks = callbacks,
      .user = user,
      .state = GS_ENGINEIO_OPENING,
      .version = version,
      .max_payload = max_payload,
  };
  gs_buf_init(&session->partial,
              max_payload > GS_MAX_CONTROL ? max_payload : GS_MAX_CONTROL);
  gs_buf_init(&session->open, GS_MAX_CONTROL);
}

void gs_engineio_send_base64(gs_engineio *session) {
  session->sends_base64 = true;
}

void gs_engineio_free(gs_engineio *session) {
  session->state = GS_ENGINEIO_CLOSED;
  gs_buf_free(&session->partial);
  gs_buf_free(&session->open);
}

void gs_engineio_feed(gs_engineio *session, const uint8_t *data, size_t len,
                      bool first, bool final, bool binary, uint64_t now_ms) {
  if (session->state == GS_ENGINEIO_CLOSED) return;
  /* Data that comes after the deadline lay in a buffer while we slept. The
   * server has missed our pongs for as long and dropped us: a session that
   * went on would lose what is sent now, and learn of it later. */
  if (session_expired(session, now_ms)) {
    session_expire(session, now_ms);
    return;
  }
  if (session->state != GS_ENGINEIO_OPENING) {
    session->deadline_ms = now_ms + session_patience_ms(session);
  }
  if (first && final) {
    session_message(session, data, len, binary, now_ms);
    return;
  }
  if (!session_gather(session, data, len, first, binary) || !final) return;
  session_message(session, session->partial.data, session->partial.len,
                  session->partial_binary, now_ms);
  session_shrink_partial(session);
}

void gs_engineio_tick(gs_engineio *session, uint64_t now_ms) {
  if (session->state == GS_ENGINEIO_CLOSED) return;
  if (session_expired(session, now_ms)) {
    session_expire(session, now_ms);
    return;
  }
  if (session->state == GS_ENGINEIO_DETECTING &&
      now_ms >= session->detect_until_ms) {
    session_open(session, GS_ENGINEIO_V4, now_ms);
  }
  if (session->state == GS_ENGINEIO_OPEN && session->ping_at_ms &&
      now_ms >= session->ping_at_ms) {
    session_ping(session, now_ms);
  }
}

uint64_t gs_engineio_deadline(const gs_engineio *session) {
  uint64_t deadline_ms = session->deadline_ms;
  uint64_t other_ms = 0;
  switch (session->state) {
    case GS_ENGINEIO_DETECTING:
      other_ms = session->detect_until_ms;
      break;
    case GS_ENGINEIO_OPEN:
      other_ms = session->ping_at_ms;
      break;
    case GS_ENGINEIO_OPENING:
    case GS_ENGINEIO_CLOSED:
      return 0;
  }
  return other_ms && other_ms < deadline_ms ? other_ms : deadline_ms;
}

static int session_send_as_base64(gs_engineio *session, const uint8_t *data,
                                  size_t len, bool compress) {
  gs_buf text;
  gs_buf_init(&text, SIZE_MAX);
  int err = gs_base64_encode(&text, data, len);
  if (!err) {
    session->callbacks->on_send(session->user, (const uint8_t *)"b4",
                                session_base64_head(session), text.data,
                                text.len, false, compress);
  }
  gs_buf_free(&text);
  return err;
}

int gs_engineio_send(gs_engineio *session, const uint8_t *data, size_t len,
                     bool binary, bool compress) {
  if (session->state != GS_ENGINEIO_OPEN) return GS_ERR_CLOSED;
  if (binary && session->sends_base64) {
    return session_send_as_base64(session, data, len, compress);
  }
  uint8_t header = binary ? PACKET_MESSAGE : '0' + PACKET_MESSAGE;
  size_t header_len = !binary || session_binary_typed(session);
  session->callbacks->on_send(session->user, &header, header_len, data, len,
                              binary, compress);
  return 0;
}

void gs_engineio_close(gs_engineio *session) {
  if (session->state == GS_ENGINEIO_CLOSED) return;
  bool open = session->state == GS_ENGINEIO_OPEN;
  /* First, because on_send may want to close, too. */
  session->state = GS_ENGINEIO_CLOSED;
  if (open) session_send_packet(session, PACKET_CLOSE, NULL, 0);
  session_end(session, 0, "closed");
}
