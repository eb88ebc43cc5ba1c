/* HTTP requests through libcurl's multi interface on the engine's libuv loop.
 * One request has one answer: gs_http_callback is called exactly once for each
 * accepted request, also when it is cancelled or the engine stops. Redirects
 * are never followed here: who holds a token decides (client.lua). Names are
 * resolved by gs_resolve and handed to libcurl (CURLOPT_RESOLVE), because
 * libcurl's own resolver thread cannot be abandoned at close. Nothing of the
 * environment (proxies, netrc, cookies) is used.
 * [io] throughout; the thread must block SIGPIPE. */
#ifndef GS_HTTP_H
#define GS_HTTP_H

#include <stdbool.h>
#include <uv.h>

#include "buf.h"

typedef struct gs_http gs_http;

/* |fields| (fields.h) is the answer, valid during the call. On success:
 *   status (number), headers (string: the final response's header lines, each
 *   "Name: value\r\n", without the status line), body (string), version
 *   (string: "1.0", "1.1", "2", "3"), elapsed (number, seconds), ip (string).
 * On failure:
 *   kind, code, message (strings: errors.def; message is one line and carries
 *   neither URL nor header), phase (string: "dns" "tcp" "proxy" "tls"
 *   "request" "first byte" "body"), errno (number, if known), elapsed, and
 *   headers and status when they had come. With a proxy, "proxy" is all from
 *   its address to its consent. */
typedef void (*gs_http_callback)(void *user, uint32_t id, const gs_buf *fields);

/* gs_http_new prepares the multi handle; one an engine. Returns NULL when out
 * of memory. */
GS_NODISCARD gs_http *gs_http_new(uv_loop_t *loop, gs_http_callback callback,
                                  void *user);

/* gs_http_start begins the request that |fields| describes:
 *   url (string, required: http or https)
 *   method (string, "GET"), headers (string: lines "Name: value\r\n"), body
 *   (string)
 *   proxy (string: http, https or socks5h URL; absent or "" for none)
 *   ca_file, ca_path (strings: instead of the system's authorities)
 *   crl_file (string: revocation lists, PEM)
 *   cert, key (strings: PEM files), verify (bool, true)
 *   http2 (bool, true: over TLS, if the server wants), gzip (bool, true)
 *   local_address (string: an IP literal)
 *   connect_timeout (name, TCP and proxy together), tls_timeout,
 *   first_byte_timeout (from the first byte sent to the first received),
 *   idle_timeout (between two pieces of the answer), timeout (all of it):
 *   numbers, seconds; 0 or absent: none
 *   max_body (number, bytes after gzip, 16 MiB)
 * Unknown names are ignored. An unusable request is answered with an error
 * like any other, though possibly inside this call. */
void gs_http_start(gs_http *http, uint32_t id, const void *fields, size_t len);

/* gs_http_cancel answers the request with CANCELLED at once, if it is still
 * under way. */
void gs_http_cancel(gs_http *http, uint32_t id);

/* gs_http_stop cancels everything and begins to close the libuv handles; it
 * waits for nobody. The loop must run until they are closed; then call
 * gs_http_free. A second call does nothing. */
void gs_http_stop(gs_http *http);

/* gs_http_free frees a stopped gs_http. NULL is fine. */
void gs_http_free(gs_http *http);

#endif
