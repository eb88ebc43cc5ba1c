/* Unit test of csrc/signals.c. Links csrc/signals.c (and see check.h). */
#include "signals.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static bool is_readable(void) {
  struct pollfd wait = {.fd = gs_signals_fd(), .events = POLLIN};
  return poll(&wait, 1, 0) == 1;
}

static int take_back(void **state) {
  (void)state;
  while (gs_signals_next() != 0) {
  }
  if (gs_signals_default(SIGTERM) || gs_signals_default(SIGHUP)) return -1;
  return gs_signals_default(SIGPIPE);
}

static void a_signal_comes_out_of_the_descriptor(void **state) {
  (void)state;
  assert_int_equal(gs_signals_catch(SIGTERM), 0);
  assert_false(is_readable());
  assert_int_equal(gs_signals_next(), 0);
  raise(SIGTERM);
  assert_true(is_readable());
  assert_int_equal(gs_signals_next(), SIGTERM);
  assert_int_equal(gs_signals_next(), 0);
}

static void signals_come_in_their_order(void **state) {
  (void)state;
  assert_int_equal(gs_signals_catch(SIGTERM), 0);
  assert_int_equal(gs_signals_catch(SIGHUP), 0);
  raise(SIGHUP);
  raise(SIGTERM);
  raise(SIGHUP);
  assert_int_equal(gs_signals_next(), SIGHUP);
  assert_int_equal(gs_signals_next(), SIGTERM);
  assert_int_equal(gs_signals_next(), SIGHUP);
}

static void a_flood_of_signals_does_not_block(void **state) {
  (void)state;
  assert_int_equal(gs_signals_catch(SIGTERM), 0);
  for (int i = 0; i < 100000; i++) raise(SIGTERM);
  assert_int_equal(gs_signals_next(), SIGTERM);
}

static void what_was_started_as_ignored_stays_so(void **state) {
  (void)state;
  assert_int_equal(gs_signals_ignore(SIGHUP), 0);
  assert_int_equal(gs_signals_catch(SIGHUP), 0);
  raise(SIGHUP);
  assert_int_equal(gs_signals_next(), 0);
}

static void a_write_to_a_closed_pipe_fails_when_the_signal_is_ignored(
    void **state) {
  (void)state;
  int fds[2];
  assert_int_equal(gs_signals_ignore(SIGPIPE), 0);
  assert_int_equal(pipe(fds), 0);
  close(fds[0]);
  assert_int_equal(write(fds[1], "x", 1), -1);
  close(fds[1]);
}

static void the_default_ends_the_process(void **state) {
  (void)state;
  int status;
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) {
    int error = gs_signals_catch(SIGTERM);
    if (!error) error = gs_signals_default(SIGTERM);
    if (!error) raise(SIGTERM);
    _exit(1);
  }
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_true(WIFSIGNALED(status));
  assert_int_equal(WTERMSIG(status), SIGTERM);
}

static void what_is_no_signal_is_refused(void **state) {
  (void)state;
  assert_true(gs_signals_catch(SIGKILL) < 0);
  assert_true(gs_signals_ignore(10000) < 0);
}

#define CASE(name) cmocka_unit_test_teardown(name, take_back)

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE(a_signal_comes_out_of_the_descriptor),
      CASE(signals_come_in_their_order),
      CASE(a_flood_of_signals_does_not_block),
      CASE(what_was_started_as_ignored_stays_so),
      CASE(a_write_to_a_closed_pipe_fails_when_the_signal_is_ignored),
      CASE(the_default_ends_the_process),
      CASE(what_is_no_signal_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
