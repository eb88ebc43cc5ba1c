/* Tells when the wall clock was set or the machine woke from suspend: timers
 * that count neither would notice a dead connection only much later.
 * [io] throughout. */
#ifndef GS_CLOCKWATCH_H
#define GS_CLOCKWATCH_H

#include <uv.h>

typedef struct gs_clockwatch gs_clockwatch;

/* gs_clockwatch_start calls |on_jump| at each jump. Returns NULL where the
 * system cannot tell (it needs Linux's timerfd) or out of memory: deadlines are
 * then seen when their timers end. */
gs_clockwatch *gs_clockwatch_start(uv_loop_t *loop, void (*on_jump)(void *user),
                                   void *user);

/* gs_clockwatch_stop begins to close its handle. NULL is fine. */
void gs_clockwatch_stop(gs_clockwatch *watch);

#endif
