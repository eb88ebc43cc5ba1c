/* Unit test of csrc/file.c. Links csrc/file.c, csrc/buf.c (and see check.h). */
#include "file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static char folder[PATH_MAX - 256];
static char path[PATH_MAX];

static int make_folder(void **state) {
  (void)state;
  strcpy(folder, "/tmp/graphsocket-file-XXXXXX");
  if (!mkdtemp(folder)) return -1;
  snprintf(path, sizeof path, "%s/state", folder);
  return 0;
}

static int remove_folder(void **state) {
  (void)state;
  DIR *dir = opendir(folder);
  if (!dir) return -1;
  for (struct dirent *entry; (entry = readdir(dir));) {
    if (entry->d_name[0] != '.') unlinkat(dirfd(dir), entry->d_name, 0);
  }
  closedir(dir);
  return rmdir(folder);
}

/* entries counts the files of the folder: no temporary one may stay. */
static int entries(void) {
  int count = 0;
  DIR *dir = opendir(folder);
  assert_non_null(dir);
  for (struct dirent *entry; (entry = readdir(dir));) {
    count += entry->d_name[0] != '.';
  }
  closedir(dir);
  return count;
}

static int replace(const char *text, mode_t mode) {
  const char *step;
  return gs_file_replace(path, text, strlen(text), mode, &step);
}

static void assert_content(const char *text, bool is_private) {
  gs_buf buf;
  gs_buf_init(&buf, 1000);
  assert_int_equal(gs_file_read(path, is_private, &buf), 0);
  assert_int_equal(buf.len, strlen(text));
  assert_memory_equal(buf.data, text, buf.len);
  gs_buf_free(&buf);
}

static int read_error(bool is_private, size_t max_bytes) {
  gs_buf buf;
  gs_buf_init(&buf, max_bytes);
  int error = gs_file_read(path, is_private, &buf);
  gs_buf_free(&buf);
  return error;
}

static void a_file_is_made_with_the_mode_whatever_the_umask(void **state) {
  (void)state;
  struct stat info;
  mode_t old = umask(0);
  assert_int_equal(replace("one", 0600), 0);
  umask(0777);
  assert_int_equal(replace("two", 0640), 0);
  umask(old);
  assert_int_equal(stat(path, &info), 0);
  assert_int_equal(info.st_mode & 0777, 0640);
  assert_content("two", false);
  assert_int_equal(entries(), 1);
}

static void a_file_is_replaced_as_a_whole(void **state) {
  (void)state;
  assert_int_equal(replace("a long first content", 0600), 0);
  int fd = open(path, O_RDONLY);
  assert_int_equal(replace("second", 0600), 0);
  /* Who had the old one open still reads the old one. */
  char text[64] = "";
  assert_int_equal(read(fd, text, sizeof text), 20);
  assert_string_equal(text, "a long first content");
  close(fd);
  assert_content("second", true);
  assert_int_equal(replace("", 0600), 0);
  assert_content("", true);
}

static void a_symbolic_link_stays_one(void **state) {
  (void)state;
  char link_path[PATH_MAX + 8];
  struct stat info;
  const char *step;
  snprintf(link_path, sizeof link_path, "%s.link", path);
  assert_int_equal(replace("old", 0600), 0);
  assert_int_equal(symlink(path, link_path), 0);
  assert_int_equal(gs_file_replace(link_path, "new", 3, 0600, &step), 0);
  assert_int_equal(lstat(link_path, &info), 0);
  assert_true(S_ISLNK(info.st_mode));
  char target[PATH_MAX];
  assert_int_equal(gs_file_target(link_path, target), 0);
  assert_string_equal(target, path);
  assert_int_equal(gs_file_target("nothing/here", target), 0);
  assert_string_equal(target, "nothing/here");
  assert_content("new", true);
}

static void a_link_to_what_is_not_there_yet_leads_there(void **state) {
  (void)state;
  char first[PATH_MAX + 8], second[PATH_MAX + 8], target[PATH_MAX];
  const char *base = strrchr(path, '/') + 1, *step;
  struct stat info;
  snprintf(first, sizeof first, "%s.first", path);
  snprintf(second, sizeof second, "%s.second", path);
  unlink(path);
  assert_int_equal(symlink(second, first), 0);
  assert_int_equal(symlink(base, second), 0);
  assert_int_equal(gs_file_target(first, target), 0);
  assert_string_equal(target, path);
  assert_int_equal(gs_file_replace(first, "new", 3, 0600, &step), 0);
  assert_content("new", true);
  assert_int_equal(lstat(first, &info), 0);
  assert_true(S_ISLNK(info.st_mode));
  assert_int_equal(lstat(second, &info), 0);
  assert_true(S_ISLNK(info.st_mode));
  unlink(first);
  assert_int_equal(symlink(first, first), 0);
  assert_int_equal(gs_file_target(first, target), -ELOOP);
}

