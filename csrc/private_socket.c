#define _GNU_SOURCE /* SOCK_NONBLOCK, mkdtemp */
#include "private_socket.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER "/graphsocket-XXXXXX"
#define NAME "/socket"

/* private_socket_begin writes the template of the folder's path. */
static void private_socket_begin(gs_private_socket *self) {
  const char *parent = getenv("TMPDIR");
  if (!parent || *parent != '/' ||
      strlen(parent) + sizeof FOLDER NAME > sizeof self->path) {
    parent = "/tmp";
  }
  snprintf(self->path, sizeof self->path, "%s" FOLDER, parent);
}

static int private_socket_bind(gs_private_socket *self, int type) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  self->fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (self->fd < 0) return -errno;
  memcpy(address.sun_path, self->path, sizeof address.sun_path);
  if (bind(self->fd, (struct sockaddr *)&address, sizeof address)) {
    return -errno;
  }
  return 0;
}

int gs_private_socket_open(gs_private_socket *self, int type) {
  self->fd = -1;
  private_socket_begin(self);
  if (!mkdtemp(self->path)) {
    int err = errno;
    *self->path = '\0';
    return -err;
  }
  memcpy(self->path + strlen(self->path), NAME, sizeof NAME);
  int err = private_socket_bind(self, type);
  if (err) gs_private_socket_close(self);
  return err;
}

/* private_socket_remove removes the socket |path| and then its folder. */
static void private_socket_remove(char *path) {
  (void)unlink(path);
  *strrchr(path, '/') = '\0';
  (void)rmdir(path);
}

void gs_private_socket_unlink(gs_private_socket *self) {
  if (*self->path) private_socket_remove(self->path);
  *self->path = '\0';
}

void gs_private_socket_close(gs_private_socket *self) {
  gs_private_socket_unlink(self);
  if (self->fd >= 0) close(self->fd);
  self->fd = -1;
}

/* private_socket_is_ours tells whether gs_private_socket_open could have made
 * |path|. */
static bool private_socket_is_ours(const char *path, size_t len) {
  const size_t ours = sizeof FOLDER NAME - 1;
  const size_t prefix = sizeof FOLDER - sizeof "XXXXXX";
  if (*path != '/' || len < ours) return false;
  const char *folder = path + len - ours;
  return memcmp(folder, FOLDER, prefix) == 0 &&
         strcmp(folder + sizeof FOLDER - 1, NAME) == 0;
}

void gs_private_socket_bury(const char *path) {
  struct stat status;
  gs_private_socket dead = {.fd = -1};
  size_t len = strlen(path);
  if (len >= sizeof dead.path || !private_socket_is_ours(path, len)) return;
  if (lstat(path, &status) || !S_ISSOCK(status.st_mode)) return;
  memcpy(dead.path, path, len + 1);
  gs_private_socket_close(&dead);
}
