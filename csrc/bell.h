/* A bell by which the processes of one program wake each other: the workers of
 * an nginx share memory, but nothing tells one that another wrote there.
 *
 * It is a datagram socket, and a ring is one byte that means nothing: who was
 * rung looks for himself. Whoever could ring without cause could reach the
 * socket, so he is the same user or root (private_socket.h), and all he brings
 * about is that look; there is no more to check of a peer. */
#ifndef GS_BELL_H
#define GS_BELL_H

#include <uv.h>

#include "gs.h"

typedef struct gs_bell gs_bell;

/* gs_bell_new makes a bell that waits to be started; rings are kept. Returns 0
 * or -errno. [any] */
GS_NODISCARD int gs_bell_new(gs_bell **bell);

/* gs_bell_path returns where to ring. [any] */
const char *gs_bell_path(const gs_bell *bell);

/* gs_bell_free frees one that was not started. [any] */
void gs_bell_free(gs_bell *bell);

/* gs_bell_start calls |on_ring| for each ring, but once for those that came
 * together. Returns |bell|, or NULL after it was freed, out of memory: whoever
 * rings is told that there is none. [io] */
GS_NODISCARD gs_bell *gs_bell_start(gs_bell *bell, uv_loop_t *loop,
                                    void (*on_ring)(void *user), void *user);

/* gs_bell_stop removes the bell's name and begins to close its handle. NULL is
 * fine. [io] */
void gs_bell_stop(gs_bell *bell);

/* gs_bell_ring rings the bell at |path|; it never waits. A bell at which rings
 * wait already needs no more of them. Returns 0 or -errno: -ENOENT,
 * -ECONNREFUSED, its process has ended (what a killed one left is removed).
 * [any] */
GS_NODISCARD int gs_bell_ring(const char *path);

#endif
