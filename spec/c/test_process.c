/* Unit test of csrc/process.c. Links csrc/process.c, csrc/buf.c (and see
 * check.h). */
#include "process.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "check.h"

#define TEST_TIMEOUT_MS 20000

static gs_buf out, err;

static int make_buffers(void **state) {
  (void)state;
  gs_buf_init(&out, 200000);
  gs_buf_init(&err, 200000);
  return 0;
}

static int free_buffers(void **state) {
  (void)state;
  gs_buf_free(&out);
  gs_buf_free(&err);
  return 0;
}

static gs_process *start(const char *command) {
  gs_process *process;
  assert_int_equal(gs_process_start(command, NULL, &process), 0);
  return process;
}

/* finish reads until the command has ended, and returns its exit code. */
static int finish(gs_process *process) {
  for (int i = 0; i < TEST_TIMEOUT_MS; i++) {
    int code;
    bool is_ended = gs_process_ended(process, &code);
    assert_int_equal(gs_process_read(process, &out, &err), 0);
    if (is_ended) return code;
    poll(NULL, 0, 1);
  }
  fail_msg("the command did not end");
  return -1;
}

static void assert_text(const gs_buf *buf, const char *text) {
  assert_int_equal(buf->len, strlen(text));
  if (buf->len) assert_memory_equal(buf->data, text, buf->len);
}

static void both_outputs_and_the_exit_code_are_read(void **state) {
  (void)state;
  gs_process *process = start("printf out; printf err >&2; exit 3");
  assert_int_equal(finish(process), 3);
  gs_process_free(process);
  assert_text(&out, "out");
  assert_text(&err, "err");
}

static void more_than_a_pipe_holds_is_read(void **state) {
  (void)state;
  gs_process *process = start("head -c 150000 /dev/zero");
  assert_int_equal(finish(process), 0);
  gs_process_free(process);
  assert_int_equal(out.len, 150000);
}

static void reading_never_waits(void **state) {
  (void)state;
  int code;
  gs_process *process = start("read x; sleep 1000");
  assert_int_equal(gs_process_read(process, &out, &err), 0);
  assert_false(gs_process_ended(process, &code) && code == 0);
  assert_int_equal(out.len, 0);
  gs_process_free(process);
}

static void the_standard_input_is_empty(void **state) {
  (void)state;
  gs_process *process = start("cat; echo done");
  assert_int_equal(finish(process), 0);
  gs_process_free(process);
  assert_text(&out, "done\n");
}

static void a_signal_is_told_as_the_shell_tells_it(void **state) {
  (void)state;
  gs_process *process = start("kill -TERM $$");
  assert_int_equal(finish(process), 128 + SIGTERM);
  gs_process_free(process);
}

static void a_command_that_does_not_exist_ends_with_127(void **state) {
  (void)state;
  gs_process *process = start("/nonexistent/command");
  assert_int_equal(finish(process), 127);
  gs_process_free(process);
  assert_true(err.len > 0);
}

static void output_beyond_the_limit_is_an_error(void **state) {
  (void)state;
  gs_process *process = start("yes");
  int error = 0;
  for (int i = 0; i < TEST_TIMEOUT_MS && !error; i++) {
    error = gs_process_read(process, &out, &err);
    if (!error) poll(NULL, 0, 1);
  }
  assert_true(error < 0);
  gs_process_free(process);
}

/* The command and its child write our end's pipe; when all writers are gone
 * the read end sees the end of file. */
static void freeing_kills_all_that_was_started(void **state) {
  (void)state;
  int life[2];
  char command[100];
  assert_int_equal(pipe(life), 0);
  snprintf(command, sizeof command, "sleep 1000 & echo up; wait");
  gs_process *process = start(command);
  for (int i = 0; i < TEST_TIMEOUT_MS && out.len == 0; i++) {
    assert_int_equal(gs_process_read(process, &out, &err), 0);
    poll(NULL, 0, 1);
  }
  assert_text(&out, "up\n");
  close(life[1]);
  gs_process_free(process);
  struct pollfd wait = {.fd = life[0], .events = POLLIN};
  assert_int_equal(poll(&wait, 1, TEST_TIMEOUT_MS), 1);
  char byte;
  assert_int_equal(read(life[0], &byte, 1), 0);
  close(life[0]);
}

static void a_blocked_signal_is_not_blocked_in_the_command(void **state) {
  (void)state;
  sigset_t set, old;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigprocmask(SIG_BLOCK, &set, &old);
  gs_process *process = start("kill -TERM $$; echo survived");
  int code = finish(process);
  gs_process_free(process);
  sigprocmask(SIG_SETMASK, &old, NULL);
  assert_int_equal(code, 128 + SIGTERM);
  assert_int_equal(out.len, 0);
}

static bool try_to_start(void) {
  gs_process *process;
  int error = gs_process_start("true", NULL, &process);
  assert_true(error == 0 || error == -ENOMEM);
  if (error == 0) gs_process_free(process);
  return error == 0;
}

