/* Close frames (RFC 6455, section 5.5.1): ours in bytes, the peer's in words.
 * No I/O. */
#ifndef GS_CLOSING_H
#define GS_CLOSING_H

#include "gs.h"

/* gs_closing_explain writes one line about the close frame whose payload is
 * |data| into |text|. Returns its code, 0 if it has none. [any] */
int gs_closing_explain(const uint8_t *data, size_t len, char *text,
                       size_t text_size);

/* gs_closing_write writes the payload of a close frame with |code|. [any] */
void gs_closing_write(int code, uint8_t payload[2]);

#endif
