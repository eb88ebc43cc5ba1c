#include "lookup.h"

#include <netdb.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "errors.h"

#if UV_VERSION_HEX < 0x012800
  #error "graphsocket needs libuv 1.40 or later (uv_timer_get_due_in)"
#endif

enum { LOOKUP_THREADS = 32 };

struct gs_lookup {
  TAILQ_ENTRY(gs_lookup) entries; /* in |lookups| until it is done */
  LIST_HEAD(, gs_lookup_asker) askers;
  size_t references; /* of the askers and of |lookups| */
  bool begun;
  int status; /* of uv_getaddrinfo; with |list|, not the lock's until done */
  struct addrinfo *list;
  char host[];
};

typedef struct gs_lookup gs_lookup;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static TAILQ_HEAD(, gs_lookup) lookups = TAILQ_HEAD_INITIALIZER(lookups);
static int threads;

/* lookup_release drops a reference; the last one frees. */
static void lookup_release(gs_lookup *lookup) {
  if (--lookup->references) return;
  uv_freeaddrinfo(lookup->list);
  free(lookup);
}

/* lookup_retire takes a lookup out of those that can be joined. */
static void lookup_retire(gs_lookup *lookup) {
  TAILQ_REMOVE(&lookups, lookup, entries);
  lookup_release(lookup);
}

/* lookup_ask asks the resolver, for as long as that takes. libuv does it in
 * this thread if it is given no callback; it wants a loop all the same. */
static void lookup_ask(gs_lookup *lookup) {
  /* Not AI_ADDRCONFIG: glibc does not count loopback addresses, so that on a
   * machine whose only IPv6 address is ::1 the name of ::1 would be unknown.
   * What cannot be reached is sorted last (RFC 6724) and fails at once. */
  struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
  uv_loop_t loop;
  uv_getaddrinfo_t request;
  lookup->status = uv_loop_init(&loop);
  if (lookup->status) return;
  lookup->status =
      uv_getaddrinfo(&loop, &request, NULL, lookup->host, NULL, &hints);
  if (lookup->status == 0) lookup->list = request.addrinfo;
  uv_loop_close(&loop);
}

/* lookup_next finds one that no thread has begun. */
static gs_lookup *lookup_next(void) {
  gs_lookup *at = TAILQ_FIRST(&lookups);
  while (at && at->begun) at = TAILQ_NEXT(at, entries);
  return at;
}

static void *lookup_main(void *unused) {
  gs_lookup *lookup;
  (void)unused;
  pthread_mutex_lock(&lock);
  while ((lookup = lookup_next())) {
    gs_lookup_asker *asker;
    lookup->begun = true;
    pthread_mutex_unlock(&lock);
    lookup_ask(lookup);
    pthread_mutex_lock(&lock);
    LIST_FOREACH(asker, &lookup->askers, askers) uv_async_send(&asker->async);
    lookup_retire(lookup);
  }
  threads--;
  pthread_mutex_unlock(&lock);
  return NULL;
}

/* lookup_start_thread starts one more, unless there are enough. It inherits the
 * I/O thread's signal mask, which blocks all. Returns false if there is none.
 */
static bool lookup_start_thread(void) {
  pthread_t thread;
  if (threads == LOOKUP_THREADS) return true;
  if (pthread_create(&thread, NULL, lookup_main, NULL)) return threads > 0;
  pthread_detach(thread);
  threads++;
  return true;
}

/* lookup_of finds the lookup of |host| that is under way, or makes one. */
static gs_lookup *lookup_of(const char *host) {
  gs_lookup *lookup;
  TAILQ_FOREACH(lookup, &lookups, entries) {
    if (strcmp(lookup->host, host) == 0) return lookup;
  }
  size_t size = strlen(host) + 1;
  lookup = calloc(1, sizeof *lookup + size);
  if (!lookup) return NULL;
  memcpy(lookup->host, host, size);
  lookup->references = 1;
  TAILQ_INSERT_TAIL(&lookups, lookup, entries);
  if (lookup_start_thread()) return lookup;
  lookup_retire(lookup);
  return NULL;
}

int gs_lookup_join(gs_lookup_asker *asker, const char *host) {
  pthread_mutex_lock(&lock);
  asker->lookup = lookup_of(host);
  if (asker->lookup) {
    LIST_INSERT_HEAD(&asker->lookup->askers, asker, askers);
    asker->lookup->references++;
  }
  pthread_mutex_unlock(&lock);
  return asker->lookup ? 0 : GS_ERR_NOMEM;
}

int gs_lookup_result(const gs_lookup_asker *asker,
                     const struct addrinfo **list) {
  pthread_mutex_lock(&lock);
  const gs_lookup *lookup = asker->lookup;
  int status = lookup->status;
  *list = lookup->list;
  pthread_mutex_unlock(&lock);
  return status;
}

void gs_lookup_leave(gs_lookup_asker *asker) {
  gs_lookup *lookup = asker->lookup;
  pthread_mutex_lock(&lock);
  LIST_REMOVE(asker, askers);
  /* What nobody wants any more, and no thread has begun, is not asked. */
  if (!lookup->begun && LIST_EMPTY(&lookup->askers)) {
    TAILQ_REMOVE(&lookups, lookup, entries);
    lookup->references--;
  }
  lookup_release(lookup);
  pthread_mutex_unlock(&lock);
}

void gs_lookup_forget(void) {
  /* The lock may have been held by a thread that does not exist here. */
  pthread_mutex_init(&lock, NULL);
  TAILQ_INIT(&lookups);
  threads = 0;
}
