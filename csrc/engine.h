/* The I/O thread: one an engine. It owns the libuv loop with all that lives on
 * it; the thread that made the engine (Lua's) speaks to it through two queues.
 *
 * Life cycle, in the order that matters:
 *   1. [lua] gs_engine_new makes the queues and the wake sockets, starts the
 *      thread with all signals blocked, and waits until its loop stands.
 *   2. [lua] gs_engine_command pushes a record and wakes the loop;
 *      [io] takes it. [io] pushes events; once a loop turn, if Lua sleeps, it
 *      writes a byte to the wake socket (wake.h).
 *   3. [lua] gs_engine_free pushes STOP and waits up to GS_ENGINE_STOP_MS.
 *      [io] drops every connection and request, closes its handles, runs the
 *      loop dry, frees everything that lives on it, and says "finished".
 *   4. In time: [lua] joins the thread. Not in time: [lua] detaches it, and it
 *      ends by itself. Whoever comes last frees the engine; the shared object
 *      pins itself in memory, so its code is still there, as it must be for a
 *      lookup that hangs (lookup.h), too.
 *
 * After fork() the thread does not exist in the child: every function returns
 * GS_ERR_FORKED there and gs_engine_free only forgets the engine. */
#ifndef GS_ENGINE_H
#define GS_ENGINE_H

#include <stdbool.h>

#include "queue.h"

typedef struct gs_engine gs_engine;

/* Shorter than the 200 ms that closing a Lua state may take. */
enum { GS_ENGINE_STOP_MS = 150 };

/* gs_engine_new starts an engine. Returns NULL with one line in |text|. [lua]
 */
GS_NODISCARD gs_engine *gs_engine_new(char *text, size_t text_size);

/* gs_engine_free stops the engine within GS_ENGINE_STOP_MS. NULL is fine.
 * [lua] */
void gs_engine_free(gs_engine *engine);

/* gs_engine_fd returns the descriptor that is readable when events have come
 * since gs_engine_next last returned false. Who stops taking before that calls
 * gs_engine_wake, or will not be woken for the rest. [lua] */
int gs_engine_fd(const gs_engine *engine);

/* gs_engine_wake makes the descriptor readable, to interrupt a wait. [any] */
void gs_engine_wake(gs_engine *engine);

/* gs_engine_listen and gs_engine_accept, for a host that can only read a socket
 * which it has connected itself: the first gives the path to connect to (valid
 * until the second), the second makes that connection readable in the place of
 * gs_engine_fd. Both return 0 or -errno; see wake.h. [lua] */
GS_NODISCARD int gs_engine_listen(gs_engine *engine, const char **path);
GS_NODISCARD int gs_engine_accept(gs_engine *engine);

/* gs_engine_bell gives the path at which other processes ring (bell.h): each
 * ring brings a GS_EVENT_BELL, unless one waits already. The bell is gone when
 * the engine stops. Returns 0 or -errno. [lua] */
GS_NODISCARD int gs_engine_bell(gs_engine *engine, const char **path);

/* gs_engine_next takes the next event; its data is valid until the next call.
 * With none left it empties the descriptor and returns false; later events
 * make it readable again. [lua] */
bool gs_engine_next(gs_engine *engine, gs_record *record);

/* gs_engine_command hands over one command (events.h), made of |head| and
 * |data|. Returns 0, GS_ERR_FORKED, GS_ERR_FULL or GS_ERR_NOMEM. [lua] */
GS_NODISCARD int gs_engine_command(gs_engine *engine, uint16_t kind,
                                   uint16_t flags, uint32_t id,
                                   const void *head, size_t head_len,
                                   const void *data, size_t len);

/* gs_engine_forked returns true in a child of the process that made it. [lua]
 */
bool gs_engine_forked(const gs_engine *engine);

#endif
