/* The queue between two threads. Every atomic says why its order is enough;
 * there is no fence, because ThreadSanitizer cannot see one. */
#include "queue.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "errors.h"

enum { CACHE_LINE = 64, RECORD_ALIGN = 8 };

/* Before the bytes of each record. */
struct record_head {
  uint64_t len;
  uint32_t id;
  uint16_t kind;
  uint16_t flags;
};

struct chunk {
  /* The chunk that follows; set once, after the last record of this one. */
  _Atomic(struct chunk *) next;
  atomic_size_t published; /* bytes that the consumer may read */
  size_t capacity;         /* of |bytes| */
  _Alignas(RECORD_ALIGN) uint8_t bytes[];
};

#define CHUNK_CAPACITY (GS_CHUNK_BYTES - sizeof(struct chunk))

/* What one thread writes for each record shares no cache line with what the
 * other does. */
struct gs_queue {
  size_t max_bytes;
  /* A chunk given back, or NULL. Whoever exchanges it owns what he gets. */
  _Atomic(struct chunk *) spare;
  char gap1[CACHE_LINE];
  struct {
    struct chunk *chunk;
    size_t written; /* bytes of |chunk| */
    size_t pushed;  /* bytes ever pushed; wraps around */
    size_t taken;   /* the consumer's, when it was last looked at */
  } tail;
  atomic_bool armed; /* the consumer sleeps and nobody has woken it */
  char gap2[CACHE_LINE];
  struct {
    struct chunk *chunk;
    size_t read;      /* bytes of |chunk| */
    size_t published; /* of |chunk|, when it was last looked at */
    size_t held;      /* bytes of the record that was last handed out */
    size_t taken;     /* bytes ever taken; wraps around */
  } head;
  atomic_size_t taken; /* |head.taken|, for the producer */
};

static struct chunk *chunk_new(size_t capacity) {
  if (capacity > SIZE_MAX - sizeof(struct chunk)) return NULL;
  struct chunk *chunk = malloc(sizeof *chunk + capacity);
  if (chunk) chunk->capacity = capacity;
  return chunk;
}

/* queue_chunk returns an empty chunk for a record of |size| bytes, or NULL. */
static struct chunk *queue_chunk(gs_queue *queue, size_t size) {
  struct chunk *chunk = NULL;
  if (size > CHUNK_CAPACITY) {
    chunk = chunk_new(size);
  } else {
    /* Acquire: the consumer's last reads come before our writes. */
    chunk = atomic_exchange_explicit(&queue->spare, NULL, memory_order_acquire);
    if (!chunk) chunk = chunk_new(CHUNK_CAPACITY);
  }
  if (!chunk) return NULL;
  atomic_init(&chunk->next, NULL);
  atomic_init(&chunk->published, 0);
  return chunk;
}

/* queue_retire gives back a chunk that was read to its end. */
static void queue_retire(gs_queue *queue, struct chunk *chunk) {
  if (chunk->capacity == CHUNK_CAPACITY) {
    /* Release: see queue_chunk. Acquire, because what comes back is freed. */
    chunk =
        atomic_exchange_explicit(&queue->spare, chunk, memory_order_acq_rel);
  }
  free(chunk);
}

gs_queue *gs_queue_new(size_t max_bytes) {
  gs_queue *queue = calloc(1, sizeof *queue);
  if (!queue) return NULL;
  queue->max_bytes = max_bytes;
  struct chunk *chunk = queue_chunk(queue, 0);
  if (!chunk) {
    free(queue);
    return NULL;
  }
  queue->tail.chunk = chunk;
  queue->head.chunk = chunk;
  return queue;
}

void gs_queue_free(gs_queue *queue) {
  if (!queue) return;
  struct chunk *chunk = queue->head.chunk;
  while (chunk) {
    struct chunk *next = atomic_load(&chunk->next);
    free(chunk);
    chunk = next;
  }
  free(atomic_load(&queue->spare));
  free(queue);
}

/* record_size returns the bytes that a record takes, or 0 if there can be no
 * such record. */
static size_t record_size(size_t head_len, size_t len) {
  size_t limit = SIZE_MAX - sizeof(struct record_head) - RECORD_ALIGN;
  if (head_len > limit || len > limit - head_len) return 0;
  size_t size = sizeof(struct record_head) + head_len + len;
  return (size + RECORD_ALIGN - 1) & ~(size_t)(RECORD_ALIGN - 1);
}

