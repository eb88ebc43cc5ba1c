#include "file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

/* Attempts at a free name for the temporary file, or at a lock whose file is
 * being removed by somebody meanwhile. */
#define ATTEMPTS 16

/* Symbolic links that one name may lead over; the kernel's bound, too. */
#define MAX_LINKS 40

const char *gs_file_text(int error, char *text, size_t text_size) {
  switch (error) {
    case GS_FILE_NOT_REGULAR:
      return "it is not a regular file";
    case GS_FILE_TOO_BIG:
      return "it is too large";
    case GS_FILE_EXPOSED:
      return "others may read or write it";
    case GS_FILE_NOMEM:
      return "out of memory";
    default:
      break;
  }
  if (text_size == 0) return "";
  /* uv_strerror_r, since strerror_r exists in two incompatible forms. */
  return uv_strerror_r(uv_translate_sys_error(-error), text, text_size);
}

static bool file_is_exposed(const struct stat *info) {
  if (info->st_mode & (S_IRWXG | S_IRWXO)) return true;
  return info->st_uid != geteuid() && info->st_uid != 0;
}

static int file_read_all(int fd, gs_buf *out) {
  char piece[16384];
  for (;;) {
    ssize_t count = read(fd, piece, sizeof piece);
    if (count == 0) return 0;
    if (count < 0) {
      if (errno == EINTR) continue;
      return -errno;
    }
    if (out->len + (size_t)count > out->max_bytes) return GS_FILE_TOO_BIG;
    if (gs_buf_append(out, piece, (size_t)count)) return GS_FILE_NOMEM;
  }
}

int gs_file_read(const char *path, bool is_private, gs_buf *out) {
  /* O_NONBLOCK: a FIFO must not hang us before fstat has told what it is. */
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return -errno;
  struct stat info;
  int error = 0;
  if (fstat(fd, &info)) {
    error = -errno;
  } else if (!S_ISREG(info.st_mode)) {
    error = GS_FILE_NOT_REGULAR;
  } else if (is_private && file_is_exposed(&info)) {
    error = GS_FILE_EXPOSED;
  } else {
    error = file_read_all(fd, out);
  }
  close(fd);
  return error;
}

static int file_write_all(int fd, const char *data, size_t len) {
  while (len > 0) {
    ssize_t count = write(fd, data, len);
    if (count < 0) {
      if (errno == EINTR) continue;
      return -errno;
    }
    data += count;
    len -= (size_t)count;
  }
  return 0;
}

/* file_create_beside makes a new file whose name begins with |path| and writes
 * the name, which file_is_temporary knows, into |name|. Returns its fd or an
 * error. */
static int file_create_beside(const char *path, mode_t mode, char *name,
                              size_t name_size) {
  for (int i = 0; i < ATTEMPTS; i++) {
    uint32_t noise;
    if (uv_random(NULL, NULL, &noise, sizeof noise, 0, NULL)) return -EIO;
    int len = snprintf(name, name_size, "%s.%08x.tmp", path, (unsigned)noise);
    if (len >= (int)name_size) return -ENAMETOOLONG;
    /* Not readable by others at any moment, whatever |mode| is. */
    int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                  mode & (S_IRUSR | S_IWUSR));
    if (fd >= 0) {
      /* The umask has no say: |mode| is what the caller means. */
      if (fchmod(fd, mode) == 0) return fd;
      int error = -errno;
      close(fd);
      unlink(name);
      return error;
    }
    if (errno != EEXIST) return -errno;
  }
  return -EEXIST;
}

/* file_is_temporary tells whether file_create_beside made |name| for the file
 * |base|, both without their directory. */
static bool file_is_temporary(const char *name, const char *base) {
  size_t len = strlen(base);
  if (strncmp(name, base, len) || name[len] != '.') return false;
  const char *noise = name + len + 1;
  return strspn(noise, "0123456789abcdef") == 8 && !strcmp(noise + 8, ".tmp");
}

/* file_open_directory opens the directory of |path|. Returns its fd or an
 * error. */
