/* Names asked of the system's resolver, in threads of our own. Process-wide.
 *
 * Not in libuv's pool: it lets half of its four threads do this, so two names
 * whose servers do not answer (glibc waits 10 s for each) held up every other
 * name of the process, localhost among them; and its threads are joined when
 * the process ends, which then waits too.
 *
 * Operation: a name that is being asked for is not asked for twice: who wants
 * it as well joins. So names that hang take one thread each, however many
 * sockets dial them again and again. A thread ends when nothing is left to ask.
 * Past LOOKUP_THREADS names at once, the others wait for their turn.
 * Safety: one lock guards everything but the call of the resolver. An asker is
 * told through its uv_async_t, under the lock, so that none is told after
 * gs_lookup_leave. */
#ifndef GS_LOOKUP_H
#define GS_LOOKUP_H

#include <sys/queue.h>
#include <uv.h>

#include "gs.h"

struct gs_lookup;

/* The owner's; all fields but |async| are private. */
typedef struct gs_lookup_asker {
  uv_async_t async; /* initialised by the owner */
  struct gs_lookup *lookup;
  LIST_ENTRY(gs_lookup_asker) askers;
} gs_lookup_asker;

/* gs_lookup_join asks for the addresses of |host|; |asker->async| is sent when
 * they are known. Returns 0 or GS_ERR_NOMEM, also where no thread can be had.
 * [io] */
GS_NODISCARD int gs_lookup_join(gs_lookup_asker *asker, const char *host);

/* gs_lookup_result returns what was found, to an asker that was told: 0 and in
 * |*list| TCP addresses, valid until gs_lookup_leave; or an UV_ code. [io] */
int gs_lookup_result(const gs_lookup_asker *asker,
                     const struct addrinfo **list);

/* gs_lookup_leave: the asker is not told from now on. A resolver that hangs is
 * left to end by itself; nobody waits for it. [io] */
void gs_lookup_leave(gs_lookup_asker *asker);

/* gs_lookup_forget: the threads are those of the parent process. To be called
 * in a child, after fork(). [any] */
void gs_lookup_forget(void);

#endif
