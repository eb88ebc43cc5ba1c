#include "connection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "engineio.h"
#include "errors.h"
#include "events.h"
#include "fields.h"
#include "handshake.h"
#include "outgoing.h"
#include "report.h"

enum {
  CONNECTION_LINGER_MS = 1000, /* for the closing handshake, at most */

  /* RFC 6455, section 7.4.1 */
  CLOSE_AT_ONCE = 0,
  CLOSE_NORMAL = 1000,
  CLOSE_PROTOCOL_ERROR = 1002,
  CLOSE_NOT_UTF8 = 1007,
  CLOSE_TOO_BIG = 1009,
};

typedef enum connection_state {
  CONNECTION_DIALING,
  CONNECTION_UP,
  CONNECTION_ENDING,
  CONNECTION_ENDED,
} connection_state;

struct gs_connection {
  gs_connections *all;
  gs_connection *next, **previous; /* in its bucket */
  gs_link *link;
  connection_state state;
  bool open; /* OPEN was reported */
  gs_dial *dial;
  gs_websocket *websocket;
  gs_engineio session;
  uv_timer_t timer;
  double timeout; /* as the user gave it, seconds */
  uint64_t connect_until_ms, linger_until_ms;
  bool must_pause; /* past max_queue, and still reading */
  int close_code;  /* once ENDING */
  gs_outgoing out;
};

static void connection_arm(gs_connection *connection, uint64_t now_ms);

/* ---- the end ---- */

static void connection_on_timer_closed(uv_handle_t *handle) {
  gs_connection *connection = handle->data;
  gs_engineio_free(&connection->session);
  gs_outgoing_free(&connection->out);
  gs_link_release(connection->link);
  free(connection);
}

/* connection_remove forgets a connection that has no websocket any more. */
static void connection_remove(gs_connection *connection) {
  gs_connections *all = connection->all;
  connection->state = CONNECTION_ENDED;
  (void)all->emit(all->user, GS_EVENT_GONE, 0, connection->link->id, NULL, 0);
  *connection->previous = connection->next;
  if (connection->next) connection->next->previous = connection->previous;
  uv_close((uv_handle_t *)&connection->timer, connection_on_timer_closed);
}

/* connection_report sends CLOSED; out of memory, an empty one. */
static void connection_report(gs_connection *connection,
                              const gs_websocket_failure *failure) {
  gs_connections *all = connection->all;
  gs_buf fields;
  gs_buf_init(&fields, GS_MAX_PAYLOAD);
  int err = gs_report_closed(failure, connection->open, &fields);
  atomic_store(&connection->link->closed, true);
  /* Should even that fail, Lua's next command learns it from the link. */
  (void)all->emit(all->user, GS_EVENT_CLOSED, 0, connection->link->id,
                  fields.data, err ? 0 : fields.len);
  gs_buf_free(&fields);
}

/* connection_finish reports the end and begins to close what is open, politely
 * with |close_code|, or CLOSE_AT_ONCE. */
static void connection_finish(gs_connection *connection,
                              const gs_websocket_failure *failure,
                              int close_code) {
  if (connection->state >= CONNECTION_ENDING) return;
  connection->state = CONNECTION_ENDING;
  connection_report(connection, failure);
  gs_dial_free(connection->dial);
  connection->dial = NULL;
  gs_engineio_close(&connection->session); /* does nothing if it began there */
  if (!connection->websocket) {
    connection_remove(connection);
    return;
  }
  connection->close_code = close_code;
  connection->linger_until_ms = gs_clock_ms() + CONNECTION_LINGER_MS;
  connection_arm(connection, gs_clock_ms());
  if (close_code == CLOSE_AT_ONCE) {
    gs_websocket_kill(connection->websocket);
  } else if (gs_outgoing_is_empty(&connection->out)) {
    gs_websocket_close(connection->websocket, close_code);
  } /* else connection_on_writable closes, after the last frame */
}

static gs_phase connection_phase(const gs_connection *connection) {
  if (connection->dial) return gs_dial_phase(connection->dial);
  return connection->open ? GS_PHASE_OPEN : GS_PHASE_HANDSHAKE;
}

