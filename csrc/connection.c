#include "connection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "engineio.h"
#include "errors.h"
#include "events.h"
#include "fields.h"
#include "probe.h"
#include "resolve.h"
#include "url.h"

enum {
  CONNECTION_ADDRESSES = 8,   /* tried of one name */
  CONNECTION_LINGER_MS = 1000, /* for the closing handshake, at most */
  CONNECTION_ATTEMPT_MS = 250, /* an address gets at least this long */
};

typedef enum connection_state {
  CONNECTION_LOOKUP,
  CONNECTION_DIALING,
  CONNECTION_PROBING,
  CONNECTION_UP,
  CONNECTION_ENDING,
  CONNECTION_ENDED,
} connection_state;

typedef struct frame_header {
  uint32_t len;
  bool binary, compress;
} frame_header;

/* What is needed until the connection is up, and freed then. */
typedef struct connection_dial {
  gs_buf fields; /* the options, as Lua sent them */
  gs_buf proxy;  /* the proxy's URL, parsed */
  const char *host;
  int port;
  gs_resolve *resolve;
  gs_probe *probe;
  char addresses[CONNECTION_ADDRESSES][64];
  int address_count, address_next;
  uint64_t connect_by_ms; /* 0: no limit */
  uint64_t attempt_by_ms; /* of the current address; 0: as connect_by_ms */
} connection_dial;

struct gs_connection {
  gs_connections *all;
  gs_connection *next, **previous;
  gs_link *link;
  connection_state state;
  connection_dial *dial;
  gs_websocket *websocket;
  gs_engineio session;
  uv_timer_t timer;
  uint64_t linger_until_ms;
  gs_buf out;      /* frames to send: headroom, frame_header, bytes */
  size_t out_sent; /* of |out|, already sent */
};

static void connection_dial_next(gs_connection *connection);
static void connection_arm(gs_connection *connection);

static const char *dial_text(const connection_dial *dial, const char *key) {
  return gs_fields_get_text(dial->fields.data, dial->fields.len, key, NULL);
}

static double dial_number(const connection_dial *dial, const char *key,
                          double otherwise) {
  return gs_fields_get_number(dial->fields.data, dial->fields.len, key,
                              otherwise);
}

static bool dial_bool(const connection_dial *dial, const char *key,
                      bool otherwise) {
  return gs_fields_get_bool(dial->fields.data, dial->fields.len, key,
                            otherwise);
}

/* dial_free stops what is under way and frees it. */
static void dial_free(gs_connection *connection) {
  connection_dial *dial = connection->dial;
  if (!dial) return;
  if (dial->resolve) gs_resolve_cancel(dial->resolve);
  if (dial->probe) gs_probe_cancel(dial->probe);
  /* Headers and the path may hold secrets. */
  if (dial->fields.data) explicit_bzero(dial->fields.data, dial->fields.len);
  gs_buf_free(&dial->fields);
  if (dial->proxy.data) explicit_bzero(dial->proxy.data, dial->proxy.len);
  gs_buf_free(&dial->proxy);
  free(dial);
  connection->dial = NULL;
}

/* ---- the end ---- */

static void connection_on_timer_closed(uv_handle_t *handle) {
  gs_connection *connection = handle->data;
  gs_engineio_free(&connection->session);
  gs_buf_free(&connection->out);
  gs_link_release(connection->link);
  free(connection);
}

/* connection_remove forgets a connection that has no websocket any more. */
static void connection_remove(gs_connection *connection) {
  connection->state = CONNECTION_ENDED;
  *connection->previous = connection->next;
  if (connection->next) connection->next->previous = connection->previous;
  uv_close((uv_handle_t *)&connection->timer, connection_on_timer_closed);
}

static const char *connection_reason(const gs_websocket_failure *failure) {
  switch (failure->error) {
    case GS_ERR_CANCELLED:
      return "forced close";
    case GS_ERR_HEARTBEAT:
      return "ping timeout";
    case GS_ERR_PROTOCOL:
      return failure->phase == GS_PHASE_OPEN ? "parse error"
                                             : "transport error";
    case 0:
      return "transport close";
    case GS_ERR_NETWORK:
      return failure->phase == GS_PHASE_OPEN ? "transport close"
                                             : "transport error";
    default:
      return "transport error";
  }
}

