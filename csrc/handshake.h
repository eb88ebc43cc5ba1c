/* The Engine.IO open packet's JSON, by libwebsockets' parser. No I/O. */
#ifndef GS_HANDSHAKE_H
#define GS_HANDSHAKE_H

#include "engineio.h"

/* gs_handshake_read reads ping_interval_ms, ping_timeout_ms, max_payload and
 * sid out of |json|; what a value of the wrong type would set stays as it is.
 * Returns false if it is no JSON or lacks one of the first two or the sid.
 * [any] */
GS_NODISCARD bool gs_handshake_read(gs_handshake *handshake);

#endif
