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
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "closing.h"
#include "errors.h"
#include "remains.h"
#include "tls.h"

#if LWS_LIBRARY_VERSION_NUMBER < 4001000
  #error "graphsocket needs libwebsockets 4.1 or later"
#endif
enum {
  WEBSOCKET_SERVICE_BYTES = 64 << 10, /* bounds the request's head */
  WEBSOCKET_RX_BYTES = 16 << 10, /* one read; of an idle socket, a page of it */
  /* The same with TLS, where the handshake has written to all of it before;
   * less does not cost more, as OpenSSL holds the rest of a record. */
  WEBSOCKET_TLS_RX_BYTES = 3 << 10,
  WEBSOCKET_HEADER_BYTES = 16 << 10, /* accepted of the server's head */
  WEBSOCKET_DEFLATE_BYTES = 1
                            << 10, /* and more: engine.io-client's threshold */
  WEBSOCKET_NOT_DEFLATED = 5,      /* its private PMDR_NOTHING_WE_SHOULD_DO */
  WEBSOCKET_WRITE_CLOSE = 4, /* its private LWS_WRITE_CLOSE, in all versions */
  WEBSOCKET_NEVER_S = 24 * 3600, /* a time-out that is not to strike */
};

/* What costs much to make is shared by all websockets with the same TLS
 * context, proxy and compression: libwebsockets calls it a vhost. */
typedef struct websocket_group {
  struct websocket_group *next;
  struct lws_vhost *vhost;
  SSL_CTX *tls;
  bool compression;
  char proxy_key[]; /* "" without a proxy */
} websocket_group;

struct gs_websocket_context {
  struct lws_context *lws;
  uv_loop_t *loop;
  websocket_group *groups;
  gs_upgrades upgrades;
  int callback_depth; /* > 0: libwebsockets is on the stack */
  gs_remains remains;
};

struct gs_websocket {
  gs_websocket_context *context;
  struct lws *wsi; /* NULL once libwebsockets has let go of it */
  const gs_websocket_callbacks *callbacks; /* NULL once abandoned */
  void *user;
  gs_upgrade *upgrade; /* NULL once it is done */
  bool held; /* one of our functions uses it: WSI_DESTROY must not free it */
  bool dialing, ended, closing, compression;
  uint8_t *deflating; /* a message that the deflater may still read, or NULL */
  int close_code;     /* of the peer's close frame */
  int our_code;       /* of the close frame to send; 0: drop the connection */
  bool close_sent;
};

/* libwebsockets and OpenSSL's first use keep a few process-wide variables;
 * engines of several Lua states may start at the same time. */
static pthread_mutex_t library_lock = PTHREAD_MUTEX_INITIALIZER;

/* websocket_forget_upgrade frees what only the way to it needs. */
static void websocket_forget_upgrade(gs_websocket *websocket) {
  gs_upgrade_free(websocket->upgrade), websocket->upgrade = NULL;
}

static void websocket_free(gs_websocket *websocket) {
  websocket_forget_upgrade(websocket);
  free(websocket->deflating);
  free(websocket);
}

/* websocket_end reports the end, once. */
static void websocket_end(gs_websocket *websocket, int error,
                          const char *text) {
  const gs_upgrade *upgrade = websocket->upgrade;
  if (websocket->ended) return;
  websocket->ended = true;
  gs_websocket_failure failure = {.error = error,
                                  .phase = gs_websocket_phase(websocket),
                                  .text = text,
                                  .close_code = websocket->close_code};
  if (upgrade) {
    failure.status = upgrade->status;
    failure.body = (char *)upgrade->body.data;
    failure.body_len = upgrade->body.len;
    failure.retry_after = upgrade->retry_after;
    failure.date = upgrade->date;
  }
  if (!websocket->dialing && websocket->callbacks) {
    websocket->callbacks->on_end(websocket->user, &failure);
  }
}

/* websocket_fail ends a websocket that was not upgraded. */
static void websocket_fail(gs_websocket *websocket, const char *lws_text) {
  char text[512];
  int error =
      gs_upgrade_explain(websocket->upgrade, lws_text, text, sizeof text);
  websocket_end(websocket, error, text);
}

/* websocket_rewrite_head makes the request ours. |at| is the end of what was
 * written, |room| how much may follow. Returns the new end, or NULL. */
