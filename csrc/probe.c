#include "probe.h"

#include <stdlib.h>

struct gs_probe {
  uv_tcp_t tcp;
  uv_connect_t connect;
  gs_probe_callback callback; /* NULL once it was called or cancelled */
  void *user;
};

static void probe_on_close(uv_handle_t *handle) { free(handle->data); }

static void probe_on_connect(uv_connect_t *connect, int status) {
  gs_probe *probe = connect->data;
  gs_probe_callback callback = probe->callback;
  probe->callback = NULL;
  if (!uv_is_closing((uv_handle_t *)&probe->tcp)) {
    uv_close((uv_handle_t *)&probe->tcp, probe_on_close);
  }
  /* libuv's codes are the negated errno on every Unix. */
  if (callback) callback(probe->user, -status);
}

gs_probe *gs_probe_start(uv_loop_t *loop, const char *address, int port,
                         gs_probe_callback callback, void *user) {
  struct sockaddr_storage storage;
  struct sockaddr *to = (struct sockaddr *)&storage;
  if (uv_ip4_addr(address, port, (struct sockaddr_in *)&storage) &&
      uv_ip6_addr(address, port, (struct sockaddr_in6 *)&storage)) {
    return NULL;
  }
  gs_probe *probe = calloc(1, sizeof *probe);
  if (!probe) return NULL;
  if (uv_tcp_init(loop, &probe->tcp)) {
    free(probe);
    return NULL;
  }
  probe->callback = callback;
  probe->user = user;
  probe->tcp.data = probe;
  probe->connect.data = probe;
  if (uv_tcp_connect(&probe->connect, &probe->tcp, to, probe_on_connect) == 0) {
    return probe;
  }
  uv_close((uv_handle_t *)&probe->tcp, probe_on_close);
  return NULL;
}

void gs_probe_cancel(gs_probe *probe) {
  probe->callback = NULL;
  /* Closing ends the connect request too, with ECANCELED. */
  if (!uv_is_closing((uv_handle_t *)&probe->tcp)) {
    uv_close((uv_handle_t *)&probe->tcp, probe_on_close);
  }
}
