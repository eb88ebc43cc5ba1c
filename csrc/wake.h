/* How the I/O thread wakes Lua: a byte written to one end of a pair of sockets,
 * whose other end is waited for.
 *
 * Most hosts wait for |read_fd|. nginx can wait for nothing but sockets that it
 * has connected itself, so there is a second form, taken and taken again (by
 * each new timer) at any time:
 *   1. [lua] gs_wake_listen makes a private Unix socket;
 *   2. [lua] the host connects to its path;
 *   3. [lua] gs_wake_accept takes that connection, sees to it that it came from
 *      this very process, removes the name, and puts the descriptor in the
 *      place of the end that is written to. dup3 does that in one step, and
 *      the number stays, so the writers need no lock. A byte is written at
 *      once, for one that may have gone into the old pair meanwhile. */
#ifndef GS_WAKE_H
#define GS_WAKE_H

#include "private_socket.h"

typedef struct gs_wake {
  int read_fd;
  int write_fd; /* both threads write to it; its number never changes */
  gs_private_socket listener;
} gs_wake;

/* gs_wake_init makes it safe to close. [lua] */
void gs_wake_init(gs_wake *wake);

/* gs_wake_open makes the pair. Returns 0 or -errno. [lua] */
GS_NODISCARD int gs_wake_open(gs_wake *wake);

/* gs_wake_close closes all that is open; nobody may write any more. [any] */
void gs_wake_close(gs_wake *wake);

/* gs_wake_send writes a byte, unless so many wait that nothing more fits. [any]
 */
void gs_wake_send(const gs_wake *wake);

/* gs_wake_drain takes the bytes that wait at |read_fd|; in the second form the
 * host does that. [lua] */
void gs_wake_drain(const gs_wake *wake);

/* gs_wake_listen makes the socket to connect to; its path is
 * |wake->listener.path|. One that was never connected to is removed. Returns 0
 * or -errno. [lua] */
GS_NODISCARD int gs_wake_listen(gs_wake *wake);

/* gs_wake_accept takes the connection; it does not wait for one. Returns 0 or
 * -errno; -EAGAIN: this process has made none. The socket is removed in every
 * case, and after an error all is as before gs_wake_listen. [lua] */
GS_NODISCARD int gs_wake_accept(gs_wake *wake);

#endif
