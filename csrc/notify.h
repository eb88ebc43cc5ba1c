/* The service manager's notification socket (sd_notify(3)): a service tells
 * systemd that it is ready, alive, or about to end. The protocol is one
 * datagram of text, so libsystemd is not needed for it. */
#ifndef GS_NOTIFY_H
#define GS_NOTIFY_H

#include "gs.h"

/* gs_notify sends |text| to the Unix socket |path|, which is absolute, or
 * abstract if it begins with "@". Never waits: a manager that does not read
 * must not stop a service. Returns 0 or a negative errno. [any] */
GS_NODISCARD int gs_notify(const char *path, const char *text, size_t len);

#endif
