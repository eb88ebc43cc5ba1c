/* A folder of a test's own in the place of TMPDIR, for tests of what makes
 * files there. Needs _GNU_SOURCE. */
#ifndef GS_SPEC_SCRATCH_H
#define GS_SPEC_SCRATCH_H

#include <unistd.h>

#include "check.h"

static char scratch[] = "/tmp/graphsocket-test-XXXXXX";

/* For cmocka_run_group_tests. */
static int make_scratch(void **state) {
  (void)state;
  assert_non_null(mkdtemp(scratch));
  return setenv("TMPDIR", scratch, 1);
}

/* Fails if a test left anything in it. */
static int remove_scratch(void **state) {
  (void)state;
  return rmdir(scratch);
}

#endif