/* connection_report sends CLOSED. Out of memory, Lua learns from the link. */
static void connection_report(gs_connection *connection,
                              const gs_websocket_failure *failure) {
  gs_connections *all = connection->all;
  gs_buf fields;
  gs_buf_init(&fields, GS_MAX_PAYLOAD);
  int code = failure->error ? failure->error : GS_ERR_CLOSED;
  int err = gs_fields_put_text(&fields, "reason", connection_reason(failure));
  if (!err) err = gs_fields_put_text(&fields, "kind", gs_error_kind(code));
  if (!err) err = gs_fields_put_text(&fields, "code", gs_error_name(code));
  if (!err) err = gs_fields_put_text(&fields, "message", failure->text);
  if (!err) {
    err = gs_fields_put_text(&fields, "phase", gs_phase_name(failure->phase));
  }
  if (!err && failure->status && failure->status != 101) {
    err = gs_fields_put_number(&fields, "status", failure->status);
  }
  if (!err && failure->body) {
    err = gs_fields_put_string(&fields, "body", failure->body,
                               failure->body_len);
  }
  if (!err && failure->close_code) {
    err = gs_fields_put_number(&fields, "close_code", failure->close_code);
  }
  if (!err && failure->sys_errno) {
    err = gs_fields_put_number(&fields, "errno", failure->sys_errno);
  }
  atomic_store(&connection->link->closed, true);
  (void)all->emit(all->user, GS_EVENT_CLOSED, 0, connection->link->id,
                  fields.data, err ? 0 : fields.len);
  gs_buf_free(&fields);
}

/* connection_finish reports the end and begins to close what is open, politely
 * with |close_code|, or at once if it is 0. */
static void connection_finish(gs_connection *connection,
                              const gs_websocket_failure *failure,
                              int close_code) {
  if (connection->state >= CONNECTION_ENDING) return;
  connection->state = CONNECTION_ENDING;
  connection_report(connection, failure);
  dial_free(connection);
  gs_engineio_close(&connection->session); /* does nothing if it began there */
  if (!connection->websocket) {
    connection_remove(connection);
    return;
  }
  connection->linger_until_ms = gs_clock_ms() + CONNECTION_LINGER_MS;
  connection_arm(connection);
  if (close_code == 0) {
    gs_websocket_kill(connection->websocket);
  } else if (connection->out_sent == connection->out.len) {
    gs_websocket_close(connection->websocket, close_code);
  } /* else connection_on_writable closes, after the last frame */
}

static gs_phase connection_phase(const gs_connection *connection) {
  if (connection->state == CONNECTION_LOOKUP) return GS_PHASE_DNS;
  if (connection->state == CONNECTION_PROBING) return GS_PHASE_TCP;
  if (!connection->dial) return GS_PHASE_OPEN;
  return connection->websocket ? gs_websocket_phase(connection->websocket)
                               : GS_PHASE_TCP;
}

static void connection_fail(gs_connection *connection, int error,
                            const char *text, int sys_errno) {
  gs_websocket_failure failure = {.error = error,
                                  .phase = connection_phase(connection),
                                  .text = text ? text : gs_error_text(error),
                                  .sys_errno = sys_errno};
  connection_finish(connection, &failure, 0);
}

/* ---- dialing ---- */

/* connection_explain words a TCP failure. */
static void connection_explain(gs_connection *connection, int sys_errno) {
  char text[256];
  connection_dial *dial = connection->dial;
  snprintf(text, sizeof text, "could not connect to %s port %d: %s", dial->host,
           dial->port,
           sys_errno ? strerror(sys_errno) : "the connection was not made");
  connection_fail(connection, GS_ERR_CONNECT, text, sys_errno);
}

static void connection_on_probed(void *user, int sys_errno) {
  gs_connection *connection = user;
  connection->dial->probe = NULL;
  connection_explain(connection, sys_errno);
}

