/* libcurl's multi handle on a libuv loop, after curl's own example
 * (docs/examples/multi-uv.c). Each socket that libcurl wants watched has one
 * uv_poll, freed in libuv's close callback only; libcurl's timer callback only
 * sets a timer, for libcurl must not be entered from within itself. A request
 * ends in http_finish and nowhere else, and http_finish is never called by
 * libcurl. */
#include "http.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>

#include "errors.h"
#include "fields.h"
#include "http_request.h"
#include "reach.h"
#include "resolve.h"

struct gs_http {
  uv_loop_t *loop;
  CURLM *multi; /* NULL once it is cleaned up */
  bool stopped;
  uv_timer_t timer;
  gs_http_request *requests;
  gs_http_callback callback;
  void *user;
  gs_buf no_memory; /* the answer for when there is none to write one */
};

typedef struct http_socket {
  uv_poll_t poll;
  gs_http *http;
  curl_socket_t fd;
} http_socket;

/* ---- The end of a request ---- */

/* http_answer writes the answer, and if memory is short, one without a body. */
static void http_answer(gs_http *http, gs_http_request *request) {
  gs_buf fields;
  gs_buf_init(&fields, request->received.len + request->received_headers.len +
                           (8u << 10));
  int err = gs_http_answer_write(request, &fields);
  http->callback(http->user, request->id, err ? &http->no_memory : &fields);
  gs_buf_free(&fields);
}

static void http_finish(gs_http_request *request) {
  gs_http *http = request->http;
  *request->previous = request->next;
  if (request->next) request->next->previous = request->previous;
  gs_resolve_cancel(request->resolve);
  if (request->added) {
    /* After a time-out, a connection over which nothing comes any more, but
     * which could carry another HTTP/2 stream, would be given to the next
     * request. After a cancel, libcurl 7.88 tells the server that the stream
     * is over only when it uses the connection again. */
    if (request->error == GS_ERR_TIMEOUT ||
        request->error == GS_ERR_CANCELLED) {
      (void)curl_easy_setopt(request->easy, CURLOPT_FORBID_REUSE, 1L);
    }
    curl_multi_remove_handle(http->multi, request->easy);
  }
  http_answer(http, request);
  gs_http_request_free(request);
}

static void http_fail(gs_http_request *request, int error) {
  gs_http_request_fail(request, error, "%s", gs_error_text(error));
  http_finish(request);
}

void gs_http_on_timer(uv_timer_t *timer) {
  gs_http_request *request = timer->data;
  if (gs_http_request_expire(request)) http_finish(request);
}

/* http_collect ends the transfers that libcurl is done with. */
static void http_collect(gs_http *http) {
  int left;
  CURLMsg *message;
  /* The callback of an answer may stop everything. */
  while (http->multi && (message = curl_multi_info_read(http->multi, &left))) {
    gs_http_request *request;
    if (message->msg != CURLMSG_DONE) continue;
    CURLcode code = message->data.result;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &request);
    gs_http_answer_judge(request, code);
    http_finish(request);
  }
}

/* http_drive lets libcurl work on a socket, or on what is due. */
static void http_drive(gs_http *http, curl_socket_t fd, int events) {
  int running;
  CURLMcode rc = curl_multi_socket_action(http->multi, fd, events, &running);
  http_collect(http);
  if (rc == CURLM_OK) return;
  /* A callback of ours had no memory, after which libcurl refuses to work
   * until no transfer is left. */
  gs_http_request *at = http->requests;
  while (at) {
    gs_http_request *next = at->next;
    if (at->added) {
      http_fail(at, GS_ERR_NOMEM);
      next = http->requests; /* the callback may have changed the list */
    }
    at = next;
  }
}

/* ---- What libcurl wants watched ---- */

