#include "buf.h"

#include <stdlib.h>
#include <string.h>

#include "errors.h"

void gs_buf_init(gs_buf *buf, size_t max_bytes) {
  *buf = (gs_buf){.max_bytes = max_bytes};
}

void gs_buf_free(gs_buf *buf) {
  free(buf->data);
  gs_buf_init(buf, buf->max_bytes);
}

void gs_buf_clear(gs_buf *buf) { buf->len = 0; }

int gs_buf_reserve(gs_buf *buf, size_t len) {
  if (len > buf->max_bytes - buf->len) return GS_ERR_TOO_BIG;
  if (len <= buf->capacity - buf->len) return 0;
  size_t wanted = buf->len + len;
  size_t capacity = buf->capacity ? buf->capacity : 256;
  while (capacity < wanted && capacity <= SIZE_MAX / 2) capacity *= 2;
  if (capacity < wanted || capacity > buf->max_bytes) capacity = buf->max_bytes;
  uint8_t *data = realloc(buf->data, capacity);
  if (!data) return GS_ERR_NOMEM;
  buf->data = data;
  buf->capacity = capacity;
  return 0;
}

int gs_buf_append(gs_buf *buf, const void *data, size_t len) {
  int err = gs_buf_reserve(buf, len);
  if (err) return err;
  if (len) memcpy(buf->data + buf->len, data, len);
  buf->len += len;
  return 0;
}
