/* The peer's close frame (RFC 6455, section 5.5.1) in words: no I/O. */
#ifndef GS_CLOSING_H
#define GS_CLOSING_H

#include "gs.h"

/* gs_closing_explain writes one line about the close frame whose payload is
 * |data| into |text|. Returns its code, 0 if it has none. [any] */
int gs_closing_explain(const uint8_t *data, size_t len, char *text,
                       size_t text_size);

#endif
