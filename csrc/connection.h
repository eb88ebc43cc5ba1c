/* One Engine.IO connection from its dial to its end: joins the websocket to
 * the Engine.IO session, keeps every deadline, bounds what waits in either
 * direction, and reports to Lua.
 *
 * Theory of operation. A connection is in one state:
 *
 *   state   | meaning                             | left by
 *   --------+-------------------------------------+---------------------------
 *   DIALING | dial.c is at work                   | its on_up or on_fail
 *   UP      | the websocket is open               | any end
 *   ENDING  | CLOSED was reported; the socket has | on_end of the websocket,
 *           | a second to close                   | or a second
 *   ENDED   | nothing is left but its timer       | freed
 *
 * CLOSED is reported exactly once, when ENDING or ENDED begins, whatever
 * happens. [io] throughout. */
#ifndef GS_CONNECTION_H
#define GS_CONNECTION_H

#include "dial.h"
#include "link.h"

typedef struct gs_connection gs_connection;

enum { GS_CONNECTION_BUCKETS = 1024 };

/* What all connections of an engine share. */
typedef struct gs_connections {
  gs_dial_means means;
  /* emit passes an event to Lua: returns 0 or an error of gs_queue_push. */
  int (*emit)(void *user, uint16_t kind, uint16_t flags, uint32_t id,
              const void *data, size_t len);
  void *user;
  /* By id, which counts up: chains of equal length. */
  gs_connection *buckets[GS_CONNECTION_BUCKETS];
} gs_connections;

/* gs_connection_open begins a connection for |link|, which it retains, as
 * |fields| says: those of dial.h, and engine (number: 0, 3 or 4), timeout
 * (number, seconds: from the lookup to the open packet; 0: none), max_payload
 * (number, bytes), base64 (bool: bytes are sent as text). */
void gs_connection_open(gs_connections *all, gs_link *link, const void *fields,
                        size_t len);

/* gs_connection_send sends one message packet. Unknown ids are ignored: the
 * connection may have ended while the command was on its way. */
void gs_connection_send(gs_connections *all, uint32_t id, const uint8_t *data,
                        size_t len, bool binary, bool compress);

/* gs_connection_resume reads on, if handlers have made room. */
void gs_connection_resume(gs_connections *all, uint32_t id);

/* gs_connection_close ends a connection: what was sent before goes out first,
 * CLOSED is reported at once. |code| is that of the websocket close frame. */
void gs_connection_close(gs_connections *all, uint32_t id, int code);

/* gs_connections_tick looks at every deadline again: the clock has jumped. */
void gs_connections_tick(gs_connections *all);

/* gs_connections_stop drops all connections at once, with a CLOSED each. */
void gs_connections_stop(gs_connections *all);

#endif
