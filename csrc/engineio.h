/* The Engine.IO session, sans I/O: websocket messages and the time go in;
 * packets, frames to send and the next deadline come out. It opens no socket,
 * reads no clock, takes no lock and knows no thread: whoever owns a session
 * calls it from one thread. Revisions 3 and 4 of the protocol
 * (socketio/engine.io-protocol), websocket transport only.
 *
 * Theory of operation. A session is in one state:
 *
 *   state      | meaning
 *   -----------+----------------------------------------------------------
 *   OPENING    | the open packet is awaited
 *   DETECTING  | engine "auto", the handshake fits both revisions: waiting
 *              | for the packet, or for the short time, that tells them apart
 *   OPEN       | on_open was called; packets flow; the heartbeat is watched
 *   CLOSED     | on_close was called; every later call does nothing
 *
 * What a packet from the server does:
 *
 *   packet     | OPENING          | DETECTING              | OPEN
 *   -----------+------------------+------------------------+---------------
 *   0 open     | OPEN, DETECTING  | error                  | error
 *   1 close    | CLOSED           | CLOSED                 | CLOSED
 *   2 ping     | error            | OPEN as 4, answered    | 4: answered
 *   3 pong     | error            | -                      | 3: on_ping
 *   4 message  | error            | OPEN as 3 if Socket.IO | on_message
 *              |                  | 2.x speaks, else as 4; |
 *              |                  | then on_message        |
 *   5, 6       | error            | -                      | -
 *   b          | error            | OPEN as 4; on_message  | on_message
 *   other      | error            | error                  | error
 *
 * "error" is CLOSED with GS_ERR_PROTOCOL; "-" counts as life and no more. "b"
 * is a binary message as base64 text, for ways that carry text alone. Text that
 * is not UTF-8 is CLOSED with GS_ERR_UTF8 (RFC 6455, section 8.1).
 *
 * What to call next: after gs_engineio_init, gs_engineio_feed for each piece
 * of a websocket message, gs_engineio_tick no later than
 * gs_engineio_deadline says, gs_engineio_close at the end. */
#ifndef GS_ENGINEIO_H
#define GS_ENGINEIO_H

#include <stdbool.h>

#include "buf.h"

enum { GS_ENGINEIO_AUTO = 0, GS_ENGINEIO_V3 = 3, GS_ENGINEIO_V4 = 4 };

/* The type byte of a pong, as on_send gets it. */
enum { GS_ENGINEIO_PONG = '3' };

/* How long DETECTING waits for the packet that a revision 3 server sends with
 * its handshake (socket.io 2.x joins the default namespace unasked, in the
 * same segment), in milliseconds. A revision 4 server that announces
 * maxPayload (socket.io >= 4.5) never waits. */
#define GS_ENGINEIO_DETECT_MS 300

/* The open packet's content. |json| is not NUL-terminated. */
typedef struct gs_handshake {
  int version; /* 3 or 4, never AUTO */
  const char *json;
  size_t json_len;
  uint32_t ping_interval_ms;
  uint32_t ping_timeout_ms;
  uint64_t max_payload; /* bytes the server accepts at once; 0: not said */
  char sid[64];         /* NUL-terminated, cut if longer */
} gs_handshake;

/* How a session speaks to its owner. A callback must not free the session, nor
 * feed or tick it; it may call gs_engineio_send and gs_engineio_close. Data and
 * text are valid during the call only. */
typedef struct gs_engineio_callbacks {
  /* parse fills the numbers and sid of |out| from |out->json|; returns 0,
   * GS_ERR_PROTOCOL or GS_ERR_NOMEM. JSON is a library's work, and the owner
   * has one. |out->version| is not yet known. */
  int (*parse)(void *user, gs_handshake *out);
  /* on_open: the handshake is done, its revision known. Called at most once,
   * before any message. */
  void (*on_open)(void *user, const gs_handshake *handshake);
  /* on_message: one whole message packet, without its type byte. */
  void (*on_message)(void *user, const uint8_t *data, size_t len, bool binary);
  /* on_send: send this as one websocket message, header and body after each
   * other (the header is the packet's type byte, or empty). */
  void (*on_send)(void *user, const uint8_t *header, size_t header_len,
                  const uint8_t *body, size_t len, bool binary, bool compress);
  /* on_ping: the server showed life (revision 4: its ping; 3: its pong). */
  void (*on_ping)(void *user);
  /* on_close: called exactly once. |error| is 0 for the server's close packet
   * and for our own close, GS_ERR_HEARTBEAT, GS_ERR_PROTOCOL, GS_ERR_TOO_BIG,
   * GS_ERR_UTF8, GS_ERR_NOMEM; |text| says what was wrong, in one line. */
  void (*on_close)(void *user, int error, const char *text);
} gs_engineio_callbacks;

