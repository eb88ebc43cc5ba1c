/* A libuv loop for each test of a file: it must be empty at the end, and a loop
 * that hangs is a test that failed. */
#ifndef GS_SPEC_WATCHED_LOOP_H
#define GS_SPEC_WATCHED_LOOP_H

#include <unistd.h>
#include <uv.h>

#include "check.h"

enum { WATCHDOG_SECONDS = 60 };

static uv_loop_t loop;

static int open_loop(void **state) {
  (void)state;
  alarm(WATCHDOG_SECONDS);
  return uv_loop_init(&loop);
}

/* close_loop fails where anything is left on the loop. */
static int close_loop(void **state) {
  (void)state;
  uv_run(&loop, UV_RUN_DEFAULT);
  alarm(0);
  return uv_loop_close(&loop);
}

#endif
