/* One HTTP request: an easy handle, what it sends, what came back, and the
 * clock of each of its phases. Private to http*.c: http.c has the multi handle
 * and the name lookup, http_options.c turns options into the easy handle,
 * http_request.c watches the clocks, http_answer.c takes what comes back.
 * [io] throughout.
 *
 * Theory of operation. A request is in one phase, in this order:
 *
 *   phase | begins when                             | its clock
 *   ------+-----------------------------------------+--------------------
 *   DNS   | the request is made                     | connect_timeout
 *   TCP   | the address is known, no proxy is used  | the same one goes on
 *   PROXY | the address is known, a proxy is used:  | the same one goes on
 *         | its TCP and TLS, and its CONNECT        |
 *   TLS   | the handshake with the server begins    | tls_timeout
 *   SEND  | the connection is ready, or was pooled  | first_byte_timeout
 *   BODY  | the first byte of the answer has come   | idle_timeout, begun
 *         |                                         | anew by each byte
 *
 * A pooled connection that turns out to be dead sends a request back from SEND
 * to TCP or PROXY. The clock of the whole request runs beside these. */
#ifndef GS_HTTP_REQUEST_H
#define GS_HTTP_REQUEST_H

#include <curl/curl.h>
#include <stdbool.h>
#include <uv.h>

#include "buf.h"
#include "http.h"

/* Most bytes of one answer's header lines, those of interim answers and of
 * trailers among them: libcurl keeps them all. */
#define GS_HTTP_MAX_HEADERS (256u << 10)

typedef enum gs_http_phase {
  GS_HTTP_DNS,
  GS_HTTP_TCP,
  GS_HTTP_PROXY,
  GS_HTTP_TLS,
  GS_HTTP_SEND,
  GS_HTTP_BODY,
} gs_http_phase;

typedef struct gs_http_request {
  struct gs_http_request *next, **previous; /* http.c's list */
  gs_http *http;
  struct gs_resolve *resolve; /* the lookup under way, or NULL */
  uint32_t id;

  CURL *easy;
  bool added;                   /* |easy| is in the multi handle */
  struct curl_slist *headers;   /* secret */
  struct curl_slist *addresses; /* of CURLOPT_RESOLVE */
  gs_buf sent;                  /* the body to send; secret */

  char server[256];    /* the URL's host */
  char dial_host[256]; /* the same, or the proxy if there is one */
  int dial_port;
  bool dial_name;     /* |dial_host| is a name, not an address */
  bool proxy;         /* by way of a proxy */
  bool proxy_tls;     /* the proxy itself is spoken to over TLS */
  int tls_handshakes; /* begun on this connection */
  bool name_missed;   /* libcurl wanted to look up a name by itself */

  gs_buf received_headers;
  gs_buf received;
  size_t header_bytes; /* of all header lines, whether kept or not */
  bool headers_done;   /* the final response's; what follows are trailers */

  gs_http_phase phase;
  uv_timer_t timer;    /* rings when the first clock runs out, or earlier */
  uint64_t began_ns;   /* uv_hrtime at the start */
  uint64_t began_ms;   /* uv_now at the start */
  uint64_t clock_ms;   /* uv_now when the phase's clock began */
  uint64_t timeout_ms; /* of the whole request; 0: none */
  uint64_t connect_timeout_ms; /* likewise, of the phases */
  uint64_t tls_timeout_ms;
  uint64_t first_byte_timeout_ms;
  uint64_t idle_timeout_ms;

  int error; /* GS_ERR_*, the first that was met; 0: none */
  long os_errno;
  char message[400];
  char curl_text[CURL_ERROR_SIZE];
} gs_http_request;

/* gs_http_request_new makes an empty request in phase DNS. Returns NULL when
 * out of memory. */
GS_NODISCARD gs_http_request *gs_http_request_new(gs_http *http,
                                                  uv_loop_t *loop, uint32_t id);

/* gs_http_request_free overwrites the secrets, closes the timer and then frees
 * the request. Its easy handle must not be in a multi handle any more. */
void gs_http_request_free(gs_http_request *request);

/* gs_http_request_watch makes libcurl say when a phase begins. */
GS_NODISCARD CURLcode gs_http_request_watch(gs_http_request *request);

/* gs_http_request_enter begins a phase, and its clock if it has its own. */
void gs_http_request_enter(gs_http_request *request, gs_http_phase phase);

/* gs_http_request_expire fails the request with TIMEOUT and returns true if a
 * clock has run out; otherwise it sets the timer again. */
bool gs_http_request_expire(gs_http_request *request);

/* gs_http_request_fail notes why the request failed; only the first cause
 * counts. The message becomes one line of ASCII. Returns |error|. */
int gs_http_request_fail(gs_http_request *request, int error,
                         const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* gs_http_on_timer is called by each request's timer (http.c). */
void gs_http_on_timer(uv_timer_t *timer);

/* gs_http_options_apply makes the easy handle that |fields| (http.h) describe,
 * and sets the clocks. Returns 0, or the error, which the request then holds.
 */
GS_NODISCARD int gs_http_options_apply(gs_http_request *request,
                                       const void *fields, size_t len);

/* gs_http_options_address tells libcurl the addresses of |dial_host|. Returns
 * 0, or the error, which the request then holds. */
GS_NODISCARD int gs_http_options_address(gs_http_request *request,
                                         const struct addrinfo *list);

/* gs_http_answer_collect makes libcurl hand over what it receives. */
GS_NODISCARD CURLcode gs_http_answer_collect(gs_http_request *request);

/* gs_http_answer_judge notes libcurl's verdict on a transfer that ended. */
void gs_http_answer_judge(gs_http_request *request, CURLcode code);

/* gs_http_answer_doing says what the request is busy with: "while ...". */
const char *gs_http_answer_doing(const gs_http_request *request);

/* gs_http_answer_write appends the answer (http.h) to |fields|. Returns 0,
 * GS_ERR_NOMEM or GS_ERR_TOO_BIG. */
GS_NODISCARD int gs_http_answer_write(gs_http_request *request, gs_buf *fields);

#endif