static bool queue_full(gs_queue *queue) {
  if (queue->tail.pushed - queue->tail.taken < queue->max_bytes) return false;
  /* Relaxed: it only counts; no memory changes hands by it. */
  queue->tail.taken = atomic_load_explicit(&queue->taken, memory_order_relaxed);
  return queue->tail.pushed - queue->tail.taken >= queue->max_bytes;
}

int gs_queue_push(gs_queue *queue, uint16_t kind, uint16_t flags, uint32_t id,
                  const void *head, size_t head_len, const void *data,
                  size_t len) {
  size_t size = record_size(head_len, len);
  if (!size) return GS_ERR_NOMEM;
  if (queue_full(queue)) return GS_ERR_FULL;
  struct chunk *last = queue->tail.chunk;
  struct chunk *chunk = last;
  size_t at = queue->tail.written;
  if (size > chunk->capacity - at) {
    chunk = queue_chunk(queue, size);
    at = 0;
  }
  if (!chunk) return GS_ERR_NOMEM;

  struct record_head record = {head_len + len, id, kind, flags};
  uint8_t *bytes = chunk->bytes + at;
  memcpy(bytes, &record, sizeof record);
  bytes += sizeof record;
  if (head_len) memcpy(bytes, head, head_len);
  if (len) memcpy(bytes + head_len, data, len);

  /* Release: whoever sees the new end sees the record. */
  atomic_store_explicit(&chunk->published, at + size, memory_order_release);
  if (chunk != last) {
    /* Release: whoever sees the chunk sees its fields, and all of |last|. */
    atomic_store_explicit(&last->next, chunk, memory_order_release);
    queue->tail.chunk = chunk;
  }
  queue->tail.written = at + size;
  queue->tail.pushed += size;
  return 0;
}

/* queue_advance makes sure that |head| has something to read; false if the
 * queue is empty. */
static bool queue_advance(gs_queue *queue) {
  if (queue->head.read < queue->head.published) return true;
  struct chunk *chunk = queue->head.chunk;
  /* In this order: once |next| is seen, |published| is final. */
  struct chunk *next = atomic_load_explicit(&chunk->next, memory_order_acquire);
  queue->head.published =
      atomic_load_explicit(&chunk->published, memory_order_acquire);
  if (queue->head.read < queue->head.published) return true;
  if (!next) return false;
  queue_retire(queue, chunk);
  queue->head.chunk = next;
  queue->head.read = 0;
  /* A chunk is linked with its first record in it. */
  queue->head.published =
      atomic_load_explicit(&next->published, memory_order_acquire);
  return true;
}

bool gs_queue_next(gs_queue *queue, gs_record *record) {
  /* Relaxed: see queue_full. */
  queue->head.taken += queue->head.held;
  queue->head.held = 0;
  atomic_store_explicit(&queue->taken, queue->head.taken, memory_order_relaxed);
  if (!queue_advance(queue)) return false;
  const uint8_t *bytes = queue->head.chunk->bytes + queue->head.read;
  struct record_head head;
  memcpy(&head, bytes, sizeof head);
  *record = (gs_record){
      .kind = head.kind,
      .flags = head.flags,
      .id = head.id,
      .data = bytes + sizeof head,
      .len = head.len,
  };
  queue->head.held = record_size(head.len, 0);
  queue->head.read += queue->head.held;
  return true;
}

/* No wake-up is lost: all writes of |armed| are exchanges, so the consumer's in
 * gs_queue_arm and the producer's in gs_queue_wants_wake have an order. If the
 * consumer's comes first, the producer's finds true and wakes it. If the
 * producer's comes first, the consumer's acquires what was released there:
 * every record pushed before it is seen by the look that follows. */
bool gs_queue_wants_wake(gs_queue *queue) {
  return atomic_exchange_explicit(&queue->armed, false, memory_order_acq_rel);
}

bool gs_queue_arm(gs_queue *queue) {
  atomic_exchange_explicit(&queue->armed, true, memory_order_acq_rel);
  /* A look only, which must not retire the chunk of the record that the
   * consumer holds; relaxed, because gs_queue_next acquires what is there. A
   * chunk that has a successor counts: that one has a record. */
  struct chunk *chunk = queue->head.chunk;
  size_t published =
      atomic_load_explicit(&chunk->published, memory_order_relaxed);
  bool empty = queue->head.read == published &&
               !atomic_load_explicit(&chunk->next, memory_order_relaxed);
  if (empty) return true;
  atomic_exchange_explicit(&queue->armed, false, memory_order_acq_rel);
  return false;
}
