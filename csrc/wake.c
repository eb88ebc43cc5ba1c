#define _GNU_SOURCE /* accept4, dup3, struct ucred */
#include "wake.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

void gs_wake_init(gs_wake *wake) {
  *wake = (gs_wake){.read_fd = -1, .write_fd = -1, .listener.fd = -1};
}

int gs_wake_open(gs_wake *wake) {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds)) {
    return -errno;
  }
  wake->read_fd = fds[0];
  wake->write_fd = fds[1];
  return 0;
}

void gs_wake_close(gs_wake *wake) {
  if (wake->read_fd >= 0) close(wake->read_fd);
  if (wake->write_fd >= 0) close(wake->write_fd);
  gs_private_socket_close(&wake->listener);
  gs_wake_init(wake);
}

void gs_wake_send(const gs_wake *wake) {
  ssize_t sent;
  do {
    /* The host may have closed its end: no SIGPIPE for that. */
    sent = send(wake->write_fd, "", 1, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  /* Where nothing more fits, bytes enough wait already. */
}

void gs_wake_drain(const gs_wake *wake) {
  char bytes[64];
  while (read(wake->read_fd, bytes, sizeof bytes) == sizeof bytes) {
  }
}

int gs_wake_listen(gs_wake *wake) {
  gs_private_socket_close(&wake->listener);
  int err = gs_private_socket_open(&wake->listener, SOCK_STREAM);
  if (!err && listen(wake->listener.fd, 1)) err = -errno;
  if (err) gs_private_socket_close(&wake->listener);
  return err;
}

/* wake_is_own tells whether this process made the connection. */
static bool wake_is_own(int fd) {
#ifdef SO_PEERCRED
  struct ucred peer;
  socklen_t len = sizeof peer;
  return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
         peer.pid == getpid() && peer.uid == geteuid();
#else
  (void)fd; /* the folder lets in nobody but this user */
  return true;
#endif
}

/* wake_take returns the first connection that is our own, or -errno. */
static int wake_take(const gs_wake *wake) {
  for (;;) {
    int fd =
        accept4(wake->listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return -errno;
    if (wake_is_own(fd)) return fd;
    close(fd);
  }
}

int gs_wake_accept(gs_wake *wake) {
  int fd = wake_take(wake);
  gs_private_socket_close(&wake->listener);
  if (fd < 0) return fd;
  int err = dup3(fd, wake->write_fd, O_CLOEXEC) < 0 ? -errno : 0;
  close(fd);
  if (!err) gs_wake_send(wake);
  return err;
}
