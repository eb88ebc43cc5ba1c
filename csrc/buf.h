/* A growable byte buffer that cannot exist without its maximum size. It knows
 * no thread; whoever owns it serialises access. */
#ifndef GS_BUF_H
#define GS_BUF_H

#include "gs.h"

typedef struct gs_buf {
  uint8_t *data;
  size_t len;       /* bytes in use */
  size_t capacity;  /* bytes allocated */
  size_t max_bytes; /* |len| never exceeds it */
} gs_buf;

/* gs_buf_init makes an empty buffer that allocates nothing yet. [any] */
void gs_buf_init(gs_buf *buf, size_t max_bytes);

/* gs_buf_free releases the memory; the buffer is then as after gs_buf_init.
 * [any] */
void gs_buf_free(gs_buf *buf);

/* gs_buf_clear forgets the content and keeps the memory. [any] */
void gs_buf_clear(gs_buf *buf);

/* gs_buf_append copies |len| bytes to the end. Returns 0, GS_ERR_NOMEM, or
 * GS_ERR_TOO_BIG; the content is unchanged on error. [any] */
GS_NODISCARD int gs_buf_append(gs_buf *buf, const void *data, size_t len);

/* gs_buf_reserve makes room for |len| more bytes, so that the next appends of
 * that many succeed. Errors as gs_buf_append. [any] */
GS_NODISCARD int gs_buf_reserve(gs_buf *buf, size_t len);

#endif
