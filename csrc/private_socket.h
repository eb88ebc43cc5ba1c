/* A Unix socket that only this user can reach: bound in a folder of its own, of
 * mode 0700, which the kernel checks for whoever opens the name. Names in
 * Linux's abstract space would leave nothing behind, but anybody may use those.
 * The folder is below TMPDIR, or /tmp where that is unset or too long. */
#ifndef GS_PRIVATE_SOCKET_H
#define GS_PRIVATE_SOCKET_H

#include <sys/un.h>

#include "gs.h"

typedef struct gs_private_socket {
  int fd; /* non-blocking, close-on-exec; -1: none */
  char path[sizeof(((struct sockaddr_un *)0)->sun_path)]; /* "": none */
} gs_private_socket;

/* gs_private_socket_open makes the folder and binds a socket of |type|
 * (SOCK_STREAM ...) in it. Returns 0 or -errno, nothing is left then. [any] */
GS_NODISCARD int gs_private_socket_open(gs_private_socket *socket, int type);

/* gs_private_socket_unlink removes name and folder; the descriptor stays.
 * Idempotent. [any] */
void gs_private_socket_unlink(gs_private_socket *socket);

/* gs_private_socket_close closes the descriptor and removes the name.
 * Idempotent. [any] */
void gs_private_socket_close(gs_private_socket *socket);

/* gs_private_socket_bury removes what a killed process left behind. Touches
 * nothing but a socket and its folder that are named as ours are. [any] */
void gs_private_socket_bury(const char *path);

#endif
