/* csrc/private_socket.c: who can reach it, and that its name never stays.
 * Links: private_socket.c */
#define _GNU_SOURCE /* mkdtemp, setenv */
#include "private_socket.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "scratch.h"

static bool exists(const char *path) {
  struct stat status;
  return lstat(path, &status) == 0;
}

static void folder_of(const char *path, char *folder) {
  strcpy(folder, path);
  *strrchr(folder, '/') = '\0';
}

static void lies_in_a_folder_of_this_user_alone(void **state) {
  (void)state;
  gs_private_socket one;
  struct stat status;
  char folder[sizeof one.path];
  assert_int_equal(gs_private_socket_open(&one, SOCK_DGRAM), 0);
  assert_memory_equal(one.path, scratch, strlen(scratch));
  assert_int_equal(lstat(one.path, &status), 0);
  assert_true(S_ISSOCK(status.st_mode));
  folder_of(one.path, folder);
  assert_int_equal(lstat(folder, &status), 0);
  assert_int_equal(status.st_mode & 0777, 0700);
  assert_int_equal(status.st_uid, geteuid());
  gs_private_socket_close(&one);
  assert_false(exists(folder));
  assert_int_equal(one.fd, -1);
  gs_private_socket_close(&one); /* again is fine */
}

static void can_lose_its_name_and_stay_open(void **state) {
  (void)state;
  gs_private_socket one;
  char folder[sizeof one.path];
  assert_int_equal(gs_private_socket_open(&one, SOCK_STREAM), 0);
  folder_of(one.path, folder);
  gs_private_socket_unlink(&one);
  assert_false(exists(folder));
  assert_int_equal(listen(one.fd, 1), 0);
  gs_private_socket_close(&one);
}

static void takes_the_common_folder_where_another_cannot_be_used(void **state) {
  (void)state;
  gs_private_socket one;
  char deep[200];
  memset(deep, '/', sizeof deep - 1);
  deep[sizeof deep - 1] = '\0';
  const char *unusable[] = {deep, "", "relative"};
  for (size_t i = 0; i < sizeof unusable / sizeof *unusable; i++) {
    setenv("TMPDIR", unusable[i], 1);
    assert_int_equal(gs_private_socket_open(&one, SOCK_STREAM), 0);
    assert_memory_equal(one.path, "/tmp/graphsocket-", 17);
    gs_private_socket_close(&one);
  }
  setenv("TMPDIR", scratch, 1);
}

static void leaves_nothing_when_it_fails(void **state) {
  (void)state;
  gs_private_socket one;
  /* A type that no Unix socket has. */
  assert_int_not_equal(gs_private_socket_open(&one, 77), 0);
  assert_int_equal(one.fd, -1);
  assert_string_equal(one.path, "");
  setenv("TMPDIR", "/nonexistent", 1);
  assert_int_equal(gs_private_socket_open(&one, SOCK_STREAM), -ENOENT);
  setenv("TMPDIR", scratch, 1);
  assert_string_equal(one.path, "");
}

static void buries_what_a_killed_process_left(void **state) {
  (void)state;
  gs_private_socket one;
  char folder[sizeof one.path];
  assert_int_equal(gs_private_socket_open(&one, SOCK_DGRAM), 0);
  close(one.fd);
  folder_of(one.path, folder);
  gs_private_socket_bury(one.path);
  assert_false(exists(folder));
  gs_private_socket_bury(one.path); /* another may have been faster */
}

static void buries_nothing_but_what_is_its_own(void **state) {
  (void)state;
  char path[200];
  gs_private_socket one;
  assert_int_equal(gs_private_socket_open(&one, SOCK_DGRAM), 0);
  /* A socket of another name, beside ours. */
  folder_of(one.path, path);
  strcat(path, "/other");
  assert_int_equal(link(one.path, path), 0);
  gs_private_socket_bury(path);
  assert_true(exists(path));
  unlink(path);
  /* A file of our name. */
  unlink(one.path);
  assert_int_equal(symlink("/etc/passwd", one.path), 0);
  gs_private_socket_bury(one.path);
  assert_true(exists(one.path));
  /* Names that are too short, too long, or relative. */
  gs_private_socket_bury("");
  gs_private_socket_bury("/socket");
  memset(path, 'x', sizeof path - 1);
  path[sizeof path - 1] = '\0';
  gs_private_socket_bury(path);
  gs_private_socket_close(&one);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lies_in_a_folder_of_this_user_alone),
      cmocka_unit_test(can_lose_its_name_and_stay_open),
      cmocka_unit_test(takes_the_common_folder_where_another_cannot_be_used),
      cmocka_unit_test(leaves_nothing_when_it_fails),
      cmocka_unit_test(buries_what_a_killed_process_left),
      cmocka_unit_test(buries_nothing_but_what_is_its_own),
  };
  return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
