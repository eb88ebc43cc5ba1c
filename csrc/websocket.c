/* libwebsockets 4.1 or later, on a foreign libuv loop.
 *
 * What is done differently from its examples, and why:
 * - Names are resolved before (resolve.c): its own lookup blocks the loop.
 * - Its time-outs are switched off: on a libuv loop they are looked at only
 *   after the next socket event, so connection.c owns them all.
 * - The request's head is rewritten before it is sent: libwebsockets cuts a
 *   request line at 2048 bytes and a Host or Origin header at 128, and the
 *   notification URL's token is longer.
 * - SNI and the verified name are set when the handshake begins: its own code
 *   cuts the name at the first colon, which breaks IPv6 addresses. */
#include "websocket.h"

#include <errno.h>
#include <libwebsockets.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "engineio.h"
#include "errors.h"
#include "tls.h"

enum {
  WEBSOCKET_SERVICE_BYTES = 64 << 10, /* bounds the request's head */
  WEBSOCKET_RX_BYTES = 4 << 10,       /* resident memory of an idle socket */
  WEBSOCKET_BODY_BYTES = 2 << 10,     /* kept of a refused upgrade's body */
  WEBSOCKET_HEADER_BYTES = 16 << 10,  /* accepted of the server's head */
  WEBSOCKET_NEVER_S = 24 * 3600,      /* a time-out that is not to strike */
};

/* What costs much to make is shared by all websockets with the same TLS
 * context, proxy and compression: libwebsockets calls it a vhost. */
typedef struct websocket_group {
  struct websocket_group *next;
  struct lws_vhost *vhost;
  SSL_CTX *tls;
  bool compression;
  char *proxy_key; /* "" without a proxy */
} websocket_group;

struct gs_websocket_context {
  struct lws_context *lws;
  websocket_group *groups;
  gs_websocket *dialing; /* those whose upgrade is not done */
  int callback_depth;    /* > 0: libwebsockets is on the stack */
};

struct gs_websocket {
  gs_websocket_context *context;
  gs_websocket *next, **previous; /* in context->dialing; NULL outside */
  struct lws *wsi;                /* NULL once libwebsockets has let go of it */
  const gs_websocket_callbacks *callbacks; /* NULL once abandoned */
  void *user;
  char *path, *headers, *tls_name; /* freed when the upgrade is done */
  gs_phase phase;
  bool held; /* one of our functions uses it: WSI_DESTROY must not free it */
  bool dialing, ended, closing, verify, proxied, tls;
  int status;       /* of the upgrade's response */
  int close_code;   /* of the peer's close frame */
  char reason[256]; /* OpenSSL's */
  size_t body_len;
  char *body;
};

/* libwebsockets and OpenSSL's first use keep a few process-wide variables;
 * engines of several Lua states may start at the same time. */
static pthread_mutex_t library_lock = PTHREAD_MUTEX_INITIALIZER;

/* websocket_forget_dial frees what only the way to the upgrade needs. */
static void websocket_forget_dial(gs_websocket *websocket) {
  if (websocket->previous) {
    *websocket->previous = websocket->next;
    if (websocket->next) websocket->next->previous = websocket->previous;
    websocket->previous = NULL;
  }
  /* The path's query authorises the connection, headers may as well. */
  if (websocket->path) explicit_bzero(websocket->path, strlen(websocket->path));
  if (websocket->headers) {
    explicit_bzero(websocket->headers, strlen(websocket->headers));
  }
  free(websocket->path), websocket->path = NULL;
  free(websocket->headers), websocket->headers = NULL;
  free(websocket->tls_name), websocket->tls_name = NULL;
  free(websocket->body), websocket->body = NULL;
}

static void websocket_free(gs_websocket *websocket) {
  websocket_forget_dial(websocket);
  free(websocket);
}

static gs_websocket_failure websocket_failure(const gs_websocket *websocket,
                                              int error, const char *text) {
  return (gs_websocket_failure){
      .error = error,
      .phase = websocket->phase,
      .text = text,
      .status = websocket->status,
      .body = websocket->body,
      .body_len = websocket->body_len,
      .close_code = websocket->close_code,
  };
}

/* websocket_end reports the end, once. */
static void websocket_end(gs_websocket *websocket, int error,
                          const char *text) {
  if (websocket->ended) return;
  websocket->ended = true;
  gs_websocket_failure failure = websocket_failure(websocket, error, text);
  if (!websocket->dialing && websocket->callbacks) {
    websocket->callbacks->on_end(websocket->user, &failure);
  }
}

