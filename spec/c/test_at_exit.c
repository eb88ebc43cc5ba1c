/* csrc/at_exit.c: a process that ends while threads of ours run. Each test is a
 * child process, whose status tells. Links: at_exit.c */
#include "at_exit.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

enum { TOO_EARLY = 3, NOT_ASKED = 4 };

static atomic_bool asked, ended;

/* tell_library stands for OpenSSL's handler, which is registered before. */
static void tell_library(void) {
  if (!atomic_load(&asked)) _exit(NOT_ASKED);
  if (!atomic_load(&ended)) _exit(TOO_EARLY);
}

static void tell_unasked(void) { _exit(atomic_load(&asked) ? NOT_ASKED : 0); }

static void ask(void *unused) {
  (void)unused;
  atomic_store(&asked, true);
}

static gs_guest guest = {.stop = ask};

static void *live(void *unused) {
  (void)unused;
  while (!atomic_load(&asked)) poll(NULL, 0, 1);
  gs_at_exit_mute(&guest);
  poll(NULL, 0, 20); /* it takes its time */
  atomic_store(&ended, true);
  gs_at_exit_leave(&guest);
  return NULL;
}

/* run returns the status of a child in which fn() was called, then exit(0). */
static int run(void (*fn)(void)) {
  int status;
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) {
    fn();
    exit(0);
  }
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_true(WIFEXITED(status));
  return WEXITSTATUS(status);
}

static void leave_a_thread(void) {
  pthread_t thread;
  if (atexit(tell_library)) _exit(1);
  gs_at_exit_enter(&guest);
  if (pthread_create(&thread, NULL, live, NULL)) _exit(1);
  pthread_detach(thread);
}

static void a_thread_ends_before_the_libraries(void **state) {
  (void)state;
  assert_int_equal(run(leave_a_thread), 0);
}

static void leave_a_hung_thread(void) { gs_at_exit_enter(&guest); }

static void one_that_hangs_is_not_waited_for(void **state) {
  (void)state;
  assert_int_equal(run(leave_a_hung_thread), 0);
}

static void leave_nothing(void) {
  if (atexit(tell_unasked)) _exit(1);
  gs_at_exit_enter(&guest);
  gs_at_exit_leave(&guest);
  gs_at_exit_leave(&guest);
}

static void leave_it_muted(void) {
  if (atexit(tell_unasked)) _exit(1);
  gs_at_exit_enter(&guest);
  gs_at_exit_mute(&guest);
}

static void leave_it_to_the_parent(void) {
  gs_at_exit_enter(&guest);
  if (atexit(tell_unasked)) _exit(1);
  gs_at_exit_forget();
}

static void those_gone_or_muted_are_not_asked(void **state) {
  (void)state;
  assert_int_equal(run(leave_nothing), 0);
  assert_int_equal(run(leave_it_muted), 0);
}

static void a_child_forgets_the_threads_of_its_parent(void **state) {
  (void)state;
  assert_int_equal(run(leave_it_to_the_parent), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_thread_ends_before_the_libraries),
      cmocka_unit_test(one_that_hangs_is_not_waited_for),
      cmocka_unit_test(those_gone_or_muted_are_not_asked),
      cmocka_unit_test(a_child_forgets_the_threads_of_its_parent),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
