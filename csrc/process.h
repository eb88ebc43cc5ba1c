/* A command of the shell whose output is read without waiting for it: a token
 * command must not stop the script's other sockets, and one that hangs must be
 * stopped. No thread, no signal handler: whoever owns a process looks at it
 * from time to time. Every error is a negative errno. */
#ifndef GS_PROCESS_H
#define GS_PROCESS_H

#include <stdbool.h>

#include "buf.h"

typedef struct gs_process gs_process;

typedef struct gs_process_options {
  /* "NAME=value", put over our own environment; ends with NULL. NULL: none. */
  const char *const *environment;
  const void *input; /* what it reads from its standard input */
  size_t input_len;
  bool inherits_output; /* its output and error are ours, and not read */
} gs_process_options;

/* gs_process_start runs |command| by /bin/sh in a process group of its own,
 * with no standard input but |options->input|, all signals at their defaults,
 * and no file of ours but the pipes of its output. |options| may be NULL.
 * Returns 0 or an error. [any] */
GS_NODISCARD int gs_process_start(const char *command,
                                  const gs_process_options *options,
                                  gs_process **process);

/* gs_process_read appends what the command has written since the last call;
 * it never waits. Returns 0, or a buffer's error (then call gs_process_free).
 * [any] */
GS_NODISCARD int gs_process_read(gs_process *process, gs_buf *out, gs_buf *err);

/* gs_process_ended tells whether the command has ended. Asked before
 * gs_process_read, it makes what is then read all that there is. |*code| is its
 * exit code, 128 + n if signal n ended it, or -1 if somebody else collected it
 * (nginx waits for any child). [any] */
bool gs_process_ended(gs_process *process, int *code);

/* gs_process_signal sends |signal| to the command and all that it started.
 * Returns 0 or an error. [any] */
GS_NODISCARD int gs_process_signal(gs_process *process, int signal);

/* gs_process_free kills the command with all that it started, if it has not
 * ended, and frees. NULL is fine. [any] */
void gs_process_free(gs_process *process);

#endif
