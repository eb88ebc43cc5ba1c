#include "at_exit.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <uv.h>

/* What cannot be cancelled (a getaddrinfo that hangs) is not waited for. */
enum { AT_EXIT_WAIT_MS = 150 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of all below */
static pthread_cond_t left = PTHREAD_COND_INITIALIZER;
static gs_guest *guests;
static bool registered;
static bool forked; /* since a thread of ours was first there */

static void at_exit_work(uv_work_t *unused) { (void)unused; }

/* at_exit_renew_pool has libuv start its thread pool anew: its own handler
 * joins the pool's threads, of which a forked child has only the names, and
 * dies of it (libuv 1.44). After a fork the first work makes a new pool. */
static void at_exit_renew_pool(void) {
  uv_loop_t loop;
  uv_work_t request;
  if (uv_loop_init(&loop)) return;
  if (uv_queue_work(&loop, &request, at_exit_work, NULL) == 0) {
    uv_run(&loop, UV_RUN_DEFAULT);
  }
  uv_loop_close(&loop);
}

static void at_exit_run(void) {
  struct timespec until;
  if (forked) at_exit_renew_pool();
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_nsec += AT_EXIT_WAIT_MS * 1000000L;
  until.tv_sec += until.tv_nsec / 1000000000L;
  until.tv_nsec %= 1000000000L;
  pthread_mutex_lock(&lock);
  for (gs_guest *guest = guests; guest; guest = guest->next) {
    if (!guest->deaf) guest->stop(guest->user);
  }
  while (guests && pthread_cond_timedwait(&left, &lock, &until) != ETIMEDOUT) {
  }
  pthread_mutex_unlock(&lock);
}

void gs_at_exit_enter(gs_guest *guest) {
  pthread_mutex_lock(&lock);
  if (!registered) registered = atexit(at_exit_run) == 0;
  guest->deaf = false;
  guest->next = guests;
  guests = guest;
  pthread_mutex_unlock(&lock);
}

void gs_at_exit_mute(gs_guest *guest) {
  pthread_mutex_lock(&lock);
  guest->deaf = true;
  pthread_mutex_unlock(&lock);
}

void gs_at_exit_leave(gs_guest *guest) {
  pthread_mutex_lock(&lock);
  gs_guest **link = &guests;
  while (*link && *link != guest) link = &(*link)->next;
  if (*link) *link = guest->next;
  pthread_cond_broadcast(&left);
  pthread_mutex_unlock(&lock);
}

void gs_at_exit_forget(void) {
  /* The lock may have been held by a thread that does not exist here. */
  pthread_mutex_init(&lock, NULL);
  pthread_cond_init(&left, NULL);
  guests = NULL;
  forked = registered;
}
