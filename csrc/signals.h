/* Signals for a program that has to end in order: each comes out of a pipe,
 * which the program waits for as for any other descriptor. A signal handler
 * may do next to nothing, and a Lua state must not be entered from one.
 *
 * How a signal is handled belongs to the process, so this is the one part of
 * the core with a state of the process. Nothing here happens unless a program
 * asks for it: a library has no business with its host's signals. */
#ifndef GS_SIGNALS_H
#define GS_SIGNALS_H

#include <stdbool.h>

#include "gs.h"

/* gs_signals_catch has |signal| told through the pipe from now on. One that the
 * process was started with as ignored (nohup does it to SIGHUP) stays ignored,
 * but for SIGCHLD. Returns 0 or a negative errno. [lua] */
GS_NODISCARD int gs_signals_catch(int signal);

/* gs_signals_ignore has |signal| do nothing: for SIGPIPE, so that a write says
 * that the reader is gone. Returns 0 or a negative errno. [lua] */
GS_NODISCARD int gs_signals_ignore(int signal);

/* gs_signals_default takes both back. Returns 0 or a negative errno. [lua] */
GS_NODISCARD int gs_signals_default(int signal);

/* gs_signals_fd returns the descriptor that is readable while a signal waits,
 * or -1 if none was ever asked for. It stays open. [lua] */
int gs_signals_fd(void);

/* gs_signals_next returns a signal that came, or 0. Several of one kind may
 * come as fewer. [lua] */
int gs_signals_next(void);

#endif
