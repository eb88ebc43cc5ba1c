#include "link.h"

#include <stdlib.h>

gs_link *gs_link_new(uint32_t id, size_t max_queue) {
  gs_link *link = calloc(1, sizeof *link);
  if (!link) return NULL;
  link->id = id;
  link->max_queue = max_queue;
  atomic_init(&link->references, 1);
  return link;
}

gs_link *gs_link_retain(gs_link *link) {
  atomic_fetch_add_explicit(&link->references, 1, memory_order_relaxed);
  return link;
}

void gs_link_release(gs_link *link) {
  if (!link) return;
  /* The release half publishes our last writes, the acquire half makes the
   * other side's visible to whoever frees. */
  if (atomic_fetch_sub_explicit(&link->references, 1, memory_order_acq_rel) ==
      1) {
    free(link);
  }
}
