/* Words shared by every file of the C core: attributes and default limits.
 * Nothing here depends on a library. */
#ifndef GS_H
#define GS_H

#include <stddef.h>
#include <stdint.h>

#define GS_VERSION "0.1.0"

#define GS_NODISCARD __attribute__((warn_unused_result))
#define GS_PRINTF(text, first) __attribute__((format(printf, text, first)))

/* Largest websocket message or HTTP body taken, in bytes: what one peer can
 * make us hold. An option may lower or raise it. */
#define GS_MAX_PAYLOAD (16u << 20)

/* Undelivered bytes of one socket after which it is no longer read. */
#define GS_MAX_QUEUE (16u << 20)

/* Bytes of one socket that wait to be sent; past it a send is refused rather
 * than memory eaten for a peer that does not read. */
#define GS_MAX_UNSENT (64u << 20)

/* What a queued event costs beyond its bytes: its record's header, and what
 * Lua allocates to hold it. Counted, so that empty events are bounded too. */
#define GS_EVENT_OVERHEAD 64u

/* Size of one chunk handed between the threads: some 200 events of the size
 * that Graph sends, so that malloc and wake-ups vanish per event. */
#define GS_CHUNK_BYTES (64u << 10)

/* Longest Engine.IO control packet (open, ping, pong ...), in bytes. The
 * reference server's open packet has about 130. */
#define GS_MAX_CONTROL (16u << 10)

#endif