static char *websocket_rewrite_head(const gs_websocket *websocket, char *at,
                                    size_t room) {
  /* It keeps 12 bytes for the end of the head. */
  char *head = at + room + 12 - WEBSOCKET_SERVICE_BYTES;
  size_t len = gs_upgrade_rewrite(websocket->upgrade, head, (size_t)(at - head),
                                  WEBSOCKET_SERVICE_BYTES - 12);
  return len ? head + len : NULL;
}

/* websocket_on_ssl_info follows a TLS handshake, called by OpenSSL.
 * libwebsockets tells whose it is in some builds only, and the descriptor is
 * what all know. */
static void websocket_on_ssl_info(const SSL *ssl, int where, int value) {
  gs_upgrades *upgrades = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
  gs_upgrade *upgrade = gs_upgrade_find(upgrades, SSL_get_fd(ssl));
  if (!upgrade) return;
  gs_tls_step step = gs_tls_follow(&upgrade->tls, ssl, where, value);
  if (step == GS_TLS_BEGUN) upgrade->phase = GS_PHASE_TLS;
  if (step == GS_TLS_DONE) upgrade->phase = GS_PHASE_UPGRADE;
}

/* websocket_on_response sees the server's head before libwebsockets judges it,
 * the only moment when a refused upgrade's body can be had. */
static void websocket_on_response(gs_websocket *websocket) {
  gs_upgrade *upgrade = websocket->upgrade;
  int status = (int)lws_http_client_http_response(websocket->wsi);
  upgrade->status = status;
  if (status == 101) return;
  /* One that is too long leaves "", as one that is absent. */
  (void)lws_hdr_copy(websocket->wsi, upgrade->retry_after,
                     sizeof upgrade->retry_after, WSI_TOKEN_HTTP_RETRY_AFTER);
  (void)lws_hdr_copy(websocket->wsi, upgrade->date, sizeof upgrade->date,
                     WSI_TOKEN_HTTP_DATE);
  char *at = NULL; /* read into its own buffer */
  int len = 0;
  (void)lws_http_client_read(websocket->wsi, &at, &len);
}

/* websocket_on_peer_close takes the peer's close frame; libwebsockets returns
 * it. */
static void websocket_on_peer_close(gs_websocket *websocket,
                                    const uint8_t *data, size_t len) {
  char text[256];
  /* libwebsockets 4.1 reads no more, but turns in a loop for ever while
   * OpenSSL holds more. */
  gs_tls_drop_record(lws_get_ssl(websocket->wsi));
  websocket->close_sent = true; /* by libwebsockets, with the same code */
  websocket->close_code = gs_closing_explain(data, len, text, sizeof text);
  gs_websocket_failure failure = {.phase = gs_websocket_phase(websocket),
                                  .text = text,
                                  .close_code = websocket->close_code};
  if (!websocket->ended && websocket->callbacks) {
    websocket->callbacks->on_closing(websocket->user, &failure);
  }
}

/* websocket_send_close: what libwebsockets does when the callback returns -1 is
 * no way, in the builds that close twice on libuv (Debian's) nothing is sent.
 */
static int websocket_send_close(gs_websocket *websocket) {
  uint8_t frame[LWS_PRE + 2] = {0};
  if (!websocket->our_code) return -1;
  if (websocket->close_sent) return 0;
  websocket->close_sent = true;
  gs_closing_write(websocket->our_code, frame + LWS_PRE);
  return lws_write(websocket->wsi, frame + LWS_PRE, 2,
                   (enum lws_write_protocol)WEBSOCKET_WRITE_CLOSE) < 0;
}

/* websocket_on_upgraded handles what libwebsockets says of a websocket once it
 * is one; a result other than 0 makes it close the connection. */
static int websocket_on_upgraded(gs_websocket *websocket, struct lws *wsi,
                                 enum lws_callback_reasons reason, void *in,
                                 size_t len) {
  const char *text;
  int error;
  switch (reason) {
    case LWS_CALLBACK_CLIENT_RECEIVE:
      if (websocket->ended || !websocket->callbacks) break;
      websocket->callbacks->on_data(
          websocket->user, in, len, lws_is_first_fragment(wsi),
          lws_is_final_fragment(wsi), lws_frame_is_binary(wsi));
      break;
    case LWS_CALLBACK_CLIENT_WRITEABLE:
      if (websocket->closing) return websocket_send_close(websocket);
      free(websocket->deflating), websocket->deflating = NULL;
      if (!websocket->ended && websocket->callbacks) {
        websocket->callbacks->on_writable(websocket->user);
      }
      break;
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
      if (websocket->close_sent) return -1;
      websocket_on_peer_close(websocket, in, len);
      break;
    case LWS_CALLBACK_CLIENT_CLOSED:
      error = gs_closing_explain_loss(lws_get_socket_fd(wsi), &text);
      websocket_end(websocket, websocket->closing ? 0 : error, text);
      break;
    default:
      break;
  }
  return 0;
}