/* connection_unreachable ends a dial whose last address failed. */
static void connection_unreachable(gs_connection *connection, int sys_errno) {
  connection_dial *dial = connection->dial;
  if (sys_errno) {
    connection_explain(connection, sys_errno);
    return;
  }
  connection->state = CONNECTION_PROBING;
  dial->attempt_by_ms = 0;
  dial->probe = gs_probe_start(connection->all->loop,
                               dial->addresses[dial->address_count - 1],
                               dial->port, connection_on_probed, connection);
  if (!dial->probe) connection_explain(connection, 0);
}

static void connection_on_open(void *user) {
  gs_connection *connection = user;
  connection->state = CONNECTION_UP;
  connection->dial->attempt_by_ms = 0;
  connection_arm(connection);
}

static void connection_on_data(void *user, const uint8_t *data, size_t len,
                               bool first, bool final, bool binary) {
  gs_connection *connection = user;
  if (connection->state != CONNECTION_UP) return;
  gs_engineio_feed(&connection->session, data, len, first, final, binary,
                   gs_clock_ms());
  if (connection->state == CONNECTION_UP) connection_arm(connection);
}

/* connection_flush writes frames until the socket takes no more. */
static void connection_flush(gs_connection *connection) {
  gs_buf *out = &connection->out;
  gs_link *link = connection->link;
  const size_t headroom = gs_websocket_headroom() + sizeof(frame_header);
  while (connection->out_sent < out->len) {
    frame_header header;
    uint8_t *body = out->data + connection->out_sent + headroom;
    memcpy(&header, out->data + connection->out_sent, sizeof header);
    if (!gs_websocket_write(connection->websocket, body, header.len,
                            header.binary, header.compress)) {
      return;
    }
    connection->out_sent += headroom + header.len;
    atomic_fetch_sub(&link->unsent, header.len);
    atomic_fetch_add(&link->sent_messages, 1);
    atomic_fetch_add(&link->sent_bytes, header.len);
  }
  gs_buf_clear(out);
  connection->out_sent = 0;
  /* A burst's buffer is not kept by an idle connection. */
  if (out->capacity > GS_CHUNK_BYTES) gs_buf_free(out);
}

static void connection_on_writable(void *user) {
  gs_connection *connection = user;
  connection_flush(connection);
  if (connection->state == CONNECTION_ENDING && connection->out.len == 0) {
    gs_websocket_close(connection->websocket, 1000);
  }
}

static void connection_on_closing(void *user,
                                  const gs_websocket_failure *failure) {
  gs_connection *connection = user;
  gs_websocket_failure told = *failure;
  told.phase = connection_phase(connection);
  if (connection->dial) told.error = GS_ERR_NETWORK;
  connection_finish(connection, &told, 1000);
}

static void connection_on_end(void *user, const gs_websocket_failure *failure) {
  gs_connection *connection = user;
  bool unreachable = connection->state == CONNECTION_DIALING &&
                     failure->phase == GS_PHASE_TCP;
  connection->websocket = NULL;
  if (unreachable) {
    connection_dial_next(connection);
  } else if (connection->state == CONNECTION_ENDING) {
    connection_remove(connection);
  } else {
    gs_websocket_failure told = *failure;
    if (!connection->dial) told.phase = GS_PHASE_OPEN;
    connection_finish(connection, &told, 0);
  }
}

static const gs_websocket_callbacks connection_websocket_callbacks = {
    .on_open = connection_on_open,
    .on_data = connection_on_data,
    .on_writable = connection_on_writable,
    .on_closing = connection_on_closing,
    .on_end = connection_on_end,
};

static SSL_CTX *connection_tls(gs_connection *connection, char *text,
                               size_t text_size) {
  const connection_dial *dial = connection->dial;
  gs_tls_options options = {
      .ca_file = dial_text(dial, "ca_file"),
      .ca_path = dial_text(dial, "ca_path"),
      .cert = dial_text(dial, "cert"),
      .key = dial_text(dial, "key"),
      .verify = dial_bool(dial, "verify", true),
  };
  return gs_tls_context(connection->all->tls, &options, text, text_size);
}