/* websocket_fail ends a websocket that was not upgraded. */
static void websocket_fail(gs_websocket *websocket, const char *lws_text) {
  char text[512];
  gs_upgrade_failure failure = {.phase = websocket->phase,
                                .status = websocket->status,
                                .tls_reason = websocket->reason,
                                .library_text = lws_text};
  int error = gs_upgrade_explain(&failure, text, sizeof text);
  websocket_end(websocket, error, text);
}

/* websocket_rewrite_head makes the request ours. |at| is the end of what
 * libwebsockets wrote, |room| how much may follow. Returns the new end, or NULL
 * if it cannot be. */
static char *websocket_rewrite_head(const gs_websocket *websocket, char *at,
                                    size_t room) {
  /* It keeps 12 bytes for the end of the head. */
  char *head = at + room + 12 - WEBSOCKET_SERVICE_BYTES;
  size_t len = gs_upgrade_rewrite(head, (size_t)(at - head),
                                  WEBSOCKET_SERVICE_BYTES - 12, websocket->path,
                                  websocket->headers);
  return len ? head + len : NULL;
}

/* websocket_of_ssl finds whose handshake |ssl| is: libwebsockets tells its own
 * callback only in some builds, and the descriptor is what both know. */
static gs_websocket *websocket_of_ssl(const SSL *ssl) {
  gs_websocket_context *context = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
  int fd = SSL_get_fd(ssl);
  gs_websocket *websocket = context ? context->dialing : NULL;
  while (websocket &&
         (!websocket->wsi || lws_get_socket_fd(websocket->wsi) != fd)) {
    websocket = websocket->next;
  }
  return websocket;
}

/* websocket_on_ssl_info follows a TLS handshake, called by OpenSSL. */
static void websocket_on_ssl_info(const SSL *ssl, int where, int value) {
  const int interesting =
      SSL_CB_HANDSHAKE_START | SSL_CB_HANDSHAKE_DONE | SSL_CB_ALERT;
  bool failed = where == SSL_CB_CONNECT_EXIT && value <= 0;
  if (!(where & interesting) && !failed) return;
  gs_websocket *websocket = websocket_of_ssl(ssl);
  if (!websocket) return;
  /* TLS 1.3 may begin another one, for session tickets, at any time. */
  bool ours = websocket->phase < GS_PHASE_UPGRADE;
  if (ours && where & SSL_CB_HANDSHAKE_START) {
    websocket->phase = GS_PHASE_TLS;
    /* OpenSSL says const and allows it: this is its hook before the hello. */
    gs_tls_prepare((SSL *)(uintptr_t)ssl, websocket->tls_name,
                   websocket->verify);
  } else if (ours && where & SSL_CB_HANDSHAKE_DONE) {
    websocket->phase = GS_PHASE_UPGRADE;
  } else if (where == SSL_CB_READ_ALERT && value >> 8 == SSL3_AL_FATAL) {
    gs_tls_alert(value, websocket->reason, sizeof websocket->reason);
  } else if (failed && !*websocket->reason) {
    gs_tls_reason(ssl, websocket->tls_name, websocket->reason,
                  sizeof websocket->reason);
  }
}

/* websocket_on_response sees the server's head before libwebsockets judges it,
 * the only moment when a refused upgrade's body can be had. */
static void websocket_on_response(gs_websocket *websocket) {
  websocket->status = (int)lws_http_client_http_response(websocket->wsi);
  if (websocket->status == 101) return;
  char *at = NULL;
  int len = 0;
  if (lws_http_client_read(websocket->wsi, &at, &len) < 0) return;
}

static void websocket_on_body(gs_websocket *websocket, const void *data,
                              size_t len) {
  size_t room = WEBSOCKET_BODY_BYTES - websocket->body_len;
  if (!websocket->body) websocket->body = malloc(WEBSOCKET_BODY_BYTES);
  if (!websocket->body) return;
  if (len > room) len = room;
  memcpy(websocket->body + websocket->body_len, data, len);
  websocket->body_len += len;
}

static void websocket_on_upgraded(gs_websocket *websocket) {
  websocket->phase = GS_PHASE_HANDSHAKE;
  websocket_forget_dial(websocket);
  if (websocket->callbacks) websocket->callbacks->on_open(websocket->user);
}