/* websocket_on_dialed handles, likewise, what is said until then. */
static int websocket_on_dialed(gs_websocket *websocket, struct lws *wsi,
                               enum lws_callback_reasons reason, void *in,
                               size_t len) {
  gs_upgrade *upgrade = websocket->upgrade;
  switch (reason) {
    case LWS_CALLBACK_WSI_CREATE: /* TCP is up */
      upgrade->phase = upgrade->after_tcp;
      gs_upgrade_list(upgrade, &websocket->context->upgrades,
                      lws_get_socket_fd(wsi));
      return 0;
    case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER: {
      char **at = in, *end = websocket_rewrite_head(websocket, *at, len);
      upgrade->phase = GS_PHASE_UPGRADE;
      if (!end) return -1;
      *at = end;
      return 0;
    }
    case LWS_CALLBACK_ESTABLISHED_CLIENT_HTTP:
      websocket_on_response(websocket);
      return 0;
    case LWS_CALLBACK_RECEIVE_CLIENT_HTTP_READ:
      gs_upgrade_take_body(upgrade, in, len);
      return 0;
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
      websocket_forget_upgrade(websocket);
      if (websocket->callbacks) websocket->callbacks->on_open(websocket->user);
      return 0;
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
      websocket_fail(websocket, in ? (const char *)in : "unknown reason");
      return 0;
    default:
      return websocket_on_upgraded(websocket, wsi, reason, in, len);
  }
}

static int websocket_on_lws(struct lws *wsi, enum lws_callback_reasons reason,
                            void *user, void *in, size_t len) {
  gs_websocket *websocket = wsi ? lws_wsi_user(wsi) : NULL;
  if (!websocket) return 0;
  gs_websocket_context *context = websocket->context;
  if (reason == LWS_CALLBACK_OPENSSL_PERFORM_SERVER_CERT_VERIFICATION) {
    /* |user| is OpenSSL's verification here, not ours. */
    if (websocket->upgrade && !websocket->upgrade->tls.verify) {
      X509_STORE_CTX_set_error(user, X509_V_OK);
    }
    return 0;
  }
  if (reason == LWS_CALLBACK_WSI_DESTROY) {
    websocket->wsi = NULL;
    if (websocket->upgrade) {
      websocket_fail(websocket, "closed before it was upgraded");
    } else {
      websocket_end(websocket, GS_ERR_NETWORK, "the connection was dropped");
    }
    /* 4.1 forgets its handle where a connect fails at once. */
    if (websocket->dialing) gs_remains_close_handles(context->loop, wsi);
    if (!websocket->held) websocket_free(websocket);
    return 0;
  }
  if (!websocket->wsi) websocket->wsi = wsi;
  context->callback_depth++;
  int result = websocket->upgrade
                   ? websocket_on_dialed(websocket, wsi, reason, in, len)
                   : websocket_on_upgraded(websocket, wsi, reason, in, len);
  context->callback_depth--;
  return result;
}

static const struct lws_protocols websocket_protocols[] = {
    {.name = "graphsocket",
     .callback = websocket_on_lws,
     .rx_buffer_size = WEBSOCKET_RX_BYTES},
    {0},
};

static const struct lws_protocols websocket_tls_protocols[] = {
    {.name = "graphsocket",
     .callback = websocket_on_lws,
     .rx_buffer_size = WEBSOCKET_TLS_RX_BYTES},
    {0},
};

/* websocket_on_extension is libwebsockets' deflater, but for messages that are
 * left as they are: it has no way to send one, and 4.1 hands a received one out
 * again and again unless it is told (by 0) that there is no extension. */
