/* What Lua is told of a connection's beginning and end: the fields of
 * GS_EVENT_OPEN and GS_EVENT_CLOSED. No I/O. [any] throughout. */
#ifndef GS_REPORT_H
#define GS_REPORT_H

#include "engineio.h"
#include "websocket.h"

/* gs_report_open appends version, sid, ping_interval and ping_timeout
 * (seconds), max_payload and handshake (JSON). Returns 0 or an error of
 * gs_fields_put_*. */
GS_NODISCARD int gs_report_open(const gs_handshake *handshake, gs_buf *fields);

/* gs_report_closed appends reason (the JavaScript client's word for the end of
 * a connection that |was_open|, or was not), kind, code, message, phase, and
 * where they are known status, body, retry_after with date (the headers),
 * close_code and errno. Returns as above. */
GS_NODISCARD int gs_report_closed(const gs_websocket_failure *failure,
                                  bool was_open, gs_buf *fields);

#endif