static void a_start_without_memory_fails_cleanly(void **state) {
  (void)state;
  check_each_allocation(try_to_start);
}

static gs_process *start_with(const char *command,
                              const gs_process_options *options) {
  gs_process *process;
  assert_int_equal(gs_process_start(command, options, &process), 0);
  return process;
}

static void the_environment_is_put_over_ours(void **state) {
  (void)state;
  static const char *const environment[] = {"GS_NEW=$(echo no) 'x'\ny",
                                            "GS_OLD=new", NULL};
  static const gs_process_options options = {.environment = environment};
  setenv("GS_OLD", "old", 1);
  setenv("GS_OLDER", "kept", 1);
  gs_process *process = start_with(
      "printf '%s|' \"$GS_NEW\" \"$GS_OLD\" \"$GS_OLDER\"", &options);
  assert_int_equal(finish(process), 0);
  gs_process_free(process);
  unsetenv("GS_OLD");
  unsetenv("GS_OLDER");
  assert_text(&out, "$(echo no) 'x'\ny|new|kept|");
}

static void more_input_than_a_pipe_holds_needs_no_reader(void **state) {
  (void)state;
  static char input[150000];
  memset(input, 'x', sizeof input);
  const gs_process_options options = {.input = input,
                                      .input_len = sizeof input};
  gs_process *process = start_with("true", &options);
  assert_int_equal(finish(process), 0);
  gs_process_free(process);
  process = start_with("cat", &options);
  assert_int_equal(finish(process), 0);
  gs_process_free(process);
  assert_int_equal(out.len, sizeof input);
}

static void empty_input_is_empty(void **state) {
  (void)state;
  static const gs_process_options options = {.input = "", .input_len = 0};
  gs_process *process = start_with("cat; echo done", &options);
  assert_int_equal(finish(process), 0);
  gs_process_free(process);
  assert_text(&out, "done\n");
}

static void inherited_output_is_not_read(void **state) {
  (void)state;
  static const gs_process_options options = {.inherits_output = true};
  int fds[2], saved = dup(STDOUT_FILENO);
  char got[8];
  assert_int_equal(pipe(fds), 0);
  dup2(fds[1], STDOUT_FILENO);
  gs_process *process = start_with("printf out", &options);
  int code = finish(process);
  dup2(saved, STDOUT_FILENO);
  close(saved);
  close(fds[1]);
  gs_process_free(process);
  assert_int_equal(code, 0);
  assert_int_equal(out.len, 0);
  assert_int_equal(read(fds[0], got, sizeof got), 3);
  assert_memory_equal(got, "out", 3);
  close(fds[0]);
}

static void a_signal_reaches_all_that_was_started(void **state) {
  (void)state;
  gs_process *process = start("sleep 1000 & echo up; wait");
  for (int i = 0; i < TEST_TIMEOUT_MS && out.len == 0; i++) {
    assert_int_equal(gs_process_read(process, &out, &err), 0);
    poll(NULL, 0, 1);
  }
  assert_int_equal(gs_process_signal(process, SIGTERM), 0);
  assert_int_equal(finish(process), 128 + SIGTERM);
  assert_true(gs_process_signal(process, SIGTERM) < 0);
  gs_process_free(process);
}

static bool try_to_start_with(void) {
  static const char *const environment[] = {"A=1", NULL};
  static const gs_process_options options = {
      .environment = environment, .input = "x", .input_len = 1};
  gs_process *process;
  int error = gs_process_start("true", &options, &process);
  assert_true(error == 0 || error == -ENOMEM);
  if (error == 0) gs_process_free(process);
  return error == 0;
}

static void a_start_with_options_fails_cleanly_too(void **state) {
  (void)state;
  check_each_allocation(try_to_start_with);
}

static void freeing_nothing_is_fine(void **state) {
  (void)state;
  gs_process_free(NULL);
}

#define CASE(name) \
  cmocka_unit_test_setup_teardown(name, make_buffers, free_buffers)

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE(both_outputs_and_the_exit_code_are_read),
      CASE(more_than_a_pipe_holds_is_read),
      CASE(reading_never_waits),
      CASE(the_standard_input_is_empty),
      CASE(a_signal_is_told_as_the_shell_tells_it),
      CASE(a_command_that_does_not_exist_ends_with_127),
      CASE(output_beyond_the_limit_is_an_error),
      CASE(freeing_kills_all_that_was_started),
      CASE(a_blocked_signal_is_not_blocked_in_the_command),
      CASE(a_start_without_memory_fails_cleanly),
      CASE(the_environment_is_put_over_ours),
      CASE(more_input_than_a_pipe_holds_needs_no_reader),
      CASE(empty_input_is_empty),
      CASE(inherited_output_is_not_read),
      CASE(a_signal_reaches_all_that_was_started),
      CASE(a_start_with_options_fails_cleanly_too),
      CASE(freeing_nothing_is_fine),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