static void connection_fail(gs_connection *connection, int error,
                            const char *text) {
  gs_websocket_failure failure = {.error = error,
                                  .phase = connection_phase(connection),
                                  .text = text ? text : gs_error_text(error)};
  connection_finish(connection, &failure, CLOSE_AT_ONCE);
}

/* ---- the websocket ---- */

static void connection_on_data(void *user, const uint8_t *data, size_t len,
                               bool first, bool final, bool binary) {
  gs_connection *connection = user;
  if (connection->state != CONNECTION_UP) return;
  uint64_t now_ms = gs_clock_ms();
  gs_engineio_feed(&connection->session, data, len, first, final, binary,
                   now_ms);
  if (connection->state == CONNECTION_UP) connection_arm(connection, now_ms);
}

/* connection_flush writes frames until the socket takes no more. */
static void connection_flush(gs_connection *connection) {
  gs_link *link = connection->link;
  gs_outgoing_frame frame;
  while (gs_outgoing_first(&connection->out, &frame)) {
    if (!gs_websocket_write(connection->websocket, frame.data, frame.len,
                            frame.binary, frame.compress)) {
      return;
    }
    gs_outgoing_took(&connection->out);
    atomic_fetch_sub(&link->unsent, frame.len);
    atomic_fetch_add(&link->sent_messages, 1);
    atomic_fetch_add(&link->sent_bytes, frame.len);
  }
}

static void connection_on_writable(void *user) {
  gs_connection *connection = user;
  connection_flush(connection);
  if (connection->state == CONNECTION_ENDING &&
      gs_outgoing_is_empty(&connection->out)) {
    gs_websocket_close(connection->websocket, connection->close_code);
  }
}

static void connection_on_closing(void *user,
                                  const gs_websocket_failure *failure) {
  gs_connection *connection = user;
  gs_websocket_failure told = *failure;
  told.phase = connection_phase(connection);
  if (!connection->open) told.error = GS_ERR_NETWORK;
  connection_finish(connection, &told, CLOSE_NORMAL);
}

static void connection_on_end(void *user, const gs_websocket_failure *failure) {
  gs_connection *connection = user;
  gs_websocket_failure told = *failure;
  told.phase = connection_phase(connection);
  connection->websocket = NULL;
  if (connection->state == CONNECTION_ENDING) {
    connection_remove(connection);
  } else {
    connection_finish(connection, &told, CLOSE_AT_ONCE);
  }
}

static const gs_websocket_callbacks connection_websocket_callbacks = {
    .on_data = connection_on_data,
    .on_writable = connection_on_writable,
    .on_closing = connection_on_closing,
    .on_end = connection_on_end,
};

/* ---- the dial ---- */

static void connection_on_up(void *user, gs_websocket *websocket) {
  gs_connection *connection = user;
  gs_dial_free(connection->dial);
  connection->dial = NULL;
  connection->state = CONNECTION_UP;
  connection->websocket = websocket;
  gs_websocket_adopt(websocket, &connection_websocket_callbacks, connection);
  connection_arm(connection, gs_clock_ms());
}

static void connection_on_dial_fail(void *user,
                                    const gs_websocket_failure *failure) {
  connection_finish(user, failure, CLOSE_AT_ONCE);
}

static const gs_dial_callbacks connection_dial_callbacks = {
    .on_up = connection_on_up,
    .on_fail = connection_on_dial_fail,
};

/* ---- the session ---- */

static int connection_parse(void *user, gs_handshake *handshake) {
  (void)user;
  return gs_handshake_read(handshake) ? 0 : GS_ERR_PROTOCOL;
}

static void connection_on_session_open(void *user,
                                       const gs_handshake *handshake) {
  gs_connection *connection = user;
  gs_connections *all = connection->all;
  gs_buf fields;
  gs_buf_init(&fields, 2 * GS_MAX_CONTROL);
  int err = gs_report_open(handshake, &fields);
  if (!err) {
    err = all->emit(all->user, GS_EVENT_OPEN, 0, connection->link->id,
                    fields.data, fields.len);
  }
  gs_buf_free(&fields);
  connection->open = true;
  if (err) connection_fail(connection, err, NULL);
}

