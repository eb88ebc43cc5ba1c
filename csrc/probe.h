/* Why a TCP connection cannot be made: libwebsockets drops the system's error,
 * so a second attempt, made only after a first one failed, tells it.
 * [io] throughout. */
#ifndef GS_PROBE_H
#define GS_PROBE_H

#include <stdbool.h>
#include <uv.h>

#include "gs.h"

typedef struct gs_probe gs_probe;

/* |sys_errno| is 0 if the connection could be made after all, which is closed
 * again at once. */
typedef void (*gs_probe_callback)(void *user, int sys_errno);

/* gs_probe_start connects to the numeric |address|. |callback| is called
 * exactly once and later, unless cancelled. Returns NULL if it cannot even
 * begin. */
GS_NODISCARD gs_probe *gs_probe_start(uv_loop_t *loop, const char *address,
                                      int port, gs_probe_callback callback,
                                      void *user);

/* gs_probe_address reads the numeric |address|, of either family. Returns false
 * if it is none. [any] */
GS_NODISCARD bool gs_probe_address(const char *address, int port,
                                   struct sockaddr_storage *out);

/* gs_probe_local tries to take the numeric |address| of this machine as the
 * near end of a connection. Returns 0, EINVAL if it is no address, or the
 * system's reason. [any] */
GS_NODISCARD int gs_probe_local(const char *address);

/* gs_probe_cancel makes sure that the callback is not called. */
void gs_probe_cancel(gs_probe *probe);

#endif
