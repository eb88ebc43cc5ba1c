/* The head of a Socket.IO packet: all of its text but the payload, which stays
 * JSON until a handler wants it. The grammar is at the head of
 * lua/graphsocket/socketio/packet.lua, which decides what a packet means; this
 * is here because every message passes through it. Pure. [any] */
#ifndef GS_PACKET_H
#define GS_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gs.h"

/* Types of Socket.IO protocol v4 and v5. */
enum {
  GS_PACKET_CONNECT,
  GS_PACKET_DISCONNECT,
  GS_PACKET_EVENT,
  GS_PACKET_ACK,
  GS_PACKET_CONNECT_ERROR,
  GS_PACKET_BINARY_EVENT,
  GS_PACKET_BINARY_ACK
};

/* Longest namespace, in bytes: it is a key of tables, not a place for data. */
enum { GS_PACKET_NAMESPACE_MAX = 1024 };

/* Most attachments: the JavaScript client takes 10 by default; a bound is
 * needed only so that a head of a few bytes cannot promise an endless packet.
 */
enum { GS_PACKET_ATTACHMENTS_MAX = 1000 };

typedef struct {
  int type;              /* never a binary one: those have |attachments| */
  bool has_attachments;  /* they were announced, be it none */
  uint32_t attachments;  /* how many binary messages follow */
  bool has_id;           /* asks for, or is, an acknowledgement */
  uint64_t id;           /* at most 2^53: beyond it a double is not exact */
  const char *namespace; /* in the text, or "/" */
  size_t namespace_len;
  const char *name; /* of an event, in the text; NULL if it has to be decoded:
                       it is no string, or one with escapes */
  size_t name_len;
  size_t payload; /* where it begins in the text; its length if there is none */
} gs_packet;

/* gs_packet_parse reads the head of |text|. The pointers in |packet| are into
 * it. That the payload looks like what the type carries is checked, not that it
 * is JSON. Returns 0 or a code of errors.def whose text repeats nothing of the
 * packet. */
GS_NODISCARD int gs_packet_parse(const char *text, size_t len,
                                 gs_packet *packet);

#endif
