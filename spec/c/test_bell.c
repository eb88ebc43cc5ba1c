/* csrc/bell.c: rings between processes, here of one. Links: bell.c,
 * private_socket.c */
#define _GNU_SOURCE /* mkdtemp, setenv */
#include "bell.h"

#include <errno.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "scratch.h"

static uv_loop_t loop;
static int rings;

static void on_ring(void *user) {
  assert_ptr_equal(user, &rings);
  rings++;
}

static gs_bell *new_bell(void) {
  gs_bell *bell;
  assert_int_equal(gs_bell_new(&bell), 0);
  return bell;
}

static gs_bell *start_bell(void) {
  rings = 0;
  assert_int_equal(uv_loop_init(&loop), 0);
  gs_bell *bell = gs_bell_start(new_bell(), &loop, on_ring, &rings);
  assert_non_null(bell);
  return bell;
}

static void stop_bell(gs_bell *bell) {
  gs_bell_stop(bell);
  uv_run(&loop, UV_RUN_DEFAULT);
  assert_int_equal(uv_loop_close(&loop), 0);
}

static void is_rung_by_another_process(void **state) {
  (void)state;
  gs_bell *bell = start_bell();
  pid_t child = fork();
  if (child == 0) _exit(gs_bell_ring(gs_bell_path(bell)) ? 1 : 0);
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
  uv_run(&loop, UV_RUN_ONCE);
  assert_int_equal(rings, 1);
  stop_bell(bell);
}

static void rings_that_come_together_are_one(void **state) {
  (void)state;
  gs_bell *bell = start_bell();
  /* More than the kernel keeps: whoever rings need not know. */
  for (int i = 0; i < 5000; i++) {
    assert_int_equal(gs_bell_ring(gs_bell_path(bell)), 0);
  }
  uv_run(&loop, UV_RUN_ONCE);
  assert_int_equal(rings, 1);
  int before;
  do {
    before = rings;
    uv_run(&loop, UV_RUN_NOWAIT);
  } while (rings != before);
  assert_int_equal(gs_bell_ring(gs_bell_path(bell)), 0);
  uv_run(&loop, UV_RUN_ONCE);
  assert_int_equal(rings, before + 1);
  stop_bell(bell);
}

static void keeps_rings_until_it_is_started(void **state) {
  (void)state;
  gs_bell *bell = new_bell();
  assert_int_equal(gs_bell_ring(gs_bell_path(bell)), 0);
  rings = 0;
  assert_int_equal(uv_loop_init(&loop), 0);
  bell = gs_bell_start(bell, &loop, on_ring, &rings);
  uv_run(&loop, UV_RUN_ONCE);
  assert_int_equal(rings, 1);
  stop_bell(bell);
}

static void tells_who_rings_that_it_is_gone(void **state) {
  (void)state;
  char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
  gs_bell *bell = start_bell();
  strcpy(path, gs_bell_path(bell));
  stop_bell(bell);
  assert_int_equal(gs_bell_ring(path), -ENOENT);
  char deep[200];
  memset(deep, '/', sizeof deep - 1);
  deep[sizeof deep - 1] = '\0';
  assert_int_equal(gs_bell_ring(deep), -ENAMETOOLONG);
}

static void the_bell_of_a_killed_process_is_removed(void **state) {
  (void)state;
  int ends[2];
  char path[sizeof(((struct sockaddr_un *)0)->sun_path)] = "";
  assert_int_equal(pipe(ends), 0);
  pid_t child = fork();
  if (child == 0) {
    gs_bell *bell;
    if (gs_bell_new(&bell) ||
        write(ends[1], gs_bell_path(bell), sizeof path) < 0) {
      _exit(1);
    }
    _exit(0); /* as if killed: nothing is cleaned up */
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
  assert_int_equal(read(ends[0], path, sizeof path), sizeof path);
  close(ends[0]);
  close(ends[1]);
  assert_int_equal(access(path, F_OK), 0);
  assert_int_equal(gs_bell_ring(path), -ECONNREFUSED);
  assert_int_not_equal(access(path, F_OK), 0);
}

static void stopping_nothing_is_fine(void **state) {
  (void)state;
  gs_bell_stop(NULL);
}

static bool make_one(void) {
  gs_bell *bell;
  int err = gs_bell_new(&bell);
  if (!err) gs_bell_free(bell);
  return err == 0;
}

static void says_when_memory_is_lacking(void **state) {
  (void)state;
  check_each_allocation(make_one);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(is_rung_by_another_process),
      cmocka_unit_test(rings_that_come_together_are_one),
      cmocka_unit_test(keeps_rings_until_it_is_started),
      cmocka_unit_test(tells_who_rings_that_it_is_gone),
      cmocka_unit_test(the_bell_of_a_killed_process_is_removed),
      cmocka_unit_test(stopping_nothing_is_fine),
      cmocka_unit_test(says_when_memory_is_lacking),
  };
  return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
