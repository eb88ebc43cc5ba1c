/* What every C unit test includes: cmocka, and an allocator that fails on
 * demand. A test is one translation unit, so this header may define the
 * functions that the linker puts before malloc's.
 *
 * The allocator needs these flags at the link:
 *   -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free
 * Without them a test builds and runs, and its cases about memory are skipped.
 * Only what is linked into the test itself is counted: cmocka is not. */
#ifndef GS_SPEC_CHECK_H
#define GS_SPEC_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CHECK_UNUSED __attribute__((unused))

void *__real_malloc(size_t size) __attribute__((weak));
void *__real_calloc(size_t count, size_t size) __attribute__((weak));
void *__real_realloc(void *old, size_t size) __attribute__((weak));
void __real_free(void *data) __attribute__((weak));
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void __wrap_free(void *data);

/* Thread-local, so that a thread of a test counts nothing in another. */
static _Thread_local size_t check_fail_in; /* allocations until one fails */
static _Thread_local bool check_failed;
static _Thread_local ptrdiff_t check_live; /* blocks not yet freed */

static bool check_refuses(void) {
  if (!check_fail_in || --check_fail_in) return false;
  check_failed = true;
  return true;
}

void *__wrap_malloc(size_t size) {
  void *data = check_refuses() ? NULL : __real_malloc(size);
  check_live += data != NULL;
  return data;
}

void *__wrap_calloc(size_t count, size_t size) {
  void *data = check_refuses() ? NULL : __real_calloc(count, size);
  check_live += data != NULL;
  return data;
}

void *__wrap_realloc(void *old, size_t size) {
  void *data = check_refuses() ? NULL : __real_realloc(old, size);
  check_live += data && !old;
  return data;
}

void __wrap_free(void *data) {
  check_live -= data != NULL;
  __real_free(data);
}

/* check_each_allocation runs |attempt| with its first allocation failing, then
 * with its second one, until it needs no more: each time |attempt| must report
 * the failure by returning false, and leave nothing allocated. */
CHECK_UNUSED static void check_each_allocation(bool (*attempt)(void)) {
  if (!__real_malloc) {
    skip();
    return;
  }
  size_t failures = 0;
  for (bool done = false; !done;) {
    ptrdiff_t live = check_live;
    check_failed = false;
    check_fail_in = failures + 1;
    done = attempt();
    check_fail_in = 0;
    assert_int_equal(done, !check_failed);
    assert_int_equal(check_live, live);
    failures += check_failed;
  }
  assert_true(failures > 0);
}

/* check_copy returns a copy of |len| bytes in a block of just that size, so
 * that a sanitizer sees the first byte read beyond it. The caller frees. */
CHECK_UNUSED static uint8_t *check_copy(const void *data, size_t len) {
  uint8_t *copy = malloc(len ? len : 1);
  if (!copy) abort();
  if (len) memcpy(copy, data, len);
  return copy;
}

#endif