/* dial_proxy_auth writes "user:password" of the proxy's URL, if it has one. */
static const char *dial_proxy_auth(const connection_dial *dial, char *text,
                                   size_t text_size) {
  const gs_buf *proxy = &dial->proxy;
  const char *user = gs_fields_get_text(proxy->data, proxy->len, "user", NULL);
  if (!user) return NULL;
  snprintf(text, text_size, "%s:%s", user,
           gs_fields_get_text(proxy->data, proxy->len, "password", ""));
  return text;
}

/* connection_dial_address tries one address. Returns false, with the system's
 * error, if it fails at once. */
static bool connection_dial_address(gs_connection *connection,
                                    const char *address, int *sys_errno) {
  connection_dial *dial = connection->dial;
  char text[512], proxy_auth[256], proxy_key[1024];
  bool proxied = dial->proxy.len > 0;
  gs_websocket_options options = {
      .address = address,
      .port = dial->port,
      .tls_name = dial_text(dial, "server_name"),
      .verify = dial_bool(dial, "verify", true),
      .compression = dial_bool(dial, "compression", false),
      .local_address = dial_text(dial, "local_address"),
      .protocols = dial_text(dial, "protocols"),
      .path = dial_text(dial, "path"),
      .headers = dial_text(dial, "headers"),
  };
  if (!options.tls_name) options.tls_name = dial_text(dial, "host");
  if (!options.headers) options.headers = "";
  if (proxied) {
    options.proxy_target = dial_text(dial, "host");
    options.proxy_target_port = (int)dial_number(dial, "port", 0);
    options.proxy_auth = dial_proxy_auth(dial, proxy_auth, sizeof proxy_auth);
    snprintf(proxy_key, sizeof proxy_key, "%s@%s:%d",
             options.proxy_auth ? options.proxy_auth : "", dial->host,
             dial->port);
    options.proxy_key = proxy_key;
  }
  if (dial_bool(dial, "tls", false)) {
    options.tls = connection_tls(connection, text, sizeof text);
    if (!options.tls) {
      connection_fail(connection, GS_ERR_OPTION, text, 0);
      return true;
    }
  }
  connection->websocket = gs_websocket_dial(
      connection->all->websockets, &options, &connection_websocket_callbacks,
      connection, sys_errno);
  return connection->websocket != NULL;
}

/* connection_dial_next tries the next address, or gives up. The time left is
 * divided among those that are left, so that a black hole does not eat it. */
static void connection_dial_next(gs_connection *connection) {
  connection_dial *dial = connection->dial;
  int sys_errno = 0;
  connection->state = CONNECTION_DIALING;
  while (dial->address_next < dial->address_count) {
    int left = dial->address_count - dial->address_next;
    const char *address = dial->addresses[dial->address_next++];
    uint64_t now = gs_clock_ms();
    dial->attempt_by_ms = 0;
    if (left > 1 && dial->connect_by_ms > now) {
      uint64_t share = (dial->connect_by_ms - now) / (unsigned)left;
      if (share < CONNECTION_ATTEMPT_MS) share = CONNECTION_ATTEMPT_MS;
      dial->attempt_by_ms = now + share;
    }
    if (connection_dial_address(connection, address, &sys_errno)) {
      if (connection->state == CONNECTION_DIALING) connection_arm(connection);
      return;
    }
  }
  connection_unreachable(connection, sys_errno);
}

/* dial_add_address appends the numeric form of |info|'s address. */
static void dial_add_address(connection_dial *dial,
                             const struct addrinfo *info) {
  char *text = dial->addresses[dial->address_count];
  size_t size = sizeof dial->addresses[0];
  int err = getnameinfo(info->ai_addr, info->ai_addrlen, text, (socklen_t)size,
                        NULL, 0, NI_NUMERICHOST);
  if (err == 0) dial->address_count++;
}

/* connection_on_resolved takes the addresses, the two families in turn, the
 * first as the system sorted them (RFC 8305, section 4). */
