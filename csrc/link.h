/* What the Lua side and the I/O thread know together of one connection: its
 * id, its limits and its counters. Reference-counted, because either side may
 * end first. Every field that changes is atomic; nothing here is locked. */
#ifndef GS_LINK_H
#define GS_LINK_H

#include <stdatomic.h>
#include <stdbool.h>

#include "gs.h"

typedef struct gs_link {
  uint32_t id;
  size_t max_queue; /* bytes; see GS_MAX_QUEUE */

  atomic_int references;
  atomic_bool closed;   /* [io] sets it with the CLOSED event */
  atomic_bool paused;   /* [io] stopped reading: |queued| passed |max_queue| */
  atomic_size_t queued; /* bytes of events whose handler was not called yet */
  atomic_size_t unsent; /* bytes accepted and not yet written to the socket */
  atomic_size_t received_bytes;
  atomic_size_t sent_bytes;
  atomic_size_t received_messages;
  atomic_size_t sent_messages;
  _Atomic double last_ping_at; /* epoch seconds; 0: never */
  atomic_bool tells_pings; /* somebody in Lua listens: PING events are wanted */
} gs_link;

/* gs_link_new returns a link with one reference, or NULL when out of memory.
 * [any] */
GS_NODISCARD gs_link *gs_link_new(uint32_t id, size_t max_queue);

/* gs_link_retain adds a reference and returns |link|. [any] */
gs_link *gs_link_retain(gs_link *link);

/* gs_link_release drops a reference; the last one frees. NULL is fine. [any] */
void gs_link_release(gs_link *link);

#endif