/* websocket_on_peer_close takes the peer's close frame; libwebsockets returns
 * it. */
static void websocket_on_peer_close(gs_websocket *websocket,
                                    const uint8_t *data, size_t len) {
  char text[160];
  if (len >= 2) websocket->close_code = data[0] << 8 | data[1];
  snprintf(text, sizeof text,
           "the server closed the websocket with code %d%s%.*s",
           websocket->close_code, len > 2 ? ": " : "",
           len > 2 ? (int)len - 2 : 0, len > 2 ? (const char *)data + 2 : "");
  gs_websocket_failure failure = websocket_failure(websocket, 0, text);
  if (!websocket->ended && websocket->callbacks) {
    websocket->callbacks->on_closing(websocket->user, &failure);
  }
}

/* websocket_on_event handles what libwebsockets says of one websocket; a
 * result other than 0 makes it close the connection. */
static int websocket_on_event(gs_websocket *websocket, struct lws *wsi,
                              enum lws_callback_reasons reason, void *in,
                              size_t len) {
  switch (reason) {
    case LWS_CALLBACK_WSI_CREATE: /* TCP is up */
      websocket->phase = websocket->proxied ? GS_PHASE_PROXY
                         : websocket->tls   ? GS_PHASE_TLS
                                            : GS_PHASE_UPGRADE;
      break;
    case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER: {
      char **at = in, *end = websocket_rewrite_head(websocket, *at, len);
      websocket->phase = GS_PHASE_UPGRADE;
      if (!end) return -1;
      *at = end;
      break;
    }
    case LWS_CALLBACK_ESTABLISHED_CLIENT_HTTP:
      websocket_on_response(websocket);
      break;
    case LWS_CALLBACK_RECEIVE_CLIENT_HTTP_READ:
      websocket_on_body(websocket, in, len);
      break;
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
      websocket_on_upgraded(websocket);
      break;
    case LWS_CALLBACK_CLIENT_RECEIVE:
      if (websocket->ended || !websocket->callbacks) break;
      websocket->callbacks->on_data(
          websocket->user, in, len, lws_is_first_fragment(wsi),
          lws_is_final_fragment(wsi), lws_frame_is_binary(wsi));
      break;
    case LWS_CALLBACK_CLIENT_WRITEABLE:
      if (websocket->closing) return -1;
      if (!websocket->ended && websocket->callbacks) {
        websocket->callbacks->on_writable(websocket->user);
      }
      break;
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
      websocket_on_peer_close(websocket, in, len);
      break;
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
      websocket_fail(websocket, in ? (const char *)in : "unknown reason");
      break;
    case LWS_CALLBACK_CLIENT_CLOSED:
      websocket_end(websocket, websocket->closing ? 0 : GS_ERR_NETWORK,
                    "the connection was lost without a close frame");
      break;
    default:
      break;
  }
  return 0;
}

static int websocket_on_lws(struct lws *wsi, enum lws_callback_reasons reason,
                            void *user, void *in, size_t len) {
  if (!wsi) return 0;
  gs_websocket *websocket = lws_wsi_user(wsi);
  if (!websocket) return 0;
  if (reason == LWS_CALLBACK_OPENSSL_PERFORM_SERVER_CERT_VERIFICATION) {
    /* |user| is OpenSSL's verification here, not ours. */
    if (!websocket->verify) X509_STORE_CTX_set_error(user, X509_V_OK);
    return 0;
  }
  if (reason == LWS_CALLBACK_WSI_DESTROY) {
    websocket->wsi = NULL;
    if (websocket->phase < GS_PHASE_HANDSHAKE) {
      websocket_fail(websocket, "closed before it was upgraded");
    } else {
      websocket_end(websocket, GS_ERR_NETWORK, "the connection was dropped");
    }
    if (!websocket->held) websocket_free(websocket);
    return 0;
  }
  gs_websocket_context *context = websocket->context;
  if (!websocket->wsi) websocket->wsi = wsi;
  context->callback_depth++;
  int result = websocket_on_event(websocket, wsi, reason, in, len);
  context->callback_depth--;
  return result;
}

static const struct lws_protocols websocket_protocols[] = {
    {.name = "graphsocket",
     .callback = websocket_on_lws,
     .rx_buffer_size = WEBSOCKET_RX_BYTES},
    {0},
};

static const struct lws_extension websocket_deflate[] = {
    {"permessage-deflate", lws_extension_callback_pm_deflate,
     "permessage-deflate; client_max_window_bits"},
    {0},
};

