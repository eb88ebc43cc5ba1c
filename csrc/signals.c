#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

/* Set before the first handler is, and never changed afterwards. */
static int pipe_read = -1, pipe_write = -1;

static void on_signal(int signal) {
  int error = errno;
  uint8_t byte = (uint8_t)signal;
  /* Full: the program has not looked for a long time, and has enough to see. */
  ssize_t written = write(pipe_write, &byte, 1);
  (void)written;
  errno = error;
}

static int signals_open_pipe(void) {
  int fds[2];
  if (pipe_read >= 0) return 0;
  if (pipe(fds)) return -errno;
  for (int i = 0; i < 2; i++) {
    if (fcntl(fds[i], F_SETFL, O_NONBLOCK) ||
        fcntl(fds[i], F_SETFD, FD_CLOEXEC)) {
      int error = -errno;
      close(fds[0]);
      close(fds[1]);
      return error;
    }
  }
  pipe_read = fds[0];
  pipe_write = fds[1];
  return 0;
}

static int signals_set_handler(int signal, void (*handler)(int)) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = handler;
  /* What Lua reads and writes meanwhile must not fail with EINTR. */
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  return sigaction(signal, &action, NULL) ? -errno : 0;
}

int gs_signals_catch(int signal) {
  struct sigaction before;
  int error = signals_open_pipe();
  if (error) return error;
  if (sigaction(signal, NULL, &before)) return -errno;
  if (before.sa_handler == SIG_IGN && signal != SIGCHLD) return 0;
  return signals_set_handler(signal, on_signal);
}

int gs_signals_ignore(int signal) {
  return signals_set_handler(signal, SIG_IGN);
}

int gs_signals_default(int signal) {
  return signals_set_handler(signal, SIG_DFL);
}

int gs_signals_fd(void) { return pipe_read; }

int gs_signals_next(void) {
  uint8_t byte = 0;
  if (pipe_read < 0 || read(pipe_read, &byte, 1) != 1) return 0;
  return byte;
}
