/* csrc/wake.c: the bytes that wake Lua, in both forms. The connections that the
 * tests make stand for the host's. Links: wake.c, private_socket.c */
#define _GNU_SOURCE /* mkdtemp, setenv */
#include "wake.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "scratch.h"

static gs_wake wake;

static int open_wake(void **state) {
  (void)state;
  gs_wake_init(&wake);
  return gs_wake_open(&wake);
}

static int close_wake(void **state) {
  (void)state;
  gs_wake_close(&wake);
  gs_wake_close(&wake); /* again is fine */
  return 0;
}

static bool is_readable(int fd) {
  struct pollfd wait = {.fd = fd, .events = POLLIN};
  return poll(&wait, 1, 0) == 1 && (wait.revents & POLLIN);
}

static int connect_to(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strcpy(address.sun_path, path);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  assert_true(fd >= 0);
  assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
  return fd;
}

/* connect_host does what a host with cosockets does. */
static int connect_host(void) {
  assert_int_equal(gs_wake_listen(&wake), 0);
  int fd = connect_to(wake.listener.path);
  assert_int_equal(gs_wake_accept(&wake), 0);
  assert_string_equal(wake.listener.path, "");
  return fd;
}

static void wakes_through_its_descriptor(void **state) {
  (void)state;
  assert_false(is_readable(wake.read_fd));
  gs_wake_send(&wake);
  assert_true(is_readable(wake.read_fd));
  gs_wake_drain(&wake);
  assert_false(is_readable(wake.read_fd));
}

static void wakes_a_connection_of_the_host(void **state) {
  (void)state;
  char byte;
  int fd = connect_host();
  /* One byte at once, for any that went into the pair meanwhile. */
  assert_int_equal(read(fd, &byte, 1), 1);
  assert_false(is_readable(fd));
  gs_wake_send(&wake);
  assert_int_equal(read(fd, &byte, 1), 1);
  gs_wake_drain(&wake); /* takes nothing from the host */
  gs_wake_send(&wake);
  assert_true(is_readable(fd));
  close(fd);
}

static void passes_from_one_connection_to_the_next(void **state) {
  (void)state;
  int before = -1;
  for (int i = 0; i < 50; i++) {
    int fd = connect_host();
    assert_true(is_readable(fd));
    if (before >= 0) close(before);
    before = fd;
  }
  close(before);
  gs_wake_send(&wake); /* nobody reads: no signal, no error */
}

static void never_waits_for_a_host_that_does_not_read(void **state) {
  (void)state;
  int fd = connect_host();
  for (int i = 0; i < 200000; i++) gs_wake_send(&wake);
  assert_true(is_readable(fd));
  close(fd);
}

static void accepts_nothing_where_nobody_connected(void **state) {
  (void)state;
  assert_int_equal(gs_wake_listen(&wake), 0);
  assert_int_equal(gs_wake_accept(&wake), -EAGAIN);
  assert_string_equal(wake.listener.path, "");
  gs_wake_send(&wake); /* as before */
  assert_true(is_readable(wake.read_fd));
  assert_int_equal(gs_wake_accept(&wake), -EBADF);
}

static void a_second_listener_replaces_the_first(void **state) {
  (void)state;
  char first[sizeof wake.listener.path];
  assert_int_equal(gs_wake_listen(&wake), 0);
  strcpy(first, wake.listener.path);
  assert_int_equal(gs_wake_listen(&wake), 0);
  assert_int_not_equal(access(first, F_OK), 0);
}

static void takes_no_connection_of_another_process(void **state) {
  (void)state;
  assert_int_equal(gs_wake_listen(&wake), 0);
  int done[2];
  assert_int_equal(pipe(done), 0);
  pid_t child = fork();
  if (child == 0) {
    char byte;
    int fd = connect_to(wake.listener.path);
    /* The end of the parent's is the end of this process. */
    _exit(read(fd, &byte, 1) == 0 ? 0 : 1);
  }
  /* Wait until it is there. */
  struct pollfd wait = {.fd = wake.listener.fd, .events = POLLIN};
  assert_int_equal(poll(&wait, 1, 20000), 1);
  int err = gs_wake_accept(&wake);
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(err, -EAGAIN);
  assert_int_equal(status, 0); /* it was turned away */
  close(done[0]);
  close(done[1]);
}

static atomic_bool stop;

static void *send_always(void *unused) {
  (void)unused;
  while (!atomic_load(&stop)) gs_wake_send(&wake);
  return NULL;
}

static void changes_the_connection_under_a_thread_that_writes(void **state) {
  (void)state;
  pthread_t writer;
  atomic_store(&stop, false);
  assert_int_equal(pthread_create(&writer, NULL, send_always, NULL), 0);
  for (int i = 0; i < 50; i++) {
    int fd = connect_host();
    assert_true(is_readable(fd));
    close(fd);
  }
  atomic_store(&stop, true);
  pthread_join(writer, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(wakes_through_its_descriptor, open_wake,
                                      close_wake),
      cmocka_unit_test_setup_teardown(wakes_a_connection_of_the_host, open_wake,
                                      close_wake),
      cmocka_unit_test_setup_teardown(passes_from_one_connection_to_the_next,
                                      open_wake, close_wake),
      cmocka_unit_test_setup_teardown(never_waits_for_a_host_that_does_not_read,
                                      open_wake, close_wake),
      cmocka_unit_test_setup_teardown(accepts_nothing_where_nobody_connected,
                                      open_wake, close_wake),
      cmocka_unit_test_setup_teardown(a_second_listener_replaces_the_first,
                                      open_wake, close_wake),
      cmocka_unit_test_setup_teardown(takes_no_connection_of_another_process,
                                      open_wake, close_wake),
      cmocka_unit_test_setup_teardown(
          changes_the_connection_under_a_thread_that_writes, open_wake,
          close_wake),
  };
  return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