enum gs_engineio_state {
  GS_ENGINEIO_OPENING,
  GS_ENGINEIO_DETECTING,
  GS_ENGINEIO_OPEN,
  GS_ENGINEIO_CLOSED,
};

/* All fields are private but |state| and |version|, which may be read. */
typedef struct gs_engineio {
  const gs_engineio_callbacks *callbacks;
  void *user;
  enum gs_engineio_state state;
  int version;            /* AUTO until it is known */
  size_t max_payload;     /* bytes of one incoming websocket message */
  gs_buf partial;         /* a message whose end has not come */
  gs_buf open;            /* the open packet's JSON, kept while DETECTING */
  gs_handshake handshake; /* |json| is NULL after on_open */
  bool partial_binary;
  bool sends_base64;        /* binary messages go out as text */
  uint64_t deadline_ms;     /* silence until then is death; 0: none */
  uint64_t ping_at_ms;      /* revision 3: our next ping; 0: none */
  uint64_t detect_until_ms; /* end of DETECTING */
} gs_engineio;

/* gs_engineio_init begins a session in OPENING. |version| is AUTO, 3 or 4;
 * |max_payload| bounds one incoming websocket message, its type byte included,
 * in bytes. |callbacks| must outlive the session. Allocates nothing. */
void gs_engineio_init(gs_engineio *session, int version, size_t max_payload,
                      const gs_engineio_callbacks *callbacks, void *user);

/* gs_engineio_send_base64 makes the session send binary messages as text, in
 * base64 (the JavaScript client's forceBase64). What the server may send is
 * said in the query of the upgrade, b64=1, by the owner. */
void gs_engineio_send_base64(gs_engineio *session);

/* gs_engineio_free releases the buffers. It calls nothing back. */
void gs_engineio_free(gs_engineio *session);

/* gs_engineio_feed takes a piece of a websocket message: |first| and |final|
 * tell where the message begins and ends (both for a whole one, which is then
 * handed on without a copy); |binary| is read with the first piece. Any data
 * counts as life, unless the silence before it was already a ping timeout.
 * |now_ms| must not decrease from call to call. Whatever is wrong with the
 * data ends the session through on_close. */
void gs_engineio_feed(gs_engineio *session, const uint8_t *data, size_t len,
                      bool first, bool final, bool binary, uint64_t now_ms);

/* gs_engineio_tick does what is due at |now_ms|: a ping (revision 3), the end
 * of DETECTING, the ping timeout. It may be called at any time; an owner that
 * suspects a jump of the clock calls it before it sends. */
void gs_engineio_tick(gs_engineio *session, uint64_t now_ms);

/* gs_engineio_deadline returns when gs_engineio_tick is needed next, in the
 * clock of |now_ms|; 0 if never. It is always later than the last tick. While
 * OPEN, a feed only ever moves it later: an owner may leave its timer alone
 * and ask again when it fires, which in revision 4 means one timer a heartbeat
 * and none a message. */
uint64_t gs_engineio_deadline(const gs_engineio *session);

/* gs_engineio_send sends a message packet. Returns 0, or GS_ERR_CLOSED unless
 * OPEN; as base64 also GS_ERR_NOMEM or GS_ERR_TOO_BIG. */
GS_NODISCARD int gs_engineio_send(gs_engineio *session, const uint8_t *data,
                                  size_t len, bool binary, bool compress);

/* gs_engineio_close ends the session from our side: sends the close packet if
 * OPEN (the JavaScript client's websocket transport sends none, but a server
 * then learns at once), and calls on_close(0). */
void gs_engineio_close(gs_engineio *session);

#endif
