/* The life of a request and its clocks. What holds a token is overwritten
 * before its memory is given back; libcurl's own copy on the way to the socket
 * is out of reach. */
#include "http_request.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "errors.h"

#if LIBCURL_VERSION_NUM < 0x075000
  #error "graphsocket needs libcurl 7.80 or later (CURLOPT_PREREQFUNCTION)"
#endif

/* Silence of the peer's TCP while our data waits for its acknowledgement,
 * after which the kernel ends the connection, in milliseconds. Without it, a
 * pooled HTTP/2 connection that a firewall has forgotten swallows one request
 * after the other for a quarter of an hour. */
#define ACK_TIMEOUT_MS 20000

gs_http_request *gs_http_request_new(gs_http *http, uv_loop_t *loop,
                                     uint32_t id) {
  gs_http_request *request = calloc(1, sizeof *request);
  if (!request) return NULL;
  request->http = http;
  request->id = id;
  request->began_ns = uv_hrtime();
  uv_update_time(loop); /* what the loop did before us is not our time */
  request->began_ms = request->clock_ms = uv_now(loop);
  uv_timer_init(loop, &request->timer);
  request->timer.data = request;
  gs_buf_init(&request->received_headers, GS_HTTP_MAX_HEADERS);
  return request;
}

static void request_on_close(uv_handle_t *timer) { free(timer->data); }

void gs_http_request_free(gs_http_request *request) {
  curl_easy_cleanup(request->easy);
  for (struct curl_slist *at = request->headers; at; at = at->next) {
    explicit_bzero(at->data, strlen(at->data));
  }
  curl_slist_free_all(request->headers);
  curl_slist_free_all(request->addresses);
  if (request->sent.data) {
    explicit_bzero(request->sent.data, request->sent.capacity);
  }
  gs_buf_free(&request->sent);
  gs_buf_free(&request->received_headers);
  gs_buf_free(&request->received);
  uv_close((uv_handle_t *)&request->timer, request_on_close);
}

int gs_http_request_fail(gs_http_request *request, int error,
                         const char *format, ...) {
  if (request->error) return request->error;
  request->error = error;
  va_list args;
  va_start(args, format);
  vsnprintf(request->message, sizeof request->message, format, args);
  va_end(args);
  size_t len = strlen(request->message);
  for (size_t i = 0; i < len; i++) {
    unsigned char byte = (unsigned char)request->message[i];
    if (byte < ' ' || byte == 0x7f) request->message[i] = ' ';
    if (byte > 0x7f) request->message[i] = '?';
  }
  while (len && strchr(" ,", request->message[len - 1])) {
    request->message[--len] = 0;
  }
  return error;
}

/* request_deadline returns when the first clock runs out (UINT64_MAX: none
 * runs), and in |*timeout_ms| for how long that one was set. */
static uint64_t request_deadline(const gs_http_request *request,
                                 uint64_t *timeout_ms) {
  uint64_t end = UINT64_MAX;
  switch (request->phase) {
    case GS_HTTP_DNS:
    case GS_HTTP_TCP:
    case GS_HTTP_PROXY:
      *timeout_ms = request->connect_timeout_ms;
      break;
    case GS_HTTP_TLS:
      *timeout_ms = request->tls_timeout_ms;
      break;
    case GS_HTTP_SEND:
      *timeout_ms = request->first_byte_timeout_ms;
      break;
    case GS_HTTP_BODY:
      *timeout_ms = request->idle_timeout_ms;
      break;
  }
  if (*timeout_ms) end = request->clock_ms + *timeout_ms;
  if (request->timeout_ms && request->began_ms + request->timeout_ms < end) {
    *timeout_ms = request->timeout_ms;
    end = request->began_ms + *timeout_ms;
  }
  return end;
}

static void request_arm(gs_http_request *request) {
  uint64_t timeout_ms = 0;
  uint64_t now = uv_now(request->timer.loop);
  uint64_t end = request_deadline(request, &timeout_ms);
  if (end == UINT64_MAX) {
    uv_timer_stop(&request->timer);
    return;
  }
  uv_timer_start(&request->timer, gs_http_on_timer, end > now ? end - now : 0,
                 0);
}

void gs_http_request_enter(gs_http_request *request, gs_http_phase phase) {
  bool dialling = request->phase <= GS_HTTP_PROXY && phase <= GS_HTTP_PROXY;
  request->phase = phase;
  if (!dialling) request->clock_ms = uv_now(request->timer.loop);
  request_arm(request);
}

bool gs_http_request_expire(gs_http_request *request) {
  uint64_t timeout_ms = 0;
  if (uv_now(request->timer.loop) < request_deadline(request, &timeout_ms)) {
    request_arm(request);
    return false;
  }
  gs_http_request_fail(request, GS_ERR_TIMEOUT, "timed out after %g s while %s",
                       (double)timeout_ms / 1000,
                       gs_http_answer_doing(request));
  return true;
}

/* request_on_open makes a socket that no command of the script inherits: one
 * that goes on in the background would keep the connection open for ever.
 * libcurl 7.88 makes them without. */
static curl_socket_t request_on_open(void *user, curlsocktype use,
                                     struct curl_sockaddr *address) {
  (void)user;
  (void)use;
#ifdef SOCK_CLOEXEC
  return socket(address->family, address->socktype | SOCK_CLOEXEC,
                address->protocol);
#else
  int fd = socket(address->family, address->socktype, address->protocol);
  if (fd >= 0) (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
  return fd;
#endif
}

static int request_on_socket(void *user, curl_socket_t fd, curlsocktype use) {
  gs_http_request *request = user;
  (void)use;
#ifdef TCP_USER_TIMEOUT
  unsigned timeout_ms = ACK_TIMEOUT_MS;
  /* A kernel without it is served as before. */
  (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms,
                   sizeof timeout_ms);
#else
  (void)fd;
#endif
  request->tls_handshakes = 0;
  gs_http_request_enter(request, request->proxy ? GS_HTTP_PROXY : GS_HTTP_TCP);
  return CURL_SOCKOPT_OK;
}

/* Called when a TLS handshake is about to begin; no other sign of that moment
 * comes without CURLOPT_VERBOSE. The context is not touched. */
static CURLcode request_on_tls(CURL *easy, void *context, void *user) {
  gs_http_request *request = user;
  (void)easy;
  (void)context;
  bool proxy = request->proxy_tls && request->tls_handshakes == 0;
  request->tls_handshakes++;
  if (!proxy) gs_http_request_enter(request, GS_HTTP_TLS);
  return CURLE_OK;
}

/* Called when the connection is ready, new or from the pool. */
static int request_on_ready(void *user, char *remote_ip, char *local_ip,
                            int remote_port, int local_port) {
  (void)remote_ip;
  (void)local_ip;
  (void)remote_port;
  (void)local_port;
  gs_http_request_enter(user, GS_HTTP_SEND);
  return CURL_PREREQFUNC_OK;
}

CURLcode gs_http_request_watch(gs_http_request *request) {
  CURL *easy = request->easy;
  CURLcode rc =
      curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, request_on_open);
  if (!rc) rc = curl_easy_setopt(easy, CURLOPT_SOCKOPTDATA, request);
  if (!rc) rc = curl_easy_setopt(easy, CURLOPT_PREREQDATA, request);
  if (!rc) {
    rc = curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, request_on_socket);
  }
  if (!rc)
    rc = curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, request_on_ready);
  /* Not every TLS library has these two; TLS then counts as TCP. */
  if (!rc && !curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, request)) {
    (void)curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, request_on_tls);
  }
  return rc;
}
