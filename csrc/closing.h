/* Who ended a websocket, and why: close frames (RFC 6455, section 5.5.1), ours
 * in bytes, the peer's in words; and ends without one. */
#ifndef GS_CLOSING_H
#define GS_CLOSING_H

#include "gs.h"

/* gs_closing_explain writes one line about the close frame whose payload is
 * |data| into |text|. Returns its code, 0 if it has none. [any] */
int gs_closing_explain(const uint8_t *data, size_t len, char *text,
                       size_t text_size);

/* gs_closing_write writes the payload of a close frame with |code|. [any] */
void gs_closing_write(int code, uint8_t payload[2]);

/* gs_closing_explain_loss tells in |*text| why libwebsockets gives up the
 * connection |fd|, without a close frame of the peer's: the peer has ended it,
 * or else libwebsockets has by itself, for a frame that breaks the protocol; it
 * has no other way to say that. Returns GS_ERR_NETWORK or GS_ERR_PROTOCOL.
 * [any] */
int gs_closing_explain_loss(int fd, const char **text);

#endif
