#define _GNU_SOURCE /* SOCK_NONBLOCK */
#include "bell.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "private_socket.h"

/* Rings read in one turn of the loop, so that nobody can hold it up. */
enum { BELL_RINGS = 64 };

struct gs_bell {
  uv_poll_t poll;
  gs_private_socket socket;
  void (*on_ring)(void *user);
  void *user;
};

int gs_bell_new(gs_bell **bell) {
  gs_bell *self = calloc(1, sizeof *self);
  if (!self) return -ENOMEM;
  int err = gs_private_socket_open(&self->socket, SOCK_DGRAM);
  if (err) {
    free(self);
    return err;
  }
  *bell = self;
  return 0;
}

const char *gs_bell_path(const gs_bell *bell) { return bell->socket.path; }

void gs_bell_free(gs_bell *bell) {
  gs_private_socket_close(&bell->socket);
  free(bell);
}

static void bell_on_poll(uv_poll_t *poll, int status, int events) {
  gs_bell *bell = poll->data;
  char byte;
  int rings = 0;
  (void)events;
  if (status < 0) return;
  while (rings < BELL_RINGS && recv(bell->socket.fd, &byte, 1, 0) >= 0) rings++;
  if (rings > 0) bell->on_ring(bell->user);
}

gs_bell *gs_bell_start(gs_bell *bell, uv_loop_t *loop,
                       void (*on_ring)(void *user), void *user) {
  bell->on_ring = on_ring;
  bell->user = user;
  if (uv_poll_init(loop, &bell->poll, bell->socket.fd)) {
    gs_bell_free(bell);
    return NULL;
  }
  bell->poll.data = bell;
  uv_poll_start(&bell->poll, UV_READABLE, bell_on_poll);
  return bell;
}

static void bell_on_close(uv_handle_t *handle) { gs_bell_free(handle->data); }

void gs_bell_stop(gs_bell *bell) {
  if (!bell) return;
  gs_private_socket_unlink(&bell->socket);
  uv_close((uv_handle_t *)&bell->poll, bell_on_close);
}

int gs_bell_ring(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t len = strlen(path);
  if (len >= sizeof address.sun_path) return -ENAMETOOLONG;
  memcpy(address.sun_path, path, len + 1);
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  ssize_t sent = sendto(fd, "", 1, MSG_NOSIGNAL, (struct sockaddr *)&address,
                        sizeof address);
  int err = sent < 0 ? errno : 0;
  close(fd);
  if (err == ECONNREFUSED) gs_private_socket_bury(path);
  return err == EAGAIN ? 0 : -err;
}
