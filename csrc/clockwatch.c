#include "clockwatch.h"

#ifdef __linux__

  #include <errno.h>
  #include <stdbool.h>
  #include <stdint.h>
  #include <stdlib.h>
  #include <sys/timerfd.h>
  #include <unistd.h>

struct gs_clockwatch {
  uv_poll_t poll;
  int fd;
  void (*on_jump)(void *user);
  void *user;
};

/* clockwatch_arm sets a timer that never ends; TFD_TIMER_CANCEL_ON_SET ends it
 * when the clock is set, which waking from suspend does too
 * (timerfd_create(2)). */
static int clockwatch_arm(gs_clockwatch *watch) {
  struct itimerspec never = {.it_value.tv_sec = INT32_MAX};
  return timerfd_settime(watch->fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET,
                         &never, NULL);
}

static void clockwatch_on_close(uv_handle_t *handle) {
  gs_clockwatch *watch = handle->data;
  close(watch->fd);
  free(watch);
}

static void clockwatch_on_poll(uv_poll_t *poll, int status, int events) {
  gs_clockwatch *watch = poll->data;
  uint64_t count;
  (void)events;
  bool jumped = read(watch->fd, &count, sizeof count) < 0 && errno == ECANCELED;
  if (status < 0 || clockwatch_arm(watch) != 0) {
    uv_poll_stop(poll);
  } else if (jumped) {
    watch->on_jump(watch->user);
  }
}

gs_clockwatch *gs_clockwatch_start(uv_loop_t *loop, void (*on_jump)(void *user),
                                   void *user) {
  gs_clockwatch *watch = calloc(1, sizeof *watch);
  if (!watch) return NULL;
  watch->on_jump = on_jump;
  watch->user = user;
  watch->fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
  if (watch->fd < 0 || clockwatch_arm(watch) ||
      uv_poll_init(loop, &watch->poll, watch->fd)) {
    if (watch->fd >= 0) close(watch->fd);
    free(watch);
    return NULL;
  }
  watch->poll.data = watch;
  uv_poll_start(&watch->poll, UV_READABLE, clockwatch_on_poll);
  return watch;
}

void gs_clockwatch_stop(gs_clockwatch *watch) {
  if (watch) uv_close((uv_handle_t *)&watch->poll, clockwatch_on_close);
}

#else

gs_clockwatch *gs_clockwatch_start(uv_loop_t *loop, void (*on_jump)(void *user),
                                   void *user) {
  (void)loop, (void)on_jump, (void)user;
  return NULL;
}

void gs_clockwatch_stop(gs_clockwatch *watch) { (void)watch; }

#endif
