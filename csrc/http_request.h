/* One HTTP request: an easy handle, what it sends, what came back, and the
 * clock of each of its phases. It knows neither the multi handle nor the name
 * lookup, which are http.c's. Private to http*.c. [io] throughout. */
#ifndef GS_HTTP_REQUEST_H
#define GS_HTTP_REQUEST_H

#include <curl/curl.h>
#include <stdbool.h>
#include <uv.h>

#include "buf.h"

/* In the order in which a request passes through them. A request whose pooled
 * connection turns out to be dead begins again at TCP or PROXY. */
typedef enum gs_http_phase {
  GS_HTTP_DNS,
  GS_HTTP_TCP,
  GS_HTTP_PROXY, /* instead of TCP: its TCP and TLS, and its CONNECT */
  GS_HTTP_TLS,
  GS_HTTP_SEND,
  GS_HTTP_BODY, /* since the first byte of the answer */
} gs_http_phase;

typedef struct gs_http_request {
  struct gs_http_request *next, **previous; /* http.c's list */
  struct gs_http *http;
  struct gs_resolve *resolve; /* the lookup under way, or NULL */
  uint32_t id;

  CURL *easy;
  bool added;                   /* |easy| is in the multi handle */
  struct curl_slist *headers;   /* secret */
  struct curl_slist *addresses; /* of CURLOPT_RESOLVE */
  gs_buf sent;                  /* the body to send; secret */

  char dial_host[256]; /* the server, or the proxy if there is one */
  int dial_port;
  bool dial_name;   /* |dial_host| is a name, not an address */
  bool tls;         /* the server is spoken to over TLS */
  int proxy_tls;    /* handshakes that are the proxy's, not the server's */
  bool proxy;       /* by way of a proxy */
  bool name_missed; /* libcurl wanted to look up a name by itself */

  gs_buf received_headers;
  gs_buf received;
  bool headers_done; /* the final response's; what follows are trailers */

  gs_http_phase phase;
  uv_timer_t timer;          /* the earliest end of any clock, or later */
  uv_timer_cb on_timer;      /* calls gs_http_request_expire */
  uint64_t began_ms;         /* uv_now at the start */
  uint64_t began_ns;         /* uv_hrtime at the start */
  uint64_t clock_ms;         /* uv_now when the phase's clock began */
  uint64_t limit_ms;         /* of the whole request; 0: none */
  uint64_t connect_limit_ms; /* likewise, of DNS, TCP and PROXY together */
  uint64_t tls_limit_ms;
  uint64_t first_byte_limit_ms;
  uint64_t idle_limit_ms;

  int error; /* GS_ERR_*, the first that was met; 0: none */
  long os_errno;
  char message[400];
  char curl_text[CURL_ERROR_SIZE];
} gs_http_request;

/* gs_http_request_new makes an empty request in phase DNS, its clocks running.
 * |on_timer| is called in time for gs_http_request_expire. Returns NULL when
 * out of memory. */
GS_NODISCARD gs_http_request *gs_http_request_new(uv_loop_t *loop, uint32_t id,
                                                  uv_timer_cb on_timer);

/* gs_http_request_prepare makes the easy handle that |fields| (http.h)
 * describe. Returns 0, or the error, which the request then holds. */
GS_NODISCARD int gs_http_request_prepare(gs_http_request *request,
                                         const void *fields, size_t len);

/* gs_http_request_address tells libcurl the addresses of |dial_host|. Returns
 * 0, or the error, which the request then holds. */
GS_NODISCARD int gs_http_request_address(gs_http_request *request,
                                         const struct addrinfo *list);

/* gs_http_request_enter begins a phase, and its clock if it has one. */
void gs_http_request_enter(gs_http_request *request, gs_http_phase phase);

/* gs_http_request_expire fails the request with TIMEOUT and returns true if
 * one of its clocks has run out; otherwise it sets the timer again. */
bool gs_http_request_expire(gs_http_request *request);

/* gs_http_request_fail notes why the request failed. Only the first cause
 * counts. The message is made one line. */
void gs_http_request_fail(gs_http_request *request, int error,
                          const char *format, ...) GS_PRINTF(3, 4);

/* gs_http_request_judge notes libcurl's verdict on a transfer that ended. */
void gs_http_request_judge(gs_http_request *request, CURLcode code);

/* gs_http_request_answer appends the answer (http.h) to |fields|. Returns 0,
 * GS_ERR_NOMEM or GS_ERR_TOO_BIG. */
GS_NODISCARD int gs_http_request_answer(gs_http_request *request,
                                        gs_buf *fields);

/* gs_http_request_free forgets the secrets, closes the timer and then frees
 * the request. The easy handle must not be in a multi handle any more. */
void gs_http_request_free(gs_http_request *request);

#endif
