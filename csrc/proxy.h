/* An HTTP proxy's URL, as what is needed to go through it: text in, text out,
 * no I/O. Its ceilings are libwebsockets' buffers for the CONNECT request,
 * which cut without a word what is longer. */
#ifndef GS_PROXY_H
#define GS_PROXY_H

#include "buf.h"

enum {
  GS_PROXY_AUTH_MAX = 93,   /* bytes of "user:password": 124 in base64 */
  GS_PROXY_TARGET_MAX = 99, /* bytes of the server's name */
  GS_PROXY_PORT = 1080,     /* of a proxy whose URL names none, as curl's */
};

typedef struct gs_proxy {
  char host[256];
  int port;
  char auth[GS_PROXY_AUTH_MAX + 1];     /* "user:password", decoded; "": none */
  char target[GS_PROXY_TARGET_MAX + 1]; /* the server, as CONNECT names it */
} gs_proxy;

/* gs_proxy_read reads |url|, on the way to the server |target|. Returns 0, or
 * an error with one line in |text|, which has no part of the URL. [any] */
GS_NODISCARD int gs_proxy_read(gs_proxy *proxy, const char *url,
                               const char *target, char *text,
                               size_t text_size);

/* gs_proxy_locate writes "http://user:password@address:port", the user and
 * password not encoded: what libwebsockets expects. |address| stands for the
 * host. 400 bytes are enough. [any] */
void gs_proxy_locate(const gs_proxy *proxy, const char *address, char *text,
                     size_t text_size);

#endif