/* connection_count counts what Lua is about to be told of, |len| bytes, and has
 * reading stopped past the limit. */
static void connection_count(gs_connection *connection, size_t len) {
  gs_link *link = connection->link;
  size_t cost = len + GS_EVENT_OVERHEAD;
  size_t queued = atomic_fetch_add(&link->queued, cost) + cost;
  if (queued <= link->max_queue || connection->must_pause) return;
  /* Later: libwebsockets 4.1 that is told to stop reading while it hands out
   * messages, and OpenSSL holds more of them, turns in a loop for ever. What
   * OpenSSL holds is a record of TLS, 16 KiB at most. */
  connection->must_pause = true;
  connection_arm(connection, gs_clock_ms());
}

static void connection_on_message(void *user, const uint8_t *data, size_t len,
                                  bool binary) {
  gs_connection *connection = user;
  gs_connections *all = connection->all;
  gs_link *link = connection->link;
  if (connection->state != CONNECTION_UP) return;
  /* Counted before it is handed over: Lua may take and release it at once. */
  connection_count(connection, len);
  atomic_fetch_add(&link->received_messages, 1);
  atomic_fetch_add(&link->received_bytes, len);
  int err = all->emit(all->user, GS_EVENT_MESSAGE, binary ? GS_FLAG_BINARY : 0,
                      link->id, data, len);
  if (err) connection_fail(connection, err, NULL);
}

/* connection_pause stops reading until Lua has taken half of what waits. */
static void connection_pause(gs_connection *connection) {
  gs_link *link = connection->link;
  connection->must_pause = false;
  if (atomic_load(&link->paused)) return;
  gs_websocket_pause(connection->websocket, true);
  atomic_store(&link->paused, true);
  /* Lua may have made room before it could see |paused|. */
  if (atomic_load(&link->queued) <= link->max_queue / 2) {
    gs_connection_resume(connection->all, link->id);
  }
}

/* connection_on_send queues a frame and asks to write it. */
static void connection_on_send(void *user, const uint8_t *head, size_t head_len,
                               const uint8_t *body, size_t len, bool binary,
                               bool compress) {
  gs_connection *connection = user;
  gs_outgoing *out = &connection->out;
  bool pong = head_len && *head == GS_ENGINEIO_PONG;
  /* At the end, the websocket's close frame says more than a close packet. */
  if (connection->state != CONNECTION_UP) return;
  if (pong && gs_outgoing_has_pong(out)) return;
  int err = gs_outgoing_push(out, head, head_len, body, len, binary, compress);
  if (err) {
    connection_fail(connection, err, "too much is waiting to be sent");
    return;
  }
  if (pong) gs_outgoing_mark_pong(out);
  atomic_fetch_add(&connection->link->unsent, head_len + len);
  gs_websocket_want_write(connection->websocket);
}

static void connection_on_ping(void *user) {
  gs_connection *connection = user;
  gs_connections *all = connection->all;
  gs_link *link = connection->link;
  atomic_store(&link->last_ping_at, gs_clock_epoch());
  /* An idle connection wakes nobody who does not ask for it. */
  if (!atomic_load(&link->tells_pings)) return;
  /* Counted as a message is: a server may send nothing but pings. Out of
   * memory, one goes unreported; it was answered all the same. */
  connection_count(connection, 0);
  if (all->emit(all->user, GS_EVENT_PING, 0, link->id, NULL, 0)) {
    atomic_fetch_sub(&link->queued, GS_EVENT_OVERHEAD);
  }
}

static int connection_close_code(int error) {
  if (error == GS_ERR_HEARTBEAT) return CLOSE_AT_ONCE; /* nobody listens */
  if (error == GS_ERR_PROTOCOL) return CLOSE_PROTOCOL_ERROR;
  if (error == GS_ERR_TOO_BIG) return CLOSE_TOO_BIG;
  if (error == GS_ERR_UTF8) return CLOSE_NOT_UTF8;
  return CLOSE_NORMAL;
}