static void connection_on_resolved(void *user, int error, const char *text,
                                   const struct addrinfo *list) {
  gs_connection *connection = user;
  connection_dial *dial = connection->dial;
  dial->resolve = NULL;
  if (error) {
    char message[512];
    snprintf(message, sizeof message, "the host name %s could not be resolved: %s",
             dial->host, text);
    connection_fail(connection, GS_ERR_DNS, message, 0);
    return;
  }
  const struct addrinfo *same = list, *other = list;
  int family = list ? list->ai_family : 0;
  while (dial->address_count < CONNECTION_ADDRESSES && (same || other)) {
    while (same && same->ai_family != family) same = same->ai_next;
    if (same) {
      dial_add_address(dial, same);
      same = same->ai_next;
    }
    while (other && other->ai_family == family) other = other->ai_next;
    if (other && dial->address_count < CONNECTION_ADDRESSES) {
      dial_add_address(dial, other);
      other = other->ai_next;
    }
  }
  connection_dial_next(connection);
}

/* ---- the session ---- */

static int connection_parse(void *user, gs_handshake *handshake) {
  (void)user;
  return gs_websocket_parse_handshake(handshake) ? 0 : GS_ERR_PROTOCOL;
}

static void connection_on_session_open(void *user,
                                       const gs_handshake *handshake) {
  gs_connection *connection = user;
  gs_connections *all = connection->all;
  gs_buf fields;
  gs_buf_init(&fields, GS_MAX_CONTROL * 2);
  int err = gs_fields_put_number(&fields, "version", handshake->version);
  if (!err) err = gs_fields_put_text(&fields, "sid", handshake->sid);
  if (!err) {
    err = gs_fields_put_number(&fields, "ping_interval",
                               handshake->ping_interval_ms / 1e3);
  }
  if (!err) {
    err = gs_fields_put_number(&fields, "ping_timeout",
                               handshake->ping_timeout_ms / 1e3);
  }
  if (!err) {
    err = gs_fields_put_number(&fields, "max_payload",
                               (double)handshake->max_payload);
  }
  if (!err) {
    err = gs_fields_put_string(&fields, "handshake", handshake->json,
                               handshake->json_len);
  }
  dial_free(connection);
  if (!err) {
    err = all->emit(all->user, GS_EVENT_OPEN, 0, connection->link->id,
                    fields.data, fields.len);
  }
  gs_buf_free(&fields);
  if (err) connection_fail(connection, err, NULL, 0);
}

static void connection_on_message(void *user, const uint8_t *data, size_t len,
                                  bool binary) {
  gs_connection *connection = user;
  gs_connections *all = connection->all;
  gs_link *link = connection->link;
  size_t cost = len + GS_EVENT_OVERHEAD;
  if (connection->state != CONNECTION_UP) return;
  int err = all->emit(all->user, GS_EVENT_MESSAGE, binary ? GS_FLAG_BINARY : 0,
                      link->id, data, len);
  if (err) {
    connection_fail(connection, err, NULL, 0);
    return;
  }
  atomic_fetch_add(&link->received_messages, 1);
  atomic_fetch_add(&link->received_bytes, len);
  size_t queued = atomic_fetch_add(&link->queued, cost) + cost;
  if (queued > link->max_queue && !atomic_load(&link->paused)) {
    gs_websocket_pause(connection->websocket, true);
    atomic_store(&link->paused, true);
    /* Lua may have made room before it could see |paused|. */
    if (atomic_load(&link->queued) <= link->max_queue / 2) {
      gs_connection_resume(all, link->id);
    }
  }
}

