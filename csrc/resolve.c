/* A resolution is one allocation that is both what waits for the lookup's
 * thread (lookup.c) and, for an answer that is known at once, the libuv timer
 * that delivers it later. It is freed in libuv's close callback and nowhere
 * else. */
#include "resolve.h"

#include <netdb.h>
#include <stdbool.h>
#include <stdlib.h>

#include "errors.h"
#include "lookup.h"

struct gs_resolve {
  union {
    uv_handle_t handle;
    gs_lookup_asker asker; /* a thread asks; begins with its handle */
    uv_timer_t timer;      /* the answer is known: |at_once| */
  } work;
  gs_resolve_callback callback; /* NULL once it must not be called */
  void *user;
  struct addrinfo *list; /* of |at_once| */
  bool at_once;
};

static void resolve_on_close(uv_handle_t *handle) {
  gs_resolve *resolve = handle->data;
  uv_freeaddrinfo(resolve->list);
  free(resolve);
}

static void resolve_close(gs_resolve *resolve) {
  resolve->callback = NULL;
  if (!resolve->at_once) gs_lookup_leave(&resolve->work.asker);
  uv_close(&resolve->work.handle, resolve_on_close);
}

static void resolve_answer(const gs_resolve *resolve, int status,
                           const struct addrinfo *list) {
  if (status == 0) {
    resolve->callback(resolve->user, 0, "", list);
    return;
  }
  bool memory = status == UV_ENOMEM || status == UV_EAI_MEMORY;
  resolve->callback(resolve->user, memory ? GS_ERR_NOMEM : GS_ERR_DNS,
                    uv_strerror(status), NULL);
}

static void resolve_on_lookup(uv_async_t *async) {
  gs_resolve *resolve = async->data;
  const struct addrinfo *list;
  int status = gs_lookup_result(&resolve->work.asker, &list);
  resolve_answer(resolve, status, list);
  resolve_close(resolve);
}

static void resolve_on_timer(uv_timer_t *timer) {
  gs_resolve *resolve = timer->data;
  resolve_answer(resolve, 0, resolve->list);
  resolve_close(resolve);
}

gs_resolve *gs_resolve_start(uv_loop_t *loop, const char *host,
                             gs_resolve_callback callback, void *user) {
  struct addrinfo hints = {.ai_family = AF_UNSPEC,
                           .ai_socktype = SOCK_STREAM,
                           .ai_flags = AI_NUMERICHOST};
  gs_resolve *resolve = calloc(1, sizeof *resolve);
  if (!resolve) return NULL;
  resolve->callback = callback;
  resolve->user = user;
  /* An IP literal asks nobody. */
  resolve->at_once = getaddrinfo(host, NULL, &hints, &resolve->list) == 0;
  if (resolve->at_once) {
    uv_timer_init(loop, &resolve->work.timer);
    uv_timer_start(&resolve->work.timer, resolve_on_timer, 0, 0);
    resolve->work.handle.data = resolve;
    return resolve;
  }
  resolve->list = NULL;
  if (uv_async_init(loop, &resolve->work.asker.async, resolve_on_lookup)) {
    return free(resolve), NULL;
  }
  resolve->work.handle.data = resolve;
  if (gs_lookup_join(&resolve->work.asker, host) == 0) return resolve;
  uv_close(&resolve->work.handle, resolve_on_close);
  return NULL;
}

void gs_resolve_cancel(gs_resolve *resolve) {
  if (!resolve || !resolve->callback) return;
  resolve_close(resolve);
}