static void websocket_discard_log(int level, const char *line) {
  (void)level, (void)line;
}

gs_websocket_context *gs_websocket_context_new(uv_loop_t *loop, char *text,
                                               size_t text_size) {
  gs_websocket_context *context = calloc(1, sizeof *context);
  void *loops[] = {loop};
  if (!context) return snprintf(text, text_size, "out of memory"), NULL;
  struct lws_context_creation_info info = {
      .port = CONTEXT_PORT_NO_LISTEN,
      .options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
                 LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT |
                 LWS_SERVER_OPTION_VALIDATE_UTF8,
      .foreign_loops = loops,
      .pt_serv_buf_size = WEBSOCKET_SERVICE_BYTES,
      .max_http_header_data = WEBSOCKET_HEADER_BYTES,
      .timeout_secs = WEBSOCKET_NEVER_S,
  };
  pthread_mutex_lock(&library_lock);
  lws_set_log_level(0, websocket_discard_log);
  context->lws = lws_create_context(&info);
  pthread_mutex_unlock(&library_lock);
  if (context->lws) return context;
  free(context);
  snprintf(text, text_size,
           "libwebsockets could not start on libuv: install its libuv plugin "
           "(Debian: libwebsockets-evlib-uv)");
  return NULL;
}

void gs_websocket_context_stop(gs_websocket_context *context) {
  pthread_mutex_lock(&library_lock);
  lws_context_destroy(context->lws);
  pthread_mutex_unlock(&library_lock);
}

void gs_websocket_context_free(gs_websocket_context *context) {
  if (!context) return;
  /* The second call, after the loop has closed the handles, frees. */
  pthread_mutex_lock(&library_lock);
  lws_context_destroy(context->lws);
  pthread_mutex_unlock(&library_lock);
  while (context->groups) {
    websocket_group *group = context->groups;
    context->groups = group->next;
    free(group->proxy_key);
    free(group);
  }
  free(context);
}

static websocket_group *websocket_group_make(
    gs_websocket_context *context, const gs_websocket_options *options) {
  websocket_group *group = calloc(1, sizeof *group);
  if (!group) return NULL;
  struct lws_context_creation_info info = {
      .port = CONTEXT_PORT_NO_LISTEN,
      .protocols = websocket_protocols,
      .extensions = options->compression ? websocket_deflate : NULL,
      .provided_client_ssl_ctx = options->tls,
      .options = LWS_SERVER_OPTION_VALIDATE_UTF8 |
                 LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT,
      /* Not NULL: libwebsockets would read http_proxy from the environment. */
      .http_proxy_address = "",
      .connect_timeout_secs = WEBSOCKET_NEVER_S,
      .timeout_secs = WEBSOCKET_NEVER_S,
  };
  group->tls = options->tls;
  if (options->tls) {
    SSL_CTX_set_app_data(options->tls, context);
    SSL_CTX_set_info_callback(options->tls, websocket_on_ssl_info);
  }
  group->compression = options->compression;
  group->proxy_key = strdup(options->proxy_key ? options->proxy_key : "");
  pthread_mutex_lock(&library_lock);
  group->vhost =
      group->proxy_key ? lws_create_vhost(context->lws, &info) : NULL;
  pthread_mutex_unlock(&library_lock);
  if (!group->vhost) {
    free(group->proxy_key);
    free(group);
    return NULL;
  }
  group->next = context->groups;
  context->groups = group;
  return group;
}

static websocket_group *websocket_group_find(
    gs_websocket_context *context, const gs_websocket_options *options) {
  const char *proxy_key = options->proxy_key ? options->proxy_key : "";
  for (websocket_group *group = context->groups; group; group = group->next) {
    if (group->tls == options->tls &&
        group->compression == options->compression &&
        strcmp(group->proxy_key, proxy_key) == 0) {
      return group;
    }
  }
  return websocket_group_make(context, options);
}

/* websocket_set_proxy points |vhost| to the proxy's current address, which it
 * reads at each dial. */
static bool websocket_set_proxy(struct lws_vhost *vhost,
                                const gs_websocket_options *options) {
  char proxy[512];
  bool is_ipv6 = strchr(options->address, ':') != NULL;
  int len = snprintf(proxy, sizeof proxy, "%s%s%s%s%s:%d",
                     options->proxy_auth ? options->proxy_auth : "",
                     options->proxy_auth ? "@" : "", is_ipv6 ? "[" : "",
                     options->address, is_ipv6 ? "]" : "", options->port);
  return len < (int)sizeof proxy && lws_set_proxy(vhost, proxy) == 0;
}

