/* libcurl's memory in a unit test: it fails on demand, apart from the
 * allocations that check.h counts. */
#ifndef GS_SPEC_CURL_MEMORY_H
#define GS_SPEC_CURL_MEMORY_H

#include <curl/curl.h>

#include "check.h"

/* Allocations of libcurl until one fails; 0: none does. */
static int curl_fail_in;

static void *curl_realloc(void *old, size_t size) {
  if (curl_fail_in && --curl_fail_in == 0) return NULL;
  /* Volatile: to a compiler, realloc looks at no variable of ours. */
  volatile size_t *refused = &check_fail_in;
  size_t fail_in = *refused;
  *refused = 0;
  void *block = realloc(old, size);
  *refused = fail_in;
  return block;
}

static void *curl_malloc(size_t size) { return curl_realloc(NULL, size); }

static void *curl_calloc(size_t count, size_t size) {
  void *block = curl_realloc(NULL, count * size);
  return block ? memset(block, 0, count * size) : NULL;
}

static char *curl_strdup(const char *text) {
  char *copy = curl_realloc(NULL, strlen(text) + 1);
  return copy ? strcpy(copy, text) : NULL;
}

/* curl_memory_begin must come before all else that uses libcurl. */
static int curl_memory_begin(void **state) {
  (void)state;
  return (int)curl_global_init_mem(CURL_GLOBAL_DEFAULT, curl_malloc, free,
                                   curl_realloc, curl_strdup, curl_calloc);
}

#endif
