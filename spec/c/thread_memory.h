/* An allocator that all threads share and that fails once: check.h's counts one
 * thread, here it may be any. The flags at the link are those of check.h. */
#ifndef GS_SPEC_THREAD_MEMORY_H
#define GS_SPEC_THREAD_MEMORY_H

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { PATIENCE_MS = 20000 };

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void __real_free(void *data);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void __wrap_free(void *data);

static atomic_long fail_in; /* allocations until one fails; below 1: none */
static atomic_bool has_failed;
static atomic_long live; /* blocks not yet freed */

static bool refuses(void) {
  if (atomic_fetch_sub(&fail_in, 1) != 1) return false;
  atomic_store(&has_failed, true);
  return true;
}

void *__wrap_malloc(size_t size) {
  void *data = refuses() ? NULL : __real_malloc(size);
  live += data != NULL;
  return data;
}

void *__wrap_calloc(size_t count, size_t size) {
  void *data = refuses() ? NULL : __real_calloc(count, size);
  live += data != NULL;
  return data;
}

void *__wrap_realloc(void *old, size_t size) {
  void *data = refuses() ? NULL : __real_realloc(old, size);
  live += data && !old;
  return data;
}

void __wrap_free(void *data) {
  live -= data != NULL;
  __real_free(data);
}

/* until_live waits for |count| blocks: the lookup of a name that was given up
 * ends by itself, on its own thread. */
static void until_live(long count) {
  for (int ms = 0; live != count && ms < PATIENCE_MS; ms++) poll(NULL, 0, 1);
  assert_int_equal(live, count);
}

#endif