static gs_websocket *websocket_new(gs_websocket_context *context,
                                   const gs_websocket_options *options,
                                   const gs_websocket_callbacks *callbacks,
                                   void *user) {
  gs_websocket *websocket = calloc(1, sizeof *websocket);
  if (!websocket) return NULL;
  websocket->context = context;
  websocket->callbacks = callbacks;
  websocket->user = user;
  websocket->verify = options->verify;
  websocket->proxied = options->proxy_target != NULL;
  websocket->tls = options->tls != NULL;
  websocket->phase = GS_PHASE_TCP;
  websocket->path = strdup(options->path);
  websocket->headers = strdup(options->headers);
  websocket->tls_name = strdup(options->tls_name);
  if (!websocket->path || !websocket->headers || !websocket->tls_name) {
    websocket_free(websocket);
    return NULL;
  }
  websocket->next = context->dialing;
  websocket->previous = &context->dialing;
  if (context->dialing) context->dialing->previous = &websocket->next;
  context->dialing = websocket;
  return websocket;
}

gs_websocket *gs_websocket_dial(gs_websocket_context *context,
                                const gs_websocket_options *options,
                                const gs_websocket_callbacks *callbacks,
                                void *user, int *sys_errno) {
  /* Zero seconds: no pings of its own, the heartbeat is Engine.IO's. */
  static const lws_retry_bo_t no_keepalive = {0};
  *sys_errno = ENOMEM;
  websocket_group *group = websocket_group_find(context, options);
  if (!group) return NULL;
  bool proxied = options->proxy_target != NULL;
  if (proxied && !websocket_set_proxy(group->vhost, options)) return NULL;
  gs_websocket *websocket = websocket_new(context, options, callbacks, user);
  if (!websocket) return NULL;
  struct lws_client_connect_info info = {
      .context = context->lws,
      .vhost = group->vhost,
      .address = proxied ? options->proxy_target : options->address,
      .port = proxied ? options->proxy_target_port : options->port,
      .ssl_connection =
          LCCSCF_HTTP_NO_FOLLOW_REDIRECT | (options->tls ? LCCSCF_USE_SSL : 0) |
          (options->verify ? 0
                           : LCCSCF_ALLOW_SELFSIGNED | LCCSCF_ALLOW_EXPIRED |
                                 LCCSCF_ALLOW_INSECURE |
                                 LCCSCF_SKIP_SERVER_CERT_HOSTNAME_CHECK),
      .path = "/",
      .host = "placeholder", /* as path: websocket_rewrite_head */
      .protocol = options->protocols,
      .local_protocol_name = websocket_protocols[0].name,
      .iface = options->local_address,
      .alpn = "http/1.1", /* the service fails over h2 */
      .userdata = websocket,
      .retry_and_idle_policy = &no_keepalive,
      .pwsi = &websocket->wsi,
  };
  websocket->dialing = websocket->held = true;
  errno = 0;
  struct lws *wsi = lws_client_connect_via_info(&info);
  *sys_errno = errno;
  websocket->dialing = websocket->held = false;
  if (wsi) return websocket;
  /* Whether libwebsockets still holds a half-made connection, whose end will
   * be told by WSI_DESTROY, is known only from its having made one. */
  websocket->ended = true;
  if (!websocket->wsi) websocket_free(websocket);
  return NULL;
}

void gs_websocket_adopt(gs_websocket *websocket,
                        const gs_websocket_callbacks *callbacks, void *user) {
  websocket->callbacks = callbacks;
  websocket->user = user;
}

void gs_websocket_abandon(gs_websocket *websocket) {
  websocket->callbacks = NULL;
  gs_websocket_kill(websocket);
}

gs_phase gs_websocket_phase(const gs_websocket *websocket) {
  return websocket->phase;
}

void gs_websocket_want_write(gs_websocket *websocket) {
  if (websocket->wsi) lws_callback_on_writable(websocket->wsi);
}

size_t gs_websocket_headroom(void) { return LWS_PRE; }

