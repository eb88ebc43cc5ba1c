#define _GNU_SOURCE /* memfd_create */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

extern char **environ;

/* How long gs_process_free waits for a process that it killed to be gone, in
 * milliseconds. Only one that the kernel cannot interrupt takes longer; it is
 * then left to init. */
#define REAP_MS 100

struct gs_process {
  pid_t pid;
  int out, err;  /* our ends of the pipes; -1 at their end */
  bool is_ended; /* waited for */
  int code;
};

static void process_close_fd(int *fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

/* What the command gets as its standard descriptors; -1: |in| is /dev/null,
 * |out| and |err| are ours. */
typedef struct descriptors {
  int in, out, err;
} descriptors;

/* process_fill_actions needs not clear close-on-exec, which every fd of ours is
 * made with: dup2 does. */
static int process_fill_actions(posix_spawn_file_actions_t *actions,
                                const descriptors *fds) {
  int error;
  if (fds->in >= 0) {
    error = posix_spawn_file_actions_adddup2(actions, fds->in, STDIN_FILENO);
  } else {
    error = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null",
                                             O_RDONLY, 0);
  }
  if (!error && fds->out >= 0) {
    error = posix_spawn_file_actions_adddup2(actions, fds->out, STDOUT_FILENO);
  }
  if (!error && fds->err >= 0) {
    error = posix_spawn_file_actions_adddup2(actions, fds->err, STDERR_FILENO);
  }
  return -error;
}

static int process_fill_attributes(posix_spawnattr_t *attributes) {
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  int error = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETPGROUP |
                                                       POSIX_SPAWN_SETSIGMASK |
                                                       POSIX_SPAWN_SETSIGDEF);
  if (!error) error = posix_spawnattr_setpgroup(attributes, 0);
  if (!error) error = posix_spawnattr_setsigmask(attributes, &none);
  if (!error) error = posix_spawnattr_setsigdefault(attributes, &all);
  return -error;
}

