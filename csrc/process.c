#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
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

static void close_fd(int *fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

/* fill_actions: standard input is /dev/null, output and error are the pipes.
 * dup2 clears close-on-exec, which every other fd of ours is made with. */
static int fill_actions(posix_spawn_file_actions_t *actions, int out, int err) {
  int error = posix_spawn_file_actions_addopen(actions, STDIN_FILENO,
                                               "/dev/null", O_RDONLY, 0);
  if (!error) {
    error = posix_spawn_file_actions_adddup2(actions, out, STDOUT_FILENO);
  }
  if (!error) {
    error = posix_spawn_file_actions_adddup2(actions, err, STDERR_FILENO);
  }
  return -error;
}

static int fill_attributes(posix_spawnattr_t *attributes) {
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

static int spawn_shell(const char *command, int out, int err, pid_t *pid) {
  char *const arguments[] = {(char *)"sh", (char *)"-c", (char *)command, NULL};
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  int error = -posix_spawn_file_actions_init(&actions);
  if (error) return error;
  error = -posix_spawnattr_init(&attributes);
  if (!error) {
    error = fill_actions(&actions, out, err);
    if (!error) error = fill_attributes(&attributes);
    if (!error) {
      error = -posix_spawn(pid, "/bin/sh", &actions, &attributes, arguments,
                           environ);
    }
    posix_spawnattr_destroy(&attributes);
  }
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

int gs_process_start(const char *command, gs_process **process) {
  uv_file out[2] = {-1, -1}, err[2] = {-1, -1};
  gs_process *self = calloc(1, sizeof *self);
  if (!self) return -ENOMEM;
  /* Our ends do not block; both ends are close-on-exec. */
  int error = uv_pipe(out, UV_NONBLOCK_PIPE, 0);
  if (!error) error = uv_pipe(err, UV_NONBLOCK_PIPE, 0);
  if (!error) error = spawn_shell(command, out[1], err[1], &self->pid);
  close_fd(&out[1]);
  close_fd(&err[1]);
  if (error) {
    close_fd(&out[0]);
    close_fd(&err[0]);
    free(self);
    return error;
  }
  self->out = out[0];
  self->err = err[0];
  *process = self;
  return 0;
}

static int drain(int *fd, gs_buf *buf) {
  char piece[4096];
  while (*fd >= 0) {
    ssize_t count = read(*fd, piece, sizeof piece);
    if (count > 0) {
      int error = gs_buf_append(buf, piece, (size_t)count);
      if (error) return error;
    } else if (count == 0 || (errno != EINTR && errno != EAGAIN)) {
      close_fd(fd);
    } else if (errno == EAGAIN) {
      break;
    }
  }
  return 0;
}

int gs_process_read(gs_process *process, gs_buf *out, gs_buf *err) {
  int error = drain(&process->out, out);
  if (!error) error = drain(&process->err, err);
  return error;
}

/* reap notes the end of the process, if it has come. */
static void reap(gs_process *process) {
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
  reap(process);
  *code = process->code;
  /* The pipes are not asked: what the command left running in the background
   * may hold them open for ever. */
  return process->is_ended;
}

void gs_process_free(gs_process *process) {
  if (!process) return;
  close_fd(&process->out);
  close_fd(&process->err);
  reap(process);
  if (!process->is_ended) {
    kill(-process->pid, SIGKILL);
    for (int i = 0; i < REAP_MS && !process->is_ended; i++) {
      poll(NULL, 0, 1);
      reap(process);
    }
  }
  free(process);
}
