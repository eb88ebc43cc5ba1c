/* csrc/remains.c: what is left of a library's poll handles and descriptors is
 * closed, and nothing else is. Links: remains.c */
#define _GNU_SOURCE /* pipe2 */
#include "remains.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "check.h"
#include "watched_loop.h"

static bool is_open(int fd) { return fcntl(fd, F_GETFD) >= 0; }

static void ignore(uv_poll_t *poll, int status, int events) {
  (void)poll, (void)status, (void)events;
}

/* poll_for polls |fd| for |owner|, as libwebsockets does. */
static uv_handle_t *poll_for(int fd, void *owner) {
  uv_poll_t *poll = malloc(sizeof *poll);
  assert_non_null(poll);
  assert_int_equal(uv_poll_init(&loop, poll, fd), 0);
  assert_int_equal(uv_poll_start(poll, UV_READABLE, ignore), 0);
  poll->data = owner;
  return (uv_handle_t *)poll;
}

static void on_close(uv_handle_t *handle) { free(handle); }

static void closes_the_handles_of_one_owner(void **state) {
  (void)state;
  int one, other, fds[] = {eventfd(0, EFD_NONBLOCK), eventfd(0, EFD_NONBLOCK)};
  uv_handle_t *ours = poll_for(fds[0], &one);
  uv_handle_t *theirs = poll_for(fds[1], &other);
  gs_remains_close_handles(&loop, &one);
  assert_true(uv_is_closing(ours));
  assert_false(uv_is_closing(theirs));
  gs_remains_close_handles(&loop, NULL); /* and one that is closing */
  assert_true(uv_is_closing(theirs));
  uv_run(&loop, UV_RUN_DEFAULT);
  close(fds[0]), close(fds[1]);
}

static void tells_an_end_that_is_to_come(void **state) {
  (void)state;
  int owner, fd = eventfd(0, EFD_NONBLOCK);
  uv_handle_t *handle = poll_for(fd, &owner);
  assert_false(gs_remains_closing(&loop, &owner));
  uv_close(handle, on_close);
  assert_true(gs_remains_closing(&loop, &owner));
  assert_false(gs_remains_closing(&loop, &loop));
  uv_run(&loop, UV_RUN_DEFAULT);
  assert_false(gs_remains_closing(&loop, &owner));
  close(fd);
}

/* note_polled returns what is polled on the loop, which ends then. */
static gs_remains note_polled(const int *fds, int count) {
  gs_remains remains = {0};
  for (int i = 0; i < count; i++) (void)poll_for(fds[i], NULL);
  gs_remains_note(&remains, &loop);
  gs_remains_hold(&remains);
  gs_remains_close_handles(&loop, NULL);
  uv_run(&loop, UV_RUN_DEFAULT);
  return remains;
}

static void closes_what_was_forgotten(void **state) {
  (void)state;
  int fds[] = {eventfd(0, EFD_NONBLOCK), -1, -1};
  assert_int_equal(pipe2(fds + 1, O_NONBLOCK), 0);
  gs_remains remains = note_polled(fds, 2);
  close(fds[1]); /* was not forgotten */
  gs_remains_close(&remains);
  assert_false(is_open(fds[0]));
  assert_false(is_open(fds[1]));
  assert_true(is_open(fds[2]));
  for (int i = 0; i < 2; i++) {
    assert_false(is_open(remains.descriptors[i].twin));
  }
  close(fds[2]);
}

/* Of the same kind, and with the same flags. */
static void leaves_alone_what_has_got_the_number_since(void **state) {
  (void)state;
  int fd = eventfd(0, EFD_NONBLOCK);
  gs_remains remains = note_polled(&fd, 1);
  int other = eventfd(0, EFD_NONBLOCK), flags = fcntl(other, F_GETFL);
  assert_int_equal(dup2(other, fd), fd);
  gs_remains_close(&remains);
  assert_true(is_open(fd));
  assert_int_equal(fcntl(fd, F_GETFL), flags);
  close(fd), close(other);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(closes_the_handles_of_one_owner,
                                      open_loop, close_loop),
      cmocka_unit_test_setup_teardown(tells_an_end_that_is_to_come, open_loop,
                                      close_loop),
      cmocka_unit_test_setup_teardown(closes_what_was_forgotten, open_loop,
                                      close_loop),
      cmocka_unit_test_setup_teardown(
          leaves_alone_what_has_got_the_number_since, open_loop, close_loop),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
