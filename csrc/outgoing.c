#include "outgoing.h"

#include <string.h>

/* Before the bytes of each frame. */
typedef struct frame_header {
  uint32_t len;
  bool binary, compress;
} frame_header;

void gs_outgoing_init(gs_outgoing *outgoing, size_t max_bytes,
                      size_t headroom) {
  *outgoing = (gs_outgoing){.headroom = headroom};
  gs_buf_init(&outgoing->frames, max_bytes);
}

void gs_outgoing_free(gs_outgoing *outgoing) { gs_buf_free(&outgoing->frames); }

bool gs_outgoing_is_empty(const gs_outgoing *outgoing) {
  return outgoing->frames.len == 0;
}

bool gs_outgoing_has_pong(const gs_outgoing *outgoing) {
  return outgoing->pong_end > outgoing->sent;
}

int gs_outgoing_push(gs_outgoing *outgoing, const uint8_t *head,
                     size_t head_len, const uint8_t *body, size_t len,
                     bool binary, bool compress) {
  gs_buf *frames = &outgoing->frames;
  frame_header header = {.len = (uint32_t)(head_len + len),
                         .binary = binary,
                         .compress = compress};
  int err = gs_buf_reserve(frames,
                           sizeof header + outgoing->headroom + head_len + len);
  if (err) return err;
  err = gs_buf_append(frames, &header, sizeof header);
  memset(frames->data + frames->len, 0, outgoing->headroom);
  frames->len += outgoing->headroom;
  if (!err) err = gs_buf_append(frames, head, head_len);
  if (!err) err = gs_buf_append(frames, body, len);
  return err; /* 0: the reserve above made room for all four */
}

void gs_outgoing_mark_pong(gs_outgoing *outgoing) {
  outgoing->pong_end = outgoing->frames.len;
}

bool gs_outgoing_first(const gs_outgoing *outgoing, gs_outgoing_frame *frame) {
  frame_header header;
  if (outgoing->sent == outgoing->frames.len) return false;
  uint8_t *at = outgoing->frames.data + outgoing->sent;
  memcpy(&header, at, sizeof header);
  frame->data = at + sizeof header + outgoing->headroom;
  frame->len = header.len;
  frame->binary = header.binary;
  frame->compress = header.compress;
  return true;
}

void gs_outgoing_took(gs_outgoing *outgoing) {
  gs_buf *frames = &outgoing->frames;
  gs_outgoing_frame frame;
  if (!gs_outgoing_first(outgoing, &frame)) return;
  outgoing->sent = (size_t)(frame.data - frames->data) + frame.len;
  if (outgoing->sent < frames->len) return;
  gs_buf_clear(frames);
  outgoing->sent = outgoing->pong_end = 0;
  /* A burst's buffer is not kept by an idle connection. */
  if (frames->capacity > GS_CHUNK_BYTES) gs_buf_free(frames);
}