static int websocket_on_extension(struct lws_context *lws,
                                  const struct lws_extension *deflate,
                                  struct lws *wsi,
                                  enum lws_extension_callback_reasons reason,
                                  void *user, void *in, size_t len) {
  gs_websocket *websocket = wsi ? lws_wsi_user(wsi) : NULL;
  if (reason == LWS_EXT_CB_PAYLOAD_TX && !websocket->deflating) return 0;
  int result = lws_extension_callback_pm_deflate(lws, deflate, wsi, reason,
                                                 user, in, len);
  bool plain = result == WEBSOCKET_NOT_DEFLATED;
  return reason == LWS_EXT_CB_PAYLOAD_RX && plain ? 0 : result;
}

static const struct lws_extension websocket_deflate[] = {
    {"permessage-deflate", websocket_on_extension,
     "permessage-deflate; client_max_window_bits"},
    {0},
};

gs_websocket_context *gs_websocket_context_new(uv_loop_t *loop, char *text,
                                               size_t text_size) {
  gs_websocket_context *context = calloc(1, sizeof *context);
  if (!context) return snprintf(text, text_size, "out of memory"), NULL;
  context->loop = loop;
  struct lws_context_creation_info info = {
      .port = CONTEXT_PORT_NO_LISTEN,
      .options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
                 LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT,
      .foreign_loops = (void *[]){loop},
      .pt_serv_buf_size = WEBSOCKET_SERVICE_BYTES,
      .max_http_header_data = WEBSOCKET_HEADER_BYTES,
      .timeout_secs = WEBSOCKET_NEVER_S,
  };
  /* It ignores SIGPIPE for the whole process and all its children; our thread
   * blocks the signal, and the rest is not ours. */
  struct sigaction on_pipe;
  pthread_mutex_lock(&library_lock);
  sigaction(SIGPIPE, NULL, &on_pipe);
  lws_set_log_level(0, NULL);
  context->lws = lws_create_context(&info);
  sigaction(SIGPIPE, &on_pipe, NULL);
  pthread_mutex_unlock(&library_lock);
  gs_remains_note(&context->remains, loop);
  if (context->lws) return context;
  free(context);
  snprintf(text, text_size,
           "libwebsockets could not start on libuv: install its libuv plugin "
           "(Debian: libwebsockets-evlib-uv, Alpine: libwebsockets-evlib_uv)");
  return NULL;
}

/* websocket_destroy_lws begins to end it, and frees it the second time. */
static void websocket_destroy_lws(gs_websocket_context *context) {
  pthread_mutex_lock(&library_lock);
  lws_context_destroy(context->lws);
  pthread_mutex_unlock(&library_lock);
}

void gs_websocket_context_stop(gs_websocket_context *context) {
  gs_remains_hold(&context->remains);
  websocket_destroy_lws(context);
}

void gs_websocket_context_free(gs_websocket_context *context) {
  if (!context) return;
  websocket_destroy_lws(context);
  /* 4.1 forgets handles of some connections that break, 4.3 to close the
   * descriptor that it is woken by. */
  gs_remains_close_handles(context->loop, NULL);
  gs_remains_close(&context->remains);
  while (context->groups) {
    websocket_group *group = context->groups;
    context->groups = group->next;
    free(group);
  }
  free(context);
}

static websocket_group *websocket_group_make(
    gs_websocket_context *context, const gs_websocket_options *options) {
  size_t key_len = strlen(options->proxy_key);
  websocket_group *group = calloc(1, sizeof *group + key_len + 1);
  if (!group) return NULL;
  struct lws_context_creation_info info = {
      .port = CONTEXT_PORT_NO_LISTEN,
      /* Compression is left alone: its windows are what weighs then. */
      .protocols = options->tls && !options->compression
                       ? websocket_tls_protocols
                       : websocket_protocols,
      .extensions = options->compression ? websocket_deflate : NULL,
      .provided_client_ssl_ctx = options->tls,
      /* TLS only where it is wanted: without a context of ours libwebsockets
       * makes one, which loads all of the system's certificates. */
      .options = options->tls ? LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT : 0,
      /* Not NULL: libwebsockets would read http_proxy from the environment. */
      .http_proxy_address = "",
      .connect_timeout_secs = WEBSOCKET_NEVER_S,
      .timeout_secs = WEBSOCKET_NEVER_S,
  };
  group->tls = options->tls;
  if (options->tls) {
    SSL_CTX_set_app_data(options->tls, &context->upgrades);
    SSL_CTX_set_info_callback(options->tls, websocket_on_ssl_info);
  }
  group->compression = options->compression;
  memcpy(group->proxy_key, options->proxy_key, key_len);
  pthread_mutex_lock(&library_lock);
  group->vhost = lws_create_vhost(context->lws, &info);
  pthread_mutex_unlock(&library_lock);
  if (!group->vhost) return free(group), NULL;
  group->next = context->groups;
  context->groups = group;
  return group;
}

