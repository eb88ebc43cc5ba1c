/* A websocket client connection: libwebsockets on the engine's libuv loop. It
 * dials one address, does TLS and the upgrade, moves frames, and reports; what
 * is said in the frames, when to dial and when to give up is decided elsewhere
 * (connection.c). The only file that includes libwebsockets.
 * [io] throughout. */
#ifndef GS_WEBSOCKET_H
#define GS_WEBSOCKET_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <uv.h>

#include "upgrade.h"

typedef struct gs_websocket_context gs_websocket_context;
typedef struct gs_websocket gs_websocket;

typedef struct gs_websocket_failure {
  int error; /* errors.h; 0: closed without an error */
  gs_phase phase;
  const char *text; /* one line */
  int status;       /* of a refused upgrade, else 0 */
  const char *body; /* of a refused upgrade, what came with its head, or NULL */
  size_t body_len;
  /* Headers of a refused upgrade, "" if it has none, or NULL. */
  const char *retry_after, *date;
  int close_code; /* of the peer's close frame, else 0 */
  int sys_errno;  /* else 0 */
} gs_websocket_failure;

typedef struct gs_websocket_callbacks {
  /* on_open: the upgrade is done. */
  void (*on_open)(void *user);
  /* on_data: a piece of a message. */
  void (*on_data)(void *user, const uint8_t *data, size_t len, bool first,
                  bool final, bool binary);
  /* on_writable: gs_websocket_write may be called, until it returns false. */
  void (*on_writable)(void *user);
  /* on_closing: the peer sent a close frame; |failure| tells its code. on_end
   * follows, soon if the peer is well-behaved, at gs_websocket_kill else. */
  void (*on_closing)(void *user, const gs_websocket_failure *failure);
  /* on_end: exactly once, also after gs_websocket_close and when dialing
   * failed; the websocket is freed after it returns. */
  void (*on_end)(void *user, const gs_websocket_failure *failure);
} gs_websocket_callbacks;

/* Strings are copied where they must outlive the call. */
typedef struct gs_websocket_options {
  const char *address;      /* numeric, of the server or of the proxy */
  int port;                 /* likewise */
  const char *proxy;        /* as of gs_proxy_locate, or NULL */
  const char *proxy_key;    /* names it, for reuse of what is costly; or "" */
  const char *proxy_target; /* "host" to CONNECT to */
  int proxy_target_port;
  SSL_CTX *tls;         /* NULL: plain */
  const char *tls_name; /* to send and to verify */
  bool verify;
  bool compression; /* offer permessage-deflate */
  const char *local_address;
  const char *protocols; /* "a,b", or NULL */
  const char *path;      /* with the query, byte for byte */
  const char *headers;   /* "Name: value\r\n"..., Host included */
} gs_websocket_options;

/* gs_websocket_context_new makes the libwebsockets context on |loop|, on which
 * nothing polls yet. Returns NULL with one line in |text|. */
GS_NODISCARD gs_websocket_context *gs_websocket_context_new(uv_loop_t *loop,
                                                            char *text,
                                                            size_t text_size);

/* gs_websocket_context_stop ends every websocket (on_end is called) and begins
 * to close the libuv handles. When the loop has run dry, call
 * gs_websocket_context_free. */
void gs_websocket_context_stop(gs_websocket_context *context);
void gs_websocket_context_free(gs_websocket_context *context);

/* gs_websocket_dial starts to connect. Never calls back from inside. Returns
 * NULL if it fails at once; then |*sys_errno| says why, if anything does. */
GS_NODISCARD gs_websocket *gs_websocket_dial(
    gs_websocket_context *context, const gs_websocket_options *options,
    const gs_websocket_callbacks *callbacks, void *user, int *sys_errno);

/* gs_websocket_adopt hands the websocket to another owner. */
void gs_websocket_adopt(gs_websocket *websocket,
                        const gs_websocket_callbacks *callbacks, void *user);

/* gs_websocket_abandon drops the connection; nothing is called back. */
void gs_websocket_abandon(gs_websocket *websocket);

/* gs_websocket_phase returns how far the connection has come. */
gs_phase gs_websocket_phase(const gs_websocket *websocket);

/* gs_websocket_want_write asks for on_writable. */
void gs_websocket_want_write(gs_websocket *websocket);

/* gs_websocket_write sends one message. |data| must have
 * gs_websocket_headroom writable bytes before it, and is masked in place.
 * Returns false if it must wait for on_writable; the message is not taken. */
GS_NODISCARD bool gs_websocket_write(gs_websocket *websocket, uint8_t *data,
                                     size_t len, bool binary, bool compress);
size_t gs_websocket_headroom(void);

/* gs_websocket_pause stops or resumes reading. */
void gs_websocket_pause(gs_websocket *websocket, bool paused);

/* gs_websocket_close sends a close frame with |code| (RFC 6455, section 7.4)
 * once what libwebsockets holds is sent; gs_websocket_kill drops the
 * connection at once. on_end follows, from inside or later. */
void gs_websocket_close(gs_websocket *websocket, int code);
void gs_websocket_kill(gs_websocket *websocket);

#endif
