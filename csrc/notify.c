#include "notify.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int gs_notify(const char *path, const char *text, size_t len) {
  struct sockaddr_un to;
  size_t path_len = strlen(path);
  if (path_len < 2 || (path[0] != '/' && path[0] != '@')) return -EINVAL;
  if (path_len >= sizeof to.sun_path) return -ENAMETOOLONG;
  memset(&to, 0, sizeof to);
  to.sun_family = AF_UNIX;
  memcpy(to.sun_path, path, path_len);
  /* An abstract name begins with a NUL, and ends where its length says. */
  if (path[0] == '@') to.sun_path[0] = '\0';
  socklen_t to_len =
      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path_len);
  int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
  if (fd < 0) return -errno;
  int error = 0;
  if (fcntl(fd, F_SETFL, O_NONBLOCK) || fcntl(fd, F_SETFD, FD_CLOEXEC) ||
      sendto(fd, text, len, 0, (struct sockaddr *)&to, to_len) < 0) {
    error = -errno;
  }
  close(fd);
  return error;
}