static void http_on_timer(uv_timer_t *timer) {
  http_drive(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static int http_set_timer(CURLM *multi, long timeout_ms, void *user) {
  gs_http *http = user;
  (void)multi;
  if (timeout_ms < 0) return uv_timer_stop(&http->timer);
  /* Not 0: libuv 1.44 runs such a timer again before it looks at a socket. */
  uint64_t wait_ms = timeout_ms ? (uint64_t)timeout_ms : 1;
  return uv_timer_start(&http->timer, http_on_timer, wait_ms, 0) ? -1 : 0;
}

static void http_on_socket(uv_poll_t *poll, int status, int events) {
  const http_socket *socket = poll->data;
  /* On an error, libuv tells no more than that there is one, and |events| is
   * 0: libcurl then looks for itself. CURL_CSELECT_ERR would keep it from
   * reading the reason, and from dialling anew where that is right. */
  int flags = 0;
  (void)status;
  if (events & UV_READABLE) flags |= CURL_CSELECT_IN;
  if (events & UV_WRITABLE) flags |= CURL_CSELECT_OUT;
  http_drive(socket->http, socket->fd, flags);
}

static void http_on_socket_close(uv_handle_t *poll) { free(poll->data); }

/* http_open_socket returns NULL when the loop cannot watch |fd|. */
static http_socket *http_open_socket(gs_http *http, curl_socket_t fd) {
  http_socket *socket = malloc(sizeof *socket);
  if (!socket) return NULL;
  *socket = (http_socket){.http = http, .fd = fd};
  if (uv_poll_init_socket(http->loop, &socket->poll, fd)) {
    free(socket);
    return NULL;
  }
  socket->poll.data = socket;
  curl_multi_assign(http->multi, fd, socket);
  return socket;
}

static int http_set_socket(CURL *easy, curl_socket_t fd, int what, void *user,
                           void *assigned) {
  gs_http *http = user;
  http_socket *socket = assigned;
  (void)easy;
  if (what == CURL_POLL_REMOVE) {
    if (!socket) return 0;
    curl_multi_assign(http->multi, fd, NULL);
    uv_close((uv_handle_t *)&socket->poll, http_on_socket_close);
    return 0;
  }
  if (!socket) socket = http_open_socket(http, fd);
  if (!socket) return -1;
  int events = 0;
  if (what != CURL_POLL_OUT) events |= UV_READABLE;
  if (what != CURL_POLL_IN) events |= UV_WRITABLE;
  return uv_poll_start(&socket->poll, events, http_on_socket) ? -1 : 0;
}

/* ---- The beginning of a request ---- */

/* http_transfer hands a request to libcurl, which begins in its timer. */
static void http_transfer(gs_http_request *request) {
  gs_http_request_enter(request, request->proxy ? GS_HTTP_PROXY : GS_HTTP_TCP);
  if (curl_multi_add_handle(request->http->multi, request->easy)) {
    http_fail(request, GS_ERR_NOMEM);
  } else {
    request->added = true;
  }
}

static void http_on_resolved(void *user, int error, const char *text,
                             const struct addrinfo *list) {
  gs_http_request *request = user;
  request->resolve = NULL;
  if (error) {
    char words[512];
    gs_reach_explain_lookup(request->dial_host, text, words, sizeof words);
    gs_http_request_fail(request, error, "%s", words);
  } else {
    error = gs_http_options_address(request, list);
  }
  if (error) {
    http_finish(request);
  } else {
    http_transfer(request);
  }
}

void gs_http_start(gs_http *http, uint32_t id, const void *fields, size_t len) {
  gs_http_request *request = gs_http_request_new(http, http->loop, id);
  if (!request) {
    http->callback(http->user, id, &http->no_memory);
    return;
  }
  request->previous = &http->requests;
  request->next = http->requests;
  if (request->next) request->next->previous = &request->next;
  http->requests = request;
  if (http->stopped) {
    http_fail(request, GS_ERR_CANCELLED);
  } else if (gs_http_options_apply(request, fields, len)) {
    http_finish(request);
  } else if (!request->dial_name) {
    http_transfer(request);
  } else {
    gs_http_request_enter(request, GS_HTTP_DNS);
    request->resolve = gs_resolve_start(http->loop, request->dial_host,
                                        http_on_resolved, request);
    if (!request->resolve) http_fail(request, GS_ERR_NOMEM);
  }
}

void gs_http_cancel(gs_http *http, uint32_t id) {
  for (gs_http_request *at = http->requests; at; at = at->next) {
    if (at->id == id) {
      http_fail(at, GS_ERR_CANCELLED);
      return;
    }
  }
}

/* ---- Life ---- */

static CURLcode global_result;

static void http_global_init(void) {
  /* Never undone: another part of the process may use libcurl. */
  global_result = curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* http_no_memory writes the failure that can be told without memory. */
static int http_no_memory(gs_buf *fields) {
  gs_buf_init(fields, 1024);
  int err = gs_fields_put_text(fields, "kind", gs_error_kind(GS_ERR_NOMEM));
  if (!err) {
    err = gs_fields_put_text(fields, "code", gs_error_name(GS_ERR_NOMEM));
  }
  if (err) return err;
  return gs_fields_put_text(fields, "message", gs_error_text(GS_ERR_NOMEM));
}

gs_http *gs_http_new(uv_loop_t *loop, gs_http_callback callback, void *user) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, http_global_init);
  gs_http *http = calloc(1, sizeof *http);
  if (!http) return NULL;
  CURLM *multi = global_result == CURLE_OK ? curl_multi_init() : NULL;
  if (!multi || http_no_memory(&http->no_memory)) goto fail;
  *http = (gs_http){.loop = loop,
                    .multi = multi,
                    .callback = callback,
                    .user = user,
                    .no_memory = http->no_memory};
  if (curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, http_set_socket) ||
      curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, http) ||
      curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, http_set_timer) ||
      curl_multi_setopt(multi, CURLMOPT_TIMERDATA, http)) {
    goto fail;
  }
  uv_timer_init(loop, &http->timer);
  http->timer.data = http;
  return http;

fail:
  curl_multi_cleanup(multi);
  gs_buf_free(&http->no_memory);
  free(http);
  return NULL;
}

void gs_http_stop(gs_http *http) {
  if (http->stopped) return;
  http->stopped = true;
  while (http->requests) http_fail(http->requests, GS_ERR_CANCELLED);
  /* Closes the pooled connections, whose sockets http_set_socket lets go. */
  curl_multi_cleanup(http->multi);
  http->multi = NULL;
  uv_close((uv_handle_t *)&http->timer, NULL);
}

void gs_http_free(gs_http *http) {
  if (!http) return;
  gs_buf_free(&http->no_memory);
  free(http);
}