static int process_spawn(const char *command, const descriptors *fds,
                         char *const *environment, pid_t *pid) {
  char *const arguments[] = {(char *)"sh", (char *)"-c", (char *)command, NULL};
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  int error = -posix_spawn_file_actions_init(&actions);
  if (error) return error;
  error = -posix_spawnattr_init(&attributes);
  if (!error) {
    error = process_fill_actions(&actions, fds);
    if (!error) error = process_fill_attributes(&attributes);
    if (!error) {
      error = -posix_spawn(pid, "/bin/sh", &actions, &attributes, arguments,
                           environment);
    }
    posix_spawnattr_destroy(&attributes);
  }
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

static bool environment_same_name(const char *left, const char *right) {
  size_t len = strcspn(left, "=");
  return strncmp(left, right, len) == 0 && right[len] == '=';
}

/* environment_merge returns |over| followed by what of our environment it does
 * not replace; the strings are not copied. NULL when out of memory. */
static char **environment_merge(const char *const *over) {
  size_t over_count = 0, ours = 0;
  while (over[over_count]) over_count++;
  while (environ && environ[ours]) ours++;
  char **merged = calloc(over_count + ours + 1, sizeof *merged);
  if (!merged) return NULL;
  size_t count = 0;
  for (; count < over_count; count++) merged[count] = (char *)over[count];
  for (size_t i = 0; i < ours; i++) {
    bool replaced = false;
    for (size_t j = 0; j < over_count && !replaced; j++) {
      replaced = environment_same_name(over[j], environ[i]);
    }
    if (!replaced) merged[count++] = environ[i];
  }
  return merged;
}

/* input_open_unnamed returns a file that has no name, so that it ends with the
 * last who has it open. */
static int input_open_unnamed(void) {
#ifdef MFD_CLOEXEC
  int fd = memfd_create("graphsocket-input", MFD_CLOEXEC);
  return fd < 0 ? -errno : fd;
#else
  char path[] = "/tmp/graphsocket-XXXXXX";
  int fd = mkstemp(path);
  if (fd < 0) return -errno;
  unlink(path);
  if (fcntl(fd, F_SETFD, FD_CLOEXEC)) return close(fd), -EIO;
  return fd;
#endif
}

/* input_open returns a descriptor from which |data| is read. A file and no
 * pipe: nobody has to write while the command reads, and a command that does
 * not read costs nothing. */
static int input_open(const char *data, size_t len) {
  int fd = input_open_unnamed();
  size_t done = 0;
  while (fd >= 0 && done < len) {
    ssize_t count = write(fd, data + done, len - done);
    if (count > 0) {
      done += (size_t)count;
    } else if (errno != EINTR) {
      int error = -errno;
      close(fd);
      fd = error;
    }
  }
  if (fd >= 0) (void)lseek(fd, 0, SEEK_SET);
  return fd;
}

/* process_open_descriptors fills in what the command gets, and our ends. */
static int process_open_descriptors(const gs_process_options *options,
                                    descriptors *fds, gs_process *process) {
  uv_file out[2] = {-1, -1}, err[2] = {-1, -1};
  if (options->input) {
    fds->in = input_open(options->input, options->input_len);
    if (fds->in < 0) return fds->in;
  }
  if (options->inherits_output) return 0;
  /* Our ends do not block; both ends are close-on-exec. */
  int error = uv_pipe(out, UV_NONBLOCK_PIPE, 0);
  if (!error) error = uv_pipe(err, UV_NONBLOCK_PIPE, 0);
  process->out = out[0];
  process->err = err[0];
  fds->out = out[1];
  fds->err = err[1];
  return error;
}

int gs_process_start(const char *command, const gs_process_options *options,
                     gs_process **process) {
  static const gs_process_options none = {0};
  descriptors fds = {-1, -1, -1};
  char **environment = environ;
  gs_process *self = calloc(1, sizeof *self);
  if (!self) return -ENOMEM;
  self->out = self->err = -1;
  if (!options) options = &none;
  int error = process_open_descriptors(options, &fds, self);
  if (!error && options->environment) {
    environment = environment_merge(options->environment);
    if (!environment) error = -ENOMEM;
  }
  if (!error) error = process_spawn(command, &fds, environment, &self->pid);
  if (environment != environ) free(environment);
  process_close_fd(&fds.in);
  process_close_fd(&fds.out);
  process_close_fd(&fds.err);
  if (error) {
    process_close_fd(&self->out);
    process_close_fd(&self->err);
    free(self);
    return error;
  }
  *process = self;
  return 0;
}

static int process_drain(int *fd, gs_buf *buf) {
  char piece[4096];
  while (*fd >= 0) {
    ssize_t count = read(*fd, piece, sizeof piece);
    if (count > 0) {
      int error = gs_buf_append(buf, piece, (size_t)count);
      if (error) return error;
    } else if (count == 0 || (errno != EINTR && errno != EAGAIN)) {
      process_close_fd(fd);
    } else if (errno == EAGAIN) {
      break;
    }
  }
  return 0;
}

int gs_process_read(gs_process *process, gs_buf *out, gs_buf *err) {
  int error = process_drain(&process->out, out);
  if (!error) error = process_drain(&process->err, err);
  return error;
}

/* process_reap notes the end of the process, if it has come. */
static void process_reap(gs_process *process) {
  int status;
  if (process->is_ended) return;
  pid_t pid = waitpid(process->pid, &status, WNOHANG);
  if (pid == 0 || (pid < 0 && errno == EINTR)) return;
  process->is_ended = true;
  if (pid < 0) {
    process->code = -1;
  } else if (WIFSIGNALED(status)) {
    process->code = 128 + WTERMSIG(status);
  } else {
    process->code = WEXITSTATUS(status);
  }
}

bool gs_process_ended(gs_process *process, int *code) {
  process_reap(process);
  *code = process->code;
  /* The pipes are not asked: what the command left running in the background
   * may hold them open for ever. */
  return process->is_ended;
}

int gs_process_signal(gs_process *process, int signal) {
  if (process->is_ended) return -ESRCH;
  return kill(-process->pid, signal) ? -errno : 0;
}

void gs_process_free(gs_process *process) {
  if (!process) return;
  process_close_fd(&process->out);
  process_close_fd(&process->err);
  process_reap(process);
  if (!process->is_ended) {
    kill(-process->pid, SIGKILL);
    for (int i = 0; i < REAP_MS && !process->is_ended; i++) {
      poll(NULL, 0, 1);
      process_reap(process);
    }
  }
  free(process);
}
