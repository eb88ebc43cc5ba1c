/* Name resolution for what lives on a loop. A slow name server stalls neither
 * the loop nor another name: lookup.h. [io] throughout. */
#ifndef GS_RESOLVE_H
#define GS_RESOLVE_H

#include <uv.h>

#include "gs.h"

typedef struct gs_resolve gs_resolve;

/* |error| is 0, GS_ERR_DNS or GS_ERR_NOMEM; |text| says in a few words what
 * was wrong, without the name. |list| has at least one TCP address if |error|
 * is 0, in the order to try them, without ports; it is freed after the call.
 * The gs_resolve is gone when the callback is called. */
typedef void (*gs_resolve_callback)(void *user, int error, const char *text,
                                    const struct addrinfo *list);

/* gs_resolve_start begins to look up |host| (a name or an IP literal, without
 * brackets, an IPv6 zone after "%"). |callback| is called exactly once, later
 * and never from inside this call, unless cancelled. Returns NULL when out of
 * memory. */
GS_NODISCARD gs_resolve *gs_resolve_start(uv_loop_t *loop, const char *host,
                                          gs_resolve_callback callback,
                                          void *user);

/* gs_resolve_cancel makes sure that the callback is not called. A second call
 * does nothing while the loop has not turned; NULL is fine. */
void gs_resolve_cancel(gs_resolve *resolve);

#endif