static int file_open_directory(const char *path) {
  char directory[PATH_MAX];
  const char *slash = strrchr(path, '/');
  /* "." for a bare name, "/" for a file of the root. */
  int len = !slash || slash == path ? 1 : (int)(slash - path);
  if (len >= (int)sizeof directory) return -ENAMETOOLONG;
  snprintf(directory, sizeof directory, "%.*s", len, slash ? path : ".");
  int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

/* file_sync_directory makes a rename in the directory of |path| durable. A file
 * system that cannot do that (EINVAL) has no more to offer. */
static int file_sync_directory(const char *path) {
  int fd = file_open_directory(path);
  if (fd < 0) return fd;
  int error = fsync(fd) && errno != EINVAL ? -errno : 0;
  close(fd);
  return error;
}

/* file_follow_link puts what the symbolic link |name|, of PATH_MAX bytes, says
 * in its place; |*is_link| is false if it is none. Returns 0 or an error. */
static int file_follow_link(char *name, bool *is_link) {
  char link[PATH_MAX], next[PATH_MAX];
  ssize_t got = readlink(name, link, sizeof link - 1);
  *is_link = got >= 0;
  if (!*is_link) return 0;
  link[got] = '\0';
  const char *slash = *link == '/' ? NULL : strrchr(name, '/');
  int folder = slash ? (int)(slash + 1 - name) : 0;
  int len = snprintf(next, sizeof next, "%.*s%s", folder, name, link);
  if (len >= (int)sizeof next) return -ENAMETOOLONG;
  memcpy(name, next, (size_t)len + 1);
  return 0;
}

int gs_file_target(const char *path, char *target) {
  char name[PATH_MAX];
  struct stat info;
  int len = snprintf(name, sizeof name, "%s", path);
  if (len >= (int)sizeof name) return -ENAMETOOLONG;
  /* realpath does not name what is still to be made, also by way of a link. It
   * tells itself of links that lead in a circle, but somebody may make one. */
  for (int links = 0; !realpath(name, target); links++) {
    if (errno != ENOENT) return -errno;
    if (links == MAX_LINKS) return -ELOOP;
    bool is_link;
    int error = file_follow_link(name, &is_link);
    if (error) return error;
    if (!is_link) {
      memcpy(target, name, strlen(name) + 1);
      return 0;
    }
  }
  bool is_other = stat(target, &info) == 0 && !S_ISREG(info.st_mode);
  return is_other ? GS_FILE_NOT_REGULAR : 0;
}

int gs_file_replace(const char *path, const void *data, size_t len, mode_t mode,
                    const char **step) {
  char target[PATH_MAX], name[PATH_MAX];
  *step = "create";
  int error = gs_file_target(path, target);
  if (error) return error;
  int fd = file_create_beside(target, mode, name, sizeof name);
  if (fd < 0) return fd;

  *step = "write";
  error = file_write_all(fd, data, len);
  if (!error) {
    *step = "sync";
    if (fsync(fd)) error = -errno;
  }
  /* close can report what write did not, on NFS and with quotas. */
  if (close(fd) && !error) error = -errno;
  if (!error) {
    *step = "rename";
    if (rename(name, target)) error = -errno;
  }
  if (error) {
    unlink(name);
    return error;
  }
  *step = "sync the folder of";
  return file_sync_directory(target);
}

void gs_file_sweep(const char *path) {
  char target[PATH_MAX];
  if (gs_file_target(path, target)) return;
  int fd = file_open_directory(target);
  DIR *directory = fd < 0 ? NULL : fdopendir(fd);
  if (!directory) {
    if (fd >= 0) close(fd);
    return;
  }
  const char *slash = strrchr(target, '/');
  const char *base = slash ? slash + 1 : target;
  for (struct dirent *entry; (entry = readdir(directory));) {
    /* One that cannot be removed costs nothing but its room. */
    if (file_is_temporary(entry->d_name, base) &&
        unlinkat(fd, entry->d_name, 0)) {
      continue;
    }
  }
  closedir(directory);
}

/* file_is_same tells whether |path| still names the file that |fd| is. */
static bool file_is_same(int fd, const char *path) {
  struct stat ours, theirs;
  return fstat(fd, &ours) == 0 && stat(path, &theirs) == 0 &&
         ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

/* file_read_holder reads what file_write_holder wrote. Returns false if the
 * file holds something else. */
static bool file_read_holder(int fd, long *holder) {
  char text[32] = "", *end = text;
  *holder = 0;
  if (pread(fd, text, sizeof text - 1, 0) > 0) *holder = strtol(text, &end, 10);
  bool is_ours = !*text || (!strcmp(end, "\n") && *holder > 0);
  if (!is_ours) *holder = 0;
  return is_ours;
}

static void file_write_holder(int fd) {
  char text[32];
  long last;
  /* "Cargo.lock" beside a state file "Cargo" is somebody's work. */
  if (!file_read_holder(fd, &last)) return;
  int len = snprintf(text, sizeof text, "%ld\n", (long)getpid());
  /* For a human's eyes only: the lock holds without it. */
  if (ftruncate(fd, 0) || pwrite(fd, text, (size_t)len, 0) != len) return;
}

int gs_file_lock(const char *path, long *holder) {
  *holder = 0;
  for (int i = 0; i < ATTEMPTS; i++) {
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
                  S_IRUSR | S_IWUSR);
    if (fd < 0) return -errno;
    struct stat info;
    if (fstat(fd, &info) == 0 && !S_ISREG(info.st_mode)) {
      close(fd);
      return GS_FILE_NOT_REGULAR;
    }
    if (flock(fd, LOCK_EX | LOCK_NB)) {
      int error = -errno;
      if (error == -EWOULDBLOCK) (void)file_read_holder(fd, holder);
      close(fd);
      return error;
    }
    if (file_is_same(fd, path)) {
      file_write_holder(fd);
      return fd;
    }
    close(fd);
  }
  return -EBUSY;
}

void gs_file_unlock(int fd) {
  /* Not close alone: a child that was forked without exec may hold the same
   * open file description. */
  flock(fd, LOCK_UN);
  close(fd);
}

int gs_file_make_folders(const char *path, mode_t mode) {
  char partial[PATH_MAX];
  size_t len = strlen(path);
  if (len == 0) return -ENOENT;
  if (len >= sizeof partial) return -ENAMETOOLONG;
  for (size_t i = 1; i <= len; i++) {
    if (path[i] != '/' && path[i] != '\0') continue;
    memcpy(partial, path, i);
    partial[i] = '\0';
    if (mkdir(partial, mode) && errno != EEXIST) return -errno;
  }
  struct stat info;
  if (stat(path, &info)) return -errno;
  return S_ISDIR(info.st_mode) ? 0 : -ENOTDIR;
}
