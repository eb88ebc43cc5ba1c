/* The end of the process while I/O threads run.
 *
 * A process that ends without lua_close (os.exit does so, and Neovim) runs the
 * libraries' own exit handlers beside our threads: OpenSSL frees tables that a
 * thread is reading, and the program dies by a signal after it has done all
 * that it should. So each I/O thread has a guest here, and a handler of ours,
 * which runs before theirs, asks the threads to end and waits for them. In a
 * forked child, which has no threads, it gives libuv's handler those it joins.
 *
 * Safety: one lock guards the list of guests; |stop| is called with it held. */
#ifndef GS_AT_EXIT_H
#define GS_AT_EXIT_H

#include <stdbool.h>

typedef struct gs_guest {
  void (*stop)(void *user); /* asks the thread to end; never waits */
  void *user;
  bool deaf; /* |stop| must not be called any more */
  struct gs_guest *next;
} gs_guest;

/* gs_at_exit_enter adds |guest|, with |stop| and |user| set, which stays its
 * owner's. At the end of the process stop(user) is called, in whichever thread
 * ends it. To be called when the libraries are initialised, as handlers are run
 * in the opposite order of their registration. [any] */
void gs_at_exit_enter(gs_guest *guest);

/* gs_at_exit_mute: stop() is not called from now on. [any] */
void gs_at_exit_mute(gs_guest *guest);

/* gs_at_exit_leave: the thread is done with the libraries. One that never
 * entered is fine. [any] */
void gs_at_exit_leave(gs_guest *guest);

/* gs_at_exit_forget: the guests are threads of the parent process. To be called
 * in a child, after fork(). [any] */
void gs_at_exit_forget(void);

#endif