static void connection_on_session_close(void *user, int error,
                                        const char *text) {
  gs_connection *connection = user;
  gs_websocket_failure failure = {
      .error = error, .phase = connection_phase(connection), .text = text};
  if (!connection->open && error == 0) failure.error = GS_ERR_PROTOCOL;
  if (error == GS_ERR_HEARTBEAT && atomic_load(&connection->link->paused)) {
    failure.text =
        "the queue of undelivered events (max_queue) stayed full for longer "
        "than the heartbeat allows: handlers are too slow";
  }
  connection_finish(connection, &failure, connection_close_code(error));
}

static const gs_engineio_callbacks connection_session_callbacks = {
    .parse = connection_parse,
    .on_open = connection_on_session_open,
    .on_message = connection_on_message,
    .on_send = connection_on_send,
    .on_ping = connection_on_ping,
    .on_close = connection_on_session_close,
};

/* ---- deadlines ---- */

static uint64_t earlier(uint64_t a, uint64_t b) {
  return a == 0 ? b : b == 0 ? a : a < b ? a : b;
}

static uint64_t connection_deadline(const gs_connection *connection) {
  if (connection->state == CONNECTION_ENDING) {
    return connection->linger_until_ms;
  }
  if (connection->must_pause) return 1; /* at once, in milliseconds */
  uint64_t deadline = gs_engineio_deadline(&connection->session);
  if (connection->dial) {
    deadline = earlier(deadline, gs_dial_deadline(connection->dial));
  }
  if (!connection->open) {
    deadline = earlier(deadline, connection->connect_until_ms);
  }
  return deadline;
}

/* connection_time_out ends a connection that was not open in time. */
static void connection_time_out(gs_connection *connection) {
  char text[128];
  snprintf(text, sizeof text, "not connected after %.4g s, it stood at: %s",
           connection->timeout, gs_phase_name(connection_phase(connection)));
  connection_fail(connection, GS_ERR_TIMEOUT, text);
}

/* connection_tick does what is due. */
static void connection_tick(gs_connection *connection) {
  uint64_t now = gs_clock_ms();
  if (connection->state == CONNECTION_ENDING) {
    if (now >= connection->linger_until_ms) {
      gs_websocket_kill(connection->websocket);
      return;
    }
  } else if (!connection->open && connection->connect_until_ms &&
             now >= connection->connect_until_ms) {
    connection_time_out(connection);
    return;
  } else if (connection->dial) {
    gs_dial_tick(connection->dial, now);
  } else if (connection->state == CONNECTION_UP) {
    if (connection->must_pause) connection_pause(connection);
    gs_engineio_tick(&connection->session, now);
  }
  if (connection->state != CONNECTION_ENDED)
    connection_arm(connection, gs_clock_ms());
}

static void connection_on_timer(uv_timer_t *timer) {
  connection_tick(timer->data);
}

/* connection_arm sets the timer to the next deadline. A timer that is set to
 * an earlier time is left alone: it finds nothing due and sets itself again,
 * which is cheaper than to move it at every message. */
static void connection_arm(gs_connection *connection, uint64_t now_ms) {
  uint64_t deadline = connection_deadline(connection);
  if (deadline == 0) {
    uv_timer_stop(&connection->timer);
    return;
  }
  uint64_t wait = deadline > now_ms ? deadline - now_ms : 0;
  if (uv_is_active((uv_handle_t *)&connection->timer) &&
      uv_timer_get_due_in(&connection->timer) <= wait) {
    return;
  }
  uv_update_time(connection->all->means.loop);
  uv_timer_start(&connection->timer, connection_on_timer, wait, 0);
}

/* ---- commands ---- */

static gs_connection *connection_find(const gs_connections *all, uint32_t id) {
  gs_connection *connection = all->buckets[id % GS_CONNECTION_BUCKETS];
  while (connection && connection->link->id != id) {
    connection = connection->next;
  }
  return connection;
}