static websocket_group *websocket_group_find(
    gs_websocket_context *context, const gs_websocket_options *options) {
  for (websocket_group *group = context->groups; group; group = group->next) {
    if (group->tls == options->tls &&
        group->compression == options->compression &&
        strcmp(group->proxy_key, options->proxy_key) == 0) {
      return group;
    }
  }
  return websocket_group_make(context, options);
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
  websocket->compression = options->compression;
  websocket->upgrade = gs_upgrade_new(options->path, options->headers,
                                      options->tls_name, options->verify,
                                      options->proxy ? GS_PHASE_PROXY
                                      : options->tls ? GS_PHASE_TLS
                                                     : GS_PHASE_UPGRADE);
  if (!websocket->upgrade) return free(websocket), NULL;
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
  const char *proxy = options->proxy; /* its address changes between dials */
  if (proxy && lws_set_proxy(group->vhost, proxy)) return NULL;
  gs_websocket *websocket = websocket_new(context, options, callbacks, user);
  if (!websocket) return NULL;
  struct lws_client_connect_info info = {
      .context = context->lws,
      .vhost = group->vhost,
      .address = proxy ? options->proxy_target : options->address,
      .port = proxy ? options->proxy_target_port : options->port,
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
  };
  websocket->dialing = websocket->held = true;
  errno = 0;
  struct lws *wsi = lws_client_connect_via_info(&info);
  *sys_errno = errno;
  websocket->dialing = websocket->held = false;
  if (wsi) {
    websocket->wsi = wsi;
    return websocket;
  }
  /* 4.3 closes the handle first and then tells of the end, by WSI_DESTROY. */
  websocket->ended = true;
  if (!websocket->wsi || !gs_remains_closing(context->loop, websocket->wsi)) {
    websocket_free(websocket);
  }
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
  const gs_upgrade *upgrade = websocket->upgrade;
  return upgrade ? upgrade->phase : GS_PHASE_HANDSHAKE;
}

void gs_websocket_want_write(gs_websocket *websocket) {
  if (websocket->wsi) lws_callback_on_writable(websocket->wsi);
}

size_t gs_websocket_headroom(void) { return LWS_PRE; }

bool gs_websocket_write(gs_websocket *websocket, uint8_t *data, size_t len,
                        bool binary, bool compress) {
  if (websocket->deflating || lws_partial_buffered(websocket->wsi)) {
    lws_callback_on_writable(websocket->wsi);
    return false;
  }
  if (websocket->compression && compress && len >= WEBSOCKET_DEFLATE_BYTES) {
    /* The deflater reads its input until the socket is writable again. */
    websocket->deflating = malloc(LWS_PRE + len);
    if (!websocket->deflating) return gs_websocket_kill(websocket), false;
    data = memcpy(websocket->deflating + LWS_PRE, data, len);
    lws_callback_on_writable(websocket->wsi);
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
  if (websocket->upgrade) return gs_websocket_kill(websocket);
  websocket->closing = true;
  websocket->our_code = code;
  lws_callback_on_writable(websocket->wsi);
}

void gs_websocket_kill(gs_websocket *websocket) {
  websocket->closing = true;
  websocket->our_code = 0;
  if (websocket->context->callback_depth) {
    if (!websocket->wsi) return;
    return lws_set_timeout(websocket->wsi, PENDING_TIMEOUT_KILLED_BY_PARENT,
                           LWS_TO_KILL_ASYNC);
  }
  /* Twice: the first may only begin a polite closing handshake. */
  websocket->held = true;
  for (int i = 0; i < 2 && websocket->wsi && !websocket->ended; i++) {
    lws_set_timeout(websocket->wsi, PENDING_TIMEOUT_KILLED_BY_PARENT,
                    LWS_TO_KILL_SYNC);
  }
  websocket->held = false;
  if (!websocket->wsi) {
    websocket_free(websocket);
  } else if (!websocket->ended) {
    /* It waits, for as long as the peer likes, to send what it holds: let the
     * next write fail. */
    shutdown(lws_get_socket_fd(websocket->wsi), SHUT_RDWR);
    lws_callback_on_writable(websocket->wsi);
  }
}