static void a_write_that_fails_leaves_the_old_content(void **state) {
  (void)state;
  assert_int_equal(replace("old", 0600), 0);
  struct rlimit old, small;
  getrlimit(RLIMIT_FSIZE, &old);
  small = old;
  small.rlim_cur = 1;
  void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &small);
  const char *step;
  int error = gs_file_replace(path, "newer", 5, 0600, &step);
  setrlimit(RLIMIT_FSIZE, &old);
  signal(SIGXFSZ, handler);
  assert_int_equal(error, -EFBIG);
  assert_string_equal(step, "write");
  assert_content("old", true);
  assert_int_equal(entries(), 1);
}

static void make_empty(const char *name) {
  char file[PATH_MAX + 32];
  snprintf(file, sizeof file, "%s/%s", folder, name);
  int fd = open(file, O_CREAT | O_WRONLY | O_EXCL, 0600);
  assert_true(fd >= 0);
  close(fd);
}

static void what_a_killed_process_left_is_swept_and_nothing_else(void **state) {
  (void)state;
  static const char *const others[] = {
      "state.0badcafe.tmp.gz", "state.0badcaf.tmp",   "state.0badcafe1.tmp",
      "state.0BADCAFE.tmp",    "state.tmp",           "state.lock",
      "other.0badcafe.tmp",    "state.2.0badcafe.tmp"};
  int count = (int)(sizeof others / sizeof *others);
  gs_file_sweep(path);
  assert_int_equal(replace("kept", 0600), 0);
  for (int i = 0; i < count; i++) make_empty(others[i]);
  make_empty("state.0badcafe.tmp");
  make_empty("state.00000000.tmp");
  gs_file_sweep(path);
  assert_int_equal(entries(), count + 1);
  assert_content("kept", true);

  /* By way of a symbolic link, it is the file's folder that is swept. */
  char link_path[] = "/tmp/graphsocket-link-XXXXXX";
  close(mkstemp(link_path));
  unlink(link_path);
  assert_int_equal(symlink(path, link_path), 0);
  make_empty("state.0badcafe.tmp");
  gs_file_sweep(link_path);
  unlink(link_path);
  assert_int_equal(entries(), count + 1);
  gs_file_sweep("/nonexistent/graphsocket");
  gs_file_sweep(folder);
}

static void what_is_no_file_is_neither_read_nor_replaced(void **state) {
  (void)state;
  const char *step;
  gs_buf buf;
  gs_buf_init(&buf, 100);
  assert_int_equal(gs_file_read(folder, false, &buf), GS_FILE_NOT_REGULAR);
  assert_int_equal(gs_file_replace(folder, "x", 1, 0600, &step),
                   GS_FILE_NOT_REGULAR);
  assert_int_equal(mkfifo(path, 0600), 0);
  assert_int_equal(gs_file_read(path, false, &buf), GS_FILE_NOT_REGULAR);
  assert_int_equal(replace("x", 0600), GS_FILE_NOT_REGULAR);
  unlink(path);
  assert_int_equal(gs_file_read(path, false, &buf), -ENOENT);
  assert_int_equal(
      gs_file_replace("/nonexistent/graphsocket", "x", 1, 0600, &step),
      -ENOENT);
  gs_buf_free(&buf);
}

static void a_file_that_others_may_read_is_refused(void **state) {
  (void)state;
  static const mode_t open_modes[] = {0640, 0604, 0620, 0602, 0666};
  assert_int_equal(replace("secret", 0600), 0);
  assert_content("secret", true);
  for (size_t i = 0; i < sizeof open_modes / sizeof *open_modes; i++) {
    assert_int_equal(chmod(path, open_modes[i]), 0);
    assert_int_equal(read_error(true, 100), GS_FILE_EXPOSED);
    assert_int_equal(read_error(false, 100), 0);
  }
}

static void a_file_larger_than_the_limit_is_refused(void **state) {
  (void)state;
  assert_int_equal(replace("12345", 0600), 0);
  assert_int_equal(read_error(true, 5), 0);
  assert_int_equal(read_error(true, 4), GS_FILE_TOO_BIG);
}

static bool try_to_read(void) {
  int error = read_error(true, 100);
  assert_true(error == 0 || error == GS_FILE_NOMEM);
  return error == 0;
}

static void a_read_without_memory_says_so(void **state) {
  (void)state;
  assert_int_equal(replace("12345", 0600), 0);
  check_each_allocation(try_to_read);
}

static void a_lock_excludes_this_process_and_others(void **state) {
  (void)state;
  long holder;
  int fd = gs_file_lock(path, &holder);
  assert_true(fd >= 0);
  assert_int_equal(gs_file_lock(path, &holder), -EWOULDBLOCK);
  assert_int_equal(holder, getpid());

  pid_t child = fork();
  if (child == 0) _exit(gs_file_lock(path, &holder) == -EWOULDBLOCK ? 0 : 1);
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);

  gs_file_unlock(fd);
  fd = gs_file_lock(path, &holder);
  assert_true(fd >= 0);
  gs_file_unlock(fd);
}

