#include "probe.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

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

bool gs_probe_address(const char *address, int port,
                      struct sockaddr_storage *out) {
  return uv_ip4_addr(address, port, (struct sockaddr_in *)out) == 0 ||
         uv_ip6_addr(address, port, (struct sockaddr_in6 *)out) == 0;
}

int gs_probe_local(const char *address) {
  struct sockaddr_storage storage = {0};
  if (!gs_probe_address(address, 0, &storage)) return EINVAL;
  int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  int err =
      bind(fd, (struct sockaddr *)&storage,
           storage.ss_family == AF_INET ? sizeof(struct sockaddr_in)
                                        : sizeof(struct sockaddr_in6)) == 0
          ? 0
          : errno;
  close(fd);
  return err;
}

gs_probe *gs_probe_start(uv_loop_t *loop, const char *address, int port,
                         gs_probe_callback callback, void *user) {
  struct sockaddr_storage storage;
  struct sockaddr *to = (struct sockaddr *)&storage;
  if (!gs_probe_address(address, port, &storage)) return NULL;
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
