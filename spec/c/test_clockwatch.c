/* csrc/clockwatch.c: what it makes of the system's answers. The clock of the
 * machine is left alone: the timer that the system would cancel is a pipe, and
 * its read says what Linux says (timerfd_create(2)). Links: clockwatch.c */
#include <errno.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "check.h"
#include "clockwatch.h"

static int timer_read, timer_write; /* a pipe */
static int answer;                  /* errno of the next read, 0: it ended */
static int armed, armed_flags;

int timerfd_create(clockid_t clock, int flags) {
  int fds[2];
  (void)flags;
  assert_int_equal(clock, CLOCK_REALTIME);
  assert_int_equal(pipe(fds), 0);
  timer_read = fds[0];
  timer_write = fds[1];
  return timer_read;
}

int timerfd_settime(int fd, int flags, const struct itimerspec *value,
                    struct itimerspec *old) {
  (void)value, (void)old;
  assert_int_equal(fd, timer_read);
  armed++;
  armed_flags = flags;
  return 0;
}

ssize_t read(int fd, void *data, size_t len) {
  ssize_t result = syscall(SYS_read, fd, data, len);
  if (fd != timer_read || !answer) return result;
  errno = answer;
  return -1;
}

static int jumps;
static void on_jump(void *user) {
  assert_ptr_equal(user, &jumps);
  jumps++;
}

/* turn lets the timer answer once. */
static void turn(uv_loop_t *loop, int sys_errno) {
  answer = sys_errno;
  assert_int_equal(write(timer_write, "", 1), 1);
  uv_run(loop, UV_RUN_ONCE);
  answer = 0;
}

static void tells_each_jump_of_the_clock(void **state) {
  (void)state;
  uv_loop_t loop;
  armed = jumps = 0;
  assert_int_equal(uv_loop_init(&loop), 0);
  gs_clockwatch *watch = gs_clockwatch_start(&loop, on_jump, &jumps);
  assert_non_null(watch);
  assert_true(armed_flags & TFD_TIMER_CANCEL_ON_SET);
  turn(&loop, ECANCELED);
  assert_int_equal(jumps, 1);
  turn(&loop, ECANCELED);
  assert_int_equal(jumps, 2);
  assert_int_equal(armed, 3); /* again after each */
  turn(&loop, EAGAIN);        /* nothing has happened */
  assert_int_equal(jumps, 2);
  gs_clockwatch_stop(watch);
  uv_run(&loop, UV_RUN_DEFAULT);
  assert_int_equal(uv_loop_close(&loop), 0);
  close(timer_write);
}

static void stopping_nothing_is_fine(void **state) {
  (void)state;
  gs_clockwatch_stop(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tells_each_jump_of_the_clock),
      cmocka_unit_test(stopping_nothing_is_fine),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