bool gs_websocket_write(gs_websocket *websocket, uint8_t *data, size_t len,
                        bool binary, bool compress) {
  (void)compress; /* libwebsockets 4 has no way to leave one message out */
  if (lws_partial_buffered(websocket->wsi)) {
    lws_callback_on_writable(websocket->wsi);
    return false;
  }
  /* A failed write is followed by CLOSED, which reports it. */
  (void)lws_write(websocket->wsi, data, len,
                  binary ? LWS_WRITE_BINARY : LWS_WRITE_TEXT);
  return true;
}

void gs_websocket_pause(gs_websocket *websocket, bool paused) {
  if (!websocket->wsi) return;
  lws_rx_flow_control(websocket->wsi, !paused);
  /* What it holds already is looked at only after a socket event: make one. */
  if (!paused) lws_callback_on_writable(websocket->wsi);
}

void gs_websocket_close(gs_websocket *websocket, int code) {
  if (!websocket->wsi) return;
  if (websocket->phase < GS_PHASE_HANDSHAKE) {
    gs_websocket_kill(websocket);
    return;
  }
  websocket->closing = true;
  lws_close_reason(websocket->wsi, (enum lws_close_status)code, NULL, 0);
  lws_callback_on_writable(websocket->wsi);
}

void gs_websocket_kill(gs_websocket *websocket) {
  websocket->closing = true;
  if (websocket->context->callback_depth) {
    if (websocket->wsi) {
      lws_set_timeout(websocket->wsi, PENDING_TIMEOUT_KILLED_BY_PARENT,
                      LWS_TO_KILL_ASYNC);
    }
    return;
  }
  /* Twice: the first may only begin a polite closing handshake. */
  websocket->held = true;
  for (int i = 0; i < 2 && websocket->wsi && !websocket->ended; i++) {
    lws_set_timeout(websocket->wsi, PENDING_TIMEOUT_KILLED_BY_PARENT,
                    LWS_TO_KILL_SYNC);
  }
  websocket->held = false;
  if (!websocket->wsi) websocket_free(websocket);
}

/* ---- the handshake's JSON ---- */

enum { HANDSHAKE_SID, HANDSHAKE_INTERVAL, HANDSHAKE_TIMEOUT, HANDSHAKE_MAX };

static const char *const handshake_paths[] = {"sid", "pingInterval",
                                              "pingTimeout", "maxPayload"};

typedef struct handshake_reader {
  gs_handshake *handshake;
  unsigned seen; /* a bit for each path */
} handshake_reader;

static signed char handshake_on_json(struct lejp_ctx *parser, char reason) {
  handshake_reader *reader = parser->user;
  gs_handshake *handshake = reader->handshake;
  if (!parser->path_match) return 0;
  int path = parser->path_match - 1;
  if (reason == LEJPCB_VAL_STR_CHUNK || reason == LEJPCB_VAL_STR_END) {
    if (path == HANDSHAKE_SID) {
      size_t len = strlen(handshake->sid);
      snprintf(handshake->sid + len, sizeof handshake->sid - len, "%.*s",
               parser->npos, parser->buf);
      reader->seen |= 1u << path;
    }
  } else if (reason == LEJPCB_VAL_NUM_INT || reason == LEJPCB_VAL_NUM_FLOAT) {
    double number = strtod(parser->buf, NULL);
    if (!(number >= 0)) return 0;
    double ms = number < UINT32_MAX ? number : UINT32_MAX;
    reader->seen |= 1u << path;
    if (path == HANDSHAKE_INTERVAL) handshake->ping_interval_ms = (uint32_t)ms;
    if (path == HANDSHAKE_TIMEOUT) handshake->ping_timeout_ms = (uint32_t)ms;
    if (path == HANDSHAKE_MAX && number < 1e15) {
      handshake->max_payload = (uint64_t)number;
    }
  }
  return 0;
}

bool gs_websocket_parse_handshake(struct gs_handshake *handshake) {
  handshake_reader reader = {.handshake = handshake};
  struct lejp_ctx parser;
  const unsigned needed =
      1u << HANDSHAKE_SID | 1u << HANDSHAKE_INTERVAL | 1u << HANDSHAKE_TIMEOUT;
  handshake->sid[0] = '\0';
  if (handshake->json_len > INT32_MAX) return false;
  lejp_construct(&parser, handshake_on_json, &reader, handshake_paths,
                 LWS_ARRAY_SIZE(handshake_paths));
  int left = lejp_parse(&parser, (const uint8_t *)handshake->json,
                        (int)handshake->json_len);
  lejp_destruct(&parser);
  return left >= 0 && (reader.seen & needed) == needed;
}
