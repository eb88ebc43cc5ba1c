/* Frames of one connection that wait until the socket takes them. They lie in
 * one buffer, each with the room before it that libwebsockets writes into.
 *
 * Bounded twice: by the buffer's maximum, and for what the peer alone causes by
 * there never being more than one pong in it. A peer that pings and does not
 * read would else have us hold an answer to each ping. [io] throughout. */
#ifndef GS_OUTGOING_H
#define GS_OUTGOING_H

#include <stdbool.h>

#include "buf.h"

/* All fields are private. */
typedef struct gs_outgoing {
  gs_buf frames;
  size_t headroom; /* bytes before each frame */
  size_t sent;     /* bytes of |frames| that the socket has taken */
  size_t pong_end; /* where the last pong ends, if it is not sent; 0: none */
} gs_outgoing;

typedef struct gs_outgoing_frame {
  uint8_t *data; /* |headroom| bytes before it may be written to */
  size_t len;
  bool binary, compress;
} gs_outgoing_frame;

/* gs_outgoing_init makes an empty one. */
void gs_outgoing_init(gs_outgoing *outgoing, size_t max_bytes, size_t headroom);
void gs_outgoing_free(gs_outgoing *outgoing);

/* gs_outgoing_is_empty tells whether all is sent. */
bool gs_outgoing_is_empty(const gs_outgoing *outgoing);

/* gs_outgoing_has_pong tells whether a pong waits. It answers each ping that
 * came before it is sent (RFC 6455, section 5.5.3, for pings of websocket). */
bool gs_outgoing_has_pong(const gs_outgoing *outgoing);

/* gs_outgoing_push appends a frame, made of |head| and |body|. Returns 0,
 * GS_ERR_NOMEM or GS_ERR_TOO_BIG; nothing is changed on error. */
GS_NODISCARD int gs_outgoing_push(gs_outgoing *outgoing, const uint8_t *head,
                                  size_t head_len, const uint8_t *body,
                                  size_t len, bool binary, bool compress);

/* gs_outgoing_mark_pong says that the frame pushed last is a pong. */
void gs_outgoing_mark_pong(gs_outgoing *outgoing);

/* gs_outgoing_first finds the frame to write next. Returns false if there is
 * none. */
bool gs_outgoing_first(const gs_outgoing *outgoing, gs_outgoing_frame *frame);

/* gs_outgoing_took says that the first frame was written. */
void gs_outgoing_took(gs_outgoing *outgoing);

#endif
