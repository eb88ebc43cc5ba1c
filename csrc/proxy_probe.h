/* What a proxy says to a CONNECT: libwebsockets tells that it was no 200 and
 * keeps the rest. So a proxy that refused is asked once more, only then, by us.
 * [io] throughout. */
#ifndef GS_PROXY_PROBE_H
#define GS_PROXY_PROBE_H

#include <uv.h>

#include "proxy.h"

typedef struct gs_proxy_probe gs_proxy_probe;

/* |status| is that of the proxy's answer, or 0 if it gave none. */
typedef void (*gs_proxy_probe_callback)(void *user, int status);

/* gs_proxy_probe_start sends a CONNECT for |target_port| of the proxy's target
 * to the proxy at the numeric |address|. |callback| is called exactly once and
 * later, unless cancelled; the connection is then closed. There is no time
 * limit: whoever has one cancels. Returns NULL if it cannot even begin. */
GS_NODISCARD gs_proxy_probe *gs_proxy_probe_start(
    uv_loop_t *loop, const char *address, const gs_proxy *proxy,
    int target_port, gs_proxy_probe_callback callback, void *user);

/* gs_proxy_probe_cancel makes sure that the callback is not called. */
void gs_proxy_probe_cancel(gs_proxy_probe *probe);

#endif
