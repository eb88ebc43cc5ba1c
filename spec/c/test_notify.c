/* Unit test of csrc/notify.c. Links csrc/notify.c (and see check.h). */
#include "notify.h"

#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "check.h"

/* listen_at makes a manager's socket: |path| as NOTIFY_SOCKET has it. */
static int listen_at(const char *path) {
  struct sockaddr_un at = {.sun_family = AF_UNIX};
  size_t len = strlen(path);
  memcpy(at.sun_path, path, len);
  if (path[0] == '@') at.sun_path[0] = '\0';
  int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
  assert_true(fd >= 0);
  assert_int_equal(
      bind(fd, (struct sockaddr *)&at,
           (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
      0);
  return fd;
}

static void assert_arrives(const char *path) {
  static const char text[] = "READY=1\nSTATUS=joined";
  char got[64];
  int fd = listen_at(path);
  assert_int_equal(gs_notify(path, text, strlen(text)), 0);
  ssize_t len = recv(fd, got, sizeof got, MSG_DONTWAIT);
  assert_int_equal(len, strlen(text));
  assert_memory_equal(got, text, strlen(text));
  close(fd);
}

static void a_text_arrives_at_a_path(void **state) {
  (void)state;
  char folder[] = "/tmp/gs-notify-XXXXXX", path[64];
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/socket", folder);
  assert_arrives(path);
  unlink(path);
  rmdir(folder);
}

static void a_text_arrives_at_an_abstract_name(void **state) {
  (void)state;
  char path[64];
  snprintf(path, sizeof path, "@graphsocket-test-%d", (int)getpid());
  assert_arrives(path);
}

static void a_manager_that_does_not_read_is_not_waited_for(void **state) {
  (void)state;
  char path[64];
  snprintf(path, sizeof path, "@graphsocket-full-%d", (int)getpid());
  int fd = listen_at(path);
  int error = 0;
  for (int i = 0; i < 100000 && !error; i++) error = gs_notify(path, "x", 1);
  assert_int_equal(error, -EAGAIN);
  close(fd);
}

static void who_is_not_there_is_an_error(void **state) {
  (void)state;
  assert_int_equal(gs_notify("/nonexistent/socket", "x", 1), -ENOENT);
  assert_int_equal(gs_notify("@graphsocket-nobody", "x", 1), -ECONNREFUSED);
}

static void what_is_no_address_is_refused(void **state) {
  (void)state;
  char too_long[200];
  memset(too_long, 'x', sizeof too_long);
  too_long[0] = '/';
  too_long[sizeof too_long - 1] = '\0';
  assert_int_equal(gs_notify("", "x", 1), -EINVAL);
  assert_int_equal(gs_notify("@", "x", 1), -EINVAL);
  assert_int_equal(gs_notify("vsock:2:1234", "x", 1), -EINVAL);
  assert_int_equal(gs_notify(too_long, "x", 1), -ENAMETOOLONG);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_text_arrives_at_a_path),
      cmocka_unit_test(a_text_arrives_at_an_abstract_name),
      cmocka_unit_test(a_manager_that_does_not_read_is_not_waited_for),
      cmocka_unit_test(who_is_not_there_is_an_error),
      cmocka_unit_test(what_is_no_address_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
