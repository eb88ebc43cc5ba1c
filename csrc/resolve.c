/* A lookup is one allocation that is both the libuv request and, for an answer
 * that is known at once, the libuv timer that delivers it later. It is freed
 * in libuv's own last callback and nowhere else, so that a cancelled lookup
 * may outlive whoever asked. */
#include "resolve.h"

#include <netdb.h>
#include <stdbool.h>
#include <stdlib.h>

#include "errors.h"

struct gs_resolve {
  union {
    uv_getaddrinfo_t request; /* a worker thread asks */
    uv_timer_t timer;         /* the answer is known: |at_once| */
  } work;
  gs_resolve_callback callback; /* NULL once it must not be called */
  void *user;
  struct addrinfo *list; /* of |at_once| */
  int status;            /* of |at_once|: 0 or an UV_ code */
  bool at_once;
};

static void resolve_answer(const gs_resolve *resolve, int status,
                           const struct addrinfo *list) {
  if (!resolve->callback) return;
  if (status == 0) {
    resolve->callback(resolve->user, 0, "", list);
    return;
  }
  bool memory = status == UV_ENOMEM || status == UV_EAI_MEMORY;
  resolve->callback(resolve->user, memory ? GS_ERR_NOMEM : GS_ERR_DNS,
                    uv_strerror(status), NULL);
}

static void resolve_on_lookup(uv_getaddrinfo_t *request, int status,
                              struct addrinfo *list) {
  gs_resolve *resolve = request->data;
  resolve_answer(resolve, status, list);
  uv_freeaddrinfo(list);
  free(resolve);
}

static void resolve_on_timer_close(uv_handle_t *handle) {
  gs_resolve *resolve = handle->data;
  uv_freeaddrinfo(resolve->list);
  free(resolve);
}

static void resolve_on_timer(uv_timer_t *timer) {
  gs_resolve *resolve = timer->data;
  resolve_answer(resolve, resolve->status, resolve->list);
  uv_close((uv_handle_t *)timer, resolve_on_timer_close);
}

static void resolve_later(gs_resolve *resolve, uv_loop_t *loop, int status) {
  resolve->at_once = true;
  resolve->status = status;
  uv_timer_init(loop, &resolve->work.timer);
  resolve->work.timer.data = resolve;
  uv_timer_start(&resolve->work.timer, resolve_on_timer, 0, 0);
}

gs_resolve *gs_resolve_start(uv_loop_t *loop, const char *host,
                             gs_resolve_callback callback, void *user) {
  /* Not AI_ADDRCONFIG: glibc does not count loopback addresses, so that on a
   * machine whose only IPv6 address is ::1 the name of ::1 would be unknown.
   * What cannot be reached is sorted last (RFC 6724) and fails at once. */
  struct addrinfo hints = {.ai_family = AF_UNSPEC,
                           .ai_socktype = SOCK_STREAM,
                           .ai_flags = AI_NUMERICHOST};
  gs_resolve *resolve = calloc(1, sizeof *resolve);
  if (!resolve) return NULL;
  resolve->callback = callback;
  resolve->user = user;
  /* An IP literal asks nobody, and must not wait behind names that hang in
   * the pool's four threads. */
  if (getaddrinfo(host, NULL, &hints, &resolve->list) == 0) {
    resolve_later(resolve, loop, 0);
    return resolve;
  }
  resolve->list = NULL;
  resolve->work.request.data = resolve;
  hints.ai_flags = 0;
  int status = uv_getaddrinfo(loop, &resolve->work.request, resolve_on_lookup,
                              host, NULL, &hints);
  /* A name that no resolver needs to be asked for: too long, not UTF-8. */
  if (status) resolve_later(resolve, loop, status);
  return resolve;
}

void gs_resolve_cancel(gs_resolve *resolve) {
  if (!resolve || !resolve->callback) return;
  resolve->callback = NULL;
  if (resolve->at_once) {
    uv_close((uv_handle_t *)&resolve->work.timer, resolve_on_timer_close);
  } else {
    /* Fails if a thread has begun; resolve_on_lookup is called in any case. */
    uv_cancel((uv_req_t *)&resolve->work.request);
  }
}