static gs_connection *connection_new(gs_connections *all, gs_link *link) {
  gs_connection *connection = calloc(1, sizeof *connection);
  if (!connection) return NULL;
  gs_connection **bucket = &all->buckets[link->id % GS_CONNECTION_BUCKETS];
  connection->all = all;
  connection->link = gs_link_retain(link);
  /* Frames take more than their bytes: twice leaves room for the smallest. */
  gs_outgoing_init(&connection->out, 2 * (size_t)GS_MAX_UNSENT,
                   gs_websocket_headroom());
  uv_timer_init(all->means.loop, &connection->timer);
  connection->timer.data = connection;
  connection->next = *bucket;
  connection->previous = bucket;
  if (*bucket) (*bucket)->previous = &connection->next;
  *bucket = connection;
  return connection;
}

void gs_connection_open(gs_connections *all, gs_link *link, const void *fields,
                        size_t len) {
  gs_connection *connection = connection_new(all, link);
  if (!connection) {
    atomic_store(&link->closed, true);
    (void)all->emit(all->user, GS_EVENT_CLOSED, 0, link->id, NULL, 0);
    (void)all->emit(all->user, GS_EVENT_GONE, 0, link->id, NULL, 0);
    return;
  }
  int engine =
      (int)gs_fields_get_number(fields, len, "engine", GS_ENGINEIO_AUTO);
  double max_payload =
      gs_fields_get_number(fields, len, "max_payload", GS_MAX_PAYLOAD);
  gs_engineio_init(&connection->session, engine, (size_t)max_payload,
                   &connection_session_callbacks, connection);
  if (gs_fields_get_bool(fields, len, "base64", false)) {
    gs_engineio_send_base64(&connection->session);
  }
  connection->timeout = gs_fields_get_number(fields, len, "timeout", 0);
  if (connection->timeout > 0) {
    connection->connect_until_ms =
        gs_clock_ms() + (uint64_t)(connection->timeout * 1e3);
  }
  connection->dial = gs_dial_new(&all->means, fields, len,
                                 &connection_dial_callbacks, connection);
  if (!connection->dial) {
    connection_fail(connection, GS_ERR_NOMEM, NULL);
    return;
  }
  gs_dial_start(connection->dial, connection->connect_until_ms);
  if (connection->state != CONNECTION_ENDED)
    connection_arm(connection, gs_clock_ms());
}

void gs_connection_send(gs_connections *all, uint32_t id, const uint8_t *data,
                        size_t len, bool binary, bool compress) {
  gs_connection *connection = connection_find(all, id);
  if (!connection) return;
  if (connection->state == CONNECTION_UP) {
    int err =
        gs_engineio_send(&connection->session, data, len, binary, compress);
    /* One that has closed has told so: CLOSED is on its way to Lua. */
    if (err && err != GS_ERR_CLOSED) connection_fail(connection, err, NULL);
  }
  /* Lua counted the bytes when it handed them over; the frame that they have
   * become is counted by now. */
  atomic_fetch_sub(&connection->link->unsent, len);
}

void gs_connection_resume(gs_connections *all, uint32_t id) {
  gs_connection *connection = connection_find(all, id);
  if (!connection || !atomic_exchange(&connection->link->paused, false)) return;
  if (connection->websocket) gs_websocket_pause(connection->websocket, false);
}

void gs_connection_close(gs_connections *all, uint32_t id, int code) {
  gs_connection *connection = connection_find(all, id);
  if (!connection) return;
  gs_websocket_failure failure = {.error = GS_ERR_CANCELLED,
                                  .phase = connection_phase(connection),
                                  .text = "closed by this side"};
  connection_finish(connection, &failure, code);
}

/* connections_each calls |visit|, which may remove the connection. */
static void connections_each(gs_connections *all,
                             void (*visit)(gs_connection *connection)) {
  for (size_t i = 0; i < GS_CONNECTION_BUCKETS; i++) {
    gs_connection *next;
    for (gs_connection *at = all->buckets[i]; at; at = next) {
      next = at->next;
      visit(at);
    }
  }
}

void gs_connections_tick(gs_connections *all) {
  connections_each(all, connection_tick);
}

static void connection_stop(gs_connection *connection) {
  gs_websocket_failure failure = {.error = GS_ERR_CANCELLED,
                                  .phase = connection_phase(connection),
                                  .text = "the engine was stopped"};
  connection_finish(connection, &failure, CLOSE_AT_ONCE);
}

void gs_connections_stop(gs_connections *all) {
  connections_each(all, connection_stop);
}