/* connection_on_send queues a frame and asks to write it. */
static void connection_on_send(void *user, const uint8_t *head, size_t head_len,
                               const uint8_t *body, size_t len, bool binary,
                               bool compress) {
  gs_connection *connection = user;
  gs_buf *out = &connection->out;
  size_t headroom = gs_websocket_headroom();
  frame_header header = {.len = (uint32_t)(head_len + len),
                         .binary = binary,
                         .compress = compress};
  /* The websocket's close frame says more than a close packet. */
  if (connection->state != CONNECTION_UP) return;
  int err = gs_buf_reserve(out, sizeof header + headroom + head_len + len);
  if (err) {
    connection_fail(connection, err, "too much is waiting to be sent", 0);
    return;
  }
  atomic_fetch_add(&connection->link->unsent, head_len + len);
  err = gs_buf_append(out, &header, sizeof header);
  memset(out->data + out->len, 0, headroom);
  out->len += headroom;
  if (!err) err = gs_buf_append(out, head, head_len);
  if (!err) err = gs_buf_append(out, body, len);
  (void)err; /* the reserve above made room for all four */
  gs_websocket_want_write(connection->websocket);
}

static void connection_on_ping(void *user) {
  gs_connection *connection = user;
  gs_connections *all = connection->all;
  atomic_store(&connection->link->last_ping_at, gs_clock_epoch());
  (void)all->emit(all->user, GS_EVENT_PING, 0, connection->link->id, NULL, 0);
}

static void connection_on_session_close(void *user, int error,
                                        const char *text) {
  gs_connection *connection = user;
  gs_websocket_failure failure = {.error = error,
                                  .phase = connection_phase(connection),
                                  .text = text};
  if (connection->dial && error == 0) failure.error = GS_ERR_PROTOCOL;
  if (error == GS_ERR_HEARTBEAT && atomic_load(&connection->link->paused)) {
    failure.text =
        "the queue of undelivered events (max_queue) stayed full for longer "
        "than the heartbeat allows: handlers are too slow";
  }
  /* A dead peer answers no close frame; a wrong one is told so. */
  connection_finish(connection, &failure,
                    error == GS_ERR_HEARTBEAT  ? 0
                    : error == GS_ERR_PROTOCOL ? 1002
                    : error == GS_ERR_TOO_BIG  ? 1009
                                               : 1000);
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
  if (connection->state == CONNECTION_ENDING) return connection->linger_until_ms;
  uint64_t deadline = gs_engineio_deadline(&connection->session);
  const connection_dial *dial = connection->dial;
  if (dial) {
    deadline = earlier(deadline, dial->connect_by_ms);
    deadline = earlier(deadline, dial->attempt_by_ms);
  }
  return deadline;
}

/* connection_tick does what is due. */
static void connection_tick(gs_connection *connection) {
  uint64_t now = gs_clock_ms();
  connection_dial *dial = connection->dial;
  if (connection->state == CONNECTION_ENDING) {
    if (now >= connection->linger_until_ms) {
      gs_websocket_kill(connection->websocket);
      return;
    }
  } else if (dial && dial->connect_by_ms && now >= dial->connect_by_ms) {
    char text[256];
    snprintf(text, sizeof text, "timed out after %g s (%s)",
             dial_number(dial, "timeout", 0),
             gs_phase_name(connection_phase(connection)));
    connection_fail(connection, GS_ERR_TIMEOUT, text, 0);
    return;
  } else if (dial && dial->attempt_by_ms && now >= dial->attempt_by_ms) {
    dial->attempt_by_ms = 0;
    if (connection_phase(connection) == GS_PHASE_TCP && connection->websocket) {
      gs_websocket_kill(connection->websocket); /* on_end dials the next */
      return;
    }
  } else if (connection->state == CONNECTION_UP) {
    gs_engineio_tick(&connection->session, now);
  }
  if (connection->state != CONNECTION_ENDED) connection_arm(connection);
}

static void connection_on_timer(uv_timer_t *timer) {
  connection_tick(timer->data);
}

/* connection_arm sets the timer to the next deadline. A timer that is set to
 * an earlier time is left alone: it finds nothing due and sets itself again,
 * which is cheaper than to move it at every message. */
