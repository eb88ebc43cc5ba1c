/* A bounded queue of records between exactly two threads: one pushes, one
 * takes. Records lie one after the other in large chunks, and a record is
 * published by one atomic store, so that a burst costs no malloc, no lock and
 * no wake-up per record.
 *
 * Properties: order is kept; a record is contiguous, aligned to 8 bytes; what
 * was pushed is taken or freed with the queue, never lost.
 * Operation: the producer appends to its chunk and stores |published|; the
 * consumer reads up to it; a full chunk is linked to its successor and given
 * back by the consumer, for the producer to use again or to be freed. A record
 * larger than a chunk gets one of its own.
 * Safety: the producer touches only |tail|, the consumer only |head|; they
 * share |published|, |next|, |taken|, |spare| and |armed|, all atomic. */
#ifndef GS_QUEUE_H
#define GS_QUEUE_H

#include <stdbool.h>

#include "gs.h"

typedef struct gs_queue gs_queue;

typedef struct gs_record {
  uint16_t kind;  /* of the owner's choice */
  uint16_t flags; /* likewise */
  uint32_t id;    /* whom it concerns */
  const uint8_t *data;
  size_t len;
} gs_record;

/* gs_queue_new makes a queue that refuses records once |max_bytes| wait,
 * 16 bytes a record for its head included. So it holds at most |max_bytes| and
 * one record more, and the largest record fits into an empty queue. Returns
 * NULL when out of memory. [any] */
GS_NODISCARD gs_queue *gs_queue_new(size_t max_bytes);

/* gs_queue_free frees the queue and what is in it. Neither thread may use it
 * any more. NULL is fine. [any] */
void gs_queue_free(gs_queue *queue);

/* gs_queue_push copies a record, made of |head_len| bytes and |len| bytes
 * after each other, and makes it visible. Returns 0, GS_ERR_FULL or
 * GS_ERR_NOMEM; the queue is unchanged on error. [producer] */
GS_NODISCARD int gs_queue_push(gs_queue *queue, uint16_t kind, uint16_t flags,
                               uint32_t id, const void *head, size_t head_len,
                               const void *data, size_t len);

/* gs_queue_wants_wake returns true once for each time that the consumer went
 * to sleep: the producer must then wake it. To be called after the push, or
 * once after many. [producer] */
bool gs_queue_wants_wake(gs_queue *queue);

/* gs_queue_next takes the next record; its data stays valid, and counts as
 * waiting, until the next call. Returns false if there is none. [consumer] */
bool gs_queue_next(gs_queue *queue, gs_record *record);

/* gs_queue_arm is called before sleeping. Returns true if the queue is empty
 * and the producer will wake us, false if there is something to take. A wake
 * may come although gs_queue_arm returned false, or after the consumer woke
 * by itself; it then finds an empty queue and sleeps again. [consumer] */
bool gs_queue_arm(gs_queue *queue);

#endif