static void a_lock_ends_with_its_process(void **state) {
  (void)state;
  long holder;
  int ready[2], status;
  assert_int_equal(pipe(ready), 0);
  pid_t child = fork();
  if (child == 0) {
    int fd = gs_file_lock(path, &holder);
    if (write(ready[1], "x", 1) != 1 || fd < 0) _exit(1);
    for (;;) pause();
  }
  char byte;
  assert_int_equal(read(ready[0], &byte, 1), 1);
  assert_int_equal(gs_file_lock(path, &holder), -EWOULDBLOCK);
  assert_int_equal(holder, child);
  kill(child, SIGKILL);
  assert_int_equal(waitpid(child, &status, 0), child);
  int fd = gs_file_lock(path, &holder);
  assert_true(fd >= 0);
  gs_file_unlock(fd);
  close(ready[0]);
  close(ready[1]);
}

static void a_lock_file_that_was_removed_is_made_anew(void **state) {
  (void)state;
  long holder;
  int first = gs_file_lock(path, &holder);
  assert_true(first >= 0);
  unlink(path);
  int second = gs_file_lock(path, &holder);
  assert_true(second >= 0);
  gs_file_unlock(first);
  assert_int_equal(gs_file_lock(path, &holder), -EWOULDBLOCK);
  gs_file_unlock(second);
}

/* A state file "Cargo" has its lock in "Cargo.lock". */
static void a_lock_leaves_a_file_of_another_kind_as_it_is(void **state) {
  (void)state;
  static const char *const contents[] = {"[[package]]\n", "12 packages\n", "7"};
  for (size_t i = 0; i < sizeof contents / sizeof *contents; i++) {
    long holder;
    char text[64] = "";
    assert_int_equal(replace(contents[i], 0600), 0);
    int fd = gs_file_lock(path, &holder);
    assert_true(fd >= 0);
    assert_int_equal(gs_file_lock(path, &holder), -EWOULDBLOCK);
    assert_true(pread(fd, text, sizeof text - 1, 0) > 0);
    assert_string_equal(text, contents[i]);
    gs_file_unlock(fd);
  }
}

static void a_lock_file_that_cannot_be_made_is_an_error(void **state) {
  (void)state;
  long holder;
  assert_int_equal(gs_file_lock(folder, &holder), -EISDIR);
  assert_int_equal(gs_file_lock("/nonexistent/lock", &holder), -ENOENT);
}

static void folders_are_made_with_those_above_them(void **state) {
  (void)state;
  char below[PATH_MAX], file[PATH_MAX];
  struct stat info;
  snprintf(below, sizeof below, "%s/a/b", folder);
  assert_int_equal(gs_file_make_folders(below, 0700), 0);
  assert_int_equal(gs_file_make_folders(below, 0700), 0);
  assert_int_equal(stat(below, &info), 0);
  assert_int_equal(info.st_mode & 07777, 0700);
  snprintf(file, sizeof file, "%s/a/file", folder);
  close(open(file, O_CREAT | O_WRONLY, 0600));
  assert_int_equal(gs_file_make_folders(file, 0700), -ENOTDIR);
  unlink(file);
  rmdir(below);
  *strrchr(below, '/') = '\0';
  rmdir(below);
  assert_int_equal(gs_file_make_folders("", 0700), -ENOENT);
}

static void every_error_has_a_text(void **state) {
  (void)state;
  static const int errors[] = {-ENOENT,         -ENOSPC,
                               GS_FILE_TOO_BIG, GS_FILE_NOT_REGULAR,
                               GS_FILE_EXPOSED, GS_FILE_NOMEM};
  char text[128];
  for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
    assert_true(strlen(gs_file_text(errors[i], text, sizeof text)) > 3);
  }
  assert_string_equal(gs_file_text(-ENOENT, text, sizeof text),
                      "no such file or directory");
}

#define CASE(name) \
  cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE(a_file_is_made_with_the_mode_whatever_the_umask),
      CASE(a_file_is_replaced_as_a_whole),
      CASE(a_symbolic_link_stays_one),
      CASE(a_link_to_what_is_not_there_yet_leads_there),
      CASE(a_write_that_fails_leaves_the_old_content),
      CASE(what_a_killed_process_left_is_swept_and_nothing_else),
      CASE(what_is_no_file_is_neither_read_nor_replaced),
      CASE(a_file_that_others_may_read_is_refused),
      CASE(a_file_larger_than_the_limit_is_refused),
      CASE(a_read_without_memory_says_so),
      CASE(a_lock_excludes_this_process_and_others),
      CASE(a_lock_ends_with_its_process),
      CASE(a_lock_file_that_was_removed_is_made_anew),
      CASE(a_lock_leaves_a_file_of_another_kind_as_it_is),
      CASE(a_lock_file_that_cannot_be_made_is_an_error),
      CASE(folders_are_made_with_those_above_them),
      cmocka_unit_test(every_error_has_a_text),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