static void connection_arm(gs_connection *connection) {
  uint64_t deadline = connection_deadline(connection);
  uint64_t now = gs_clock_ms();
  if (deadline == 0) {
    uv_timer_stop(&connection->timer);
    return;
  }
  uint64_t wait = deadline > now ? deadline - now : 0;
  if (uv_is_active((uv_handle_t *)&connection->timer) &&
      uv_timer_get_due_in(&connection->timer) <= wait) {
    return;
  }
  uv_update_time(connection->all->loop);
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
  connection_dial *dial = calloc(1, sizeof *dial);
  if (!connection || !dial) {
    free(connection);
    free(dial);
    return NULL;
  }
  connection->all = all;
  connection->link = gs_link_retain(link);
  connection->dial = dial;
  gs_buf_init(&connection->out, 2 * (size_t)GS_MAX_UNSENT);
  gs_buf_init(&dial->fields, GS_MAX_PAYLOAD);
  gs_buf_init(&dial->proxy, GS_MAX_CONTROL);
  uv_timer_init(all->loop, &connection->timer);
  connection->timer.data = connection;
  gs_connection **bucket = &all->buckets[link->id % GS_CONNECTION_BUCKETS];
  connection->next = *bucket;
  connection->previous = bucket;
  if (*bucket) (*bucket)->previous = &connection->next;
  *bucket = connection;
  return connection;
}

/* connection_target decides whom to dial: the server, or its proxy. */
static int connection_target(connection_dial *dial) {
  const char *proxy = dial_text(dial, "proxy");
  dial->host = dial_text(dial, "host");
  dial->port = (int)dial_number(dial, "port", 0);
  if (!dial->host || !dial->port || !dial_text(dial, "path")) {
    return GS_ERR_OPTION;
  }
  if (!proxy) return 0;
  int err = gs_url_parse(proxy, &dial->proxy);
  if (err) return err;
  dial->host = gs_fields_get_text(dial->proxy.data, dial->proxy.len, "host", "");
  dial->port = (int)gs_fields_get_number(dial->proxy.data, dial->proxy.len,
                                         "port", 1080);
  return 0;
}

void gs_connection_open(gs_connections *all, gs_link *link, const void *fields,
                        size_t len) {
  gs_connection *connection = connection_new(all, link);
  if (!connection) {
    atomic_store(&link->closed, true);
    (void)all->emit(all->user, GS_EVENT_CLOSED, 0, link->id, NULL, 0);
    return;
  }
  connection_dial *dial = connection->dial;
  int err = gs_buf_append(&dial->fields, fields, len);
  double timeout = dial_number(dial, "timeout", 0);
  if (timeout > 0) {
    dial->connect_by_ms = gs_clock_ms() + (uint64_t)(timeout * 1000);
  }
  gs_engineio_init(&connection->session,
                   (int)dial_number(dial, "engine", GS_ENGINEIO_AUTO),
                   (size_t)dial_number(dial, "max_payload", GS_MAX_PAYLOAD),
                   &connection_session_callbacks, connection);
  if (!err) err = connection_target(dial);
  if (err) {
    connection_fail(connection, err, NULL, 0);
    return;
  }
  dial->resolve = gs_resolve_start(all->loop, dial->host,
                                   connection_on_resolved, connection);
  if (!dial->resolve) {
    connection_fail(connection, GS_ERR_NOMEM, NULL, 0);
    return;
  }
  connection_arm(connection);
}

void gs_connection_send(gs_connections *all, uint32_t id, const uint8_t *data,
                        size_t len, bool binary, bool compress) {
  gs_connection *connection = connection_find(all, id);
  if (!connection) return;
  /* Lua counted the bytes when it handed them over; from here on they are
   * counted as the frame that they become. */
  atomic_fetch_sub(&connection->link->unsent, len);
  if (connection->state != CONNECTION_UP) return;
  /* Closed is no news: CLOSED is on its way to Lua. */
  int err =
      gs_engineio_send(&connection->session, data, len, binary, compress);
  (void)err;
}

void gs_connection_resume(gs_connections *all, uint32_t id) {
  gs_connection *connection = connection_find(all, id);
  if (!connection || !atomic_exchange(&connection->link->paused, false)) return;
  if (connection->websocket) {
    gs_websocket_pause(connection->websocket, false);
  }
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
  connection_finish(connection, &failure, 0);
}

void gs_connections_stop(gs_connections *all) {
  connections_each(all, connection_stop);
}
