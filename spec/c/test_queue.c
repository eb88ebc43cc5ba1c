/* Unit test of csrc/queue.c, on one thread and between two.
 * Links csrc/queue.c (and see check.h); to be run under ThreadSanitizer, too.
 */
#include "queue.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <unistd.h>

#include "check.h"
#include "errors.h"

enum { HEAD_BYTES = 16, MANY = 200000, PATIENCE_S = 120 };

static const size_t unbounded = SIZE_MAX;

static int push_text(gs_queue *queue, uint32_t id, const char *text) {
  return gs_queue_push(queue, 1, 0, id, NULL, 0, text, strlen(text));
}

static void assert_next_text(gs_queue *queue, uint32_t id, const char *text) {
  gs_record record;
  assert_true(gs_queue_next(queue, &record));
  assert_int_equal(record.id, id);
  assert_int_equal(record.len, strlen(text));
  assert_memory_equal(record.data, text, record.len);
}

static void records_come_out_as_they_went_in(void **state) {
  (void)state;
  gs_queue *queue = gs_queue_new(unbounded);
  gs_record record;
  assert_false(gs_queue_next(queue, &record));
  assert_int_equal(
      gs_queue_push(queue, 65535, 7, UINT32_MAX, "ab", 2, "cde", 3), 0);
  assert_int_equal(gs_queue_push(queue, 0, 65535, 0, NULL, 0, NULL, 0), 0);
  assert_int_equal(gs_queue_push(queue, 2, 0, 5, "x", 1, NULL, 0), 0);

  assert_true(gs_queue_next(queue, &record));
  assert_int_equal(record.kind, 65535);
  assert_int_equal(record.flags, 7);
  assert_int_equal(record.id, UINT32_MAX);
  assert_int_equal(record.len, 5);
  assert_memory_equal(record.data, "abcde", 5);
  assert_true(gs_queue_next(queue, &record));
  assert_int_equal(record.kind, 0);
  assert_int_equal(record.flags, 65535);
  assert_int_equal(record.len, 0);
  assert_true(gs_queue_next(queue, &record));
  assert_memory_equal(record.data, "x", 1);
  assert_false(gs_queue_next(queue, &record));
  gs_queue_free(queue);
}

static void records_are_aligned(void **state) {
  (void)state;
  gs_queue *queue = gs_queue_new(unbounded);
  for (size_t len = 0; len < 40; len++) {
    uint8_t data[40] = {0};
    assert_int_equal(gs_queue_push(queue, 0, 0, 0, NULL, 0, data, len), 0);
  }
  for (size_t len = 0; len < 40; len++) {
    gs_record record;
    assert_true(gs_queue_next(queue, &record));
    assert_int_equal(record.len, len);
    assert_int_equal((uintptr_t)record.data % 8, 0);
  }
  gs_queue_free(queue);
}

/* The content of record |i| follows from |i| alone. */
static size_t record_fill(uint32_t i, uint8_t *data, size_t size) {
  uint32_t mixed = i * 2654435761u;
  size_t len = mixed % (i % 1000 ? 300 : size);
  memset(data, (int)(mixed >> 24), len);
  if (len >= sizeof i) memcpy(data, &i, sizeof i);
  return len;
}

static void order_is_kept_over_many_chunks(void **state) {
  (void)state;
  enum { COUNT = 5000 };
  static uint8_t data[3 * GS_CHUNK_BYTES];
  gs_queue *queue = gs_queue_new(unbounded);
  for (uint32_t i = 0; i < COUNT; i++) {
    size_t len = record_fill(i, data, sizeof data);
    assert_int_equal(gs_queue_push(queue, 0, 0, i, data, len / 3,
                                   data + len / 3, len - len / 3),
                     0);
  }
  for (uint32_t i = 0; i < COUNT; i++) {
    gs_record record;
    size_t len = record_fill(i, data, sizeof data);
    assert_true(gs_queue_next(queue, &record));
    assert_int_equal(record.id, i);
    assert_int_equal(record.len, len);
    assert_memory_equal(record.data, data, len);
  }
  gs_record record;
  assert_false(gs_queue_next(queue, &record));
  gs_queue_free(queue);
}

static void a_record_larger_than_a_chunk_is_one_piece(void **state) {
  (void)state;
  enum { LEN = 5 * GS_CHUNK_BYTES };
  static uint8_t data[LEN];
  gs_queue *queue = gs_queue_new(unbounded);
  assert_int_equal(push_text(queue, 1, "before"), 0);
  memset(data, 7, sizeof data);
  assert_int_equal(gs_queue_push(queue, 0, 0, 2, NULL, 0, data, LEN), 0);
  assert_int_equal(push_text(queue, 3, "after"), 0);
  assert_next_text(queue, 1, "before");
  gs_record record;
  assert_true(gs_queue_next(queue, &record));
  assert_int_equal(record.len, LEN);
  assert_memory_equal(record.data, data, LEN);
  assert_next_text(queue, 3, "after");
  gs_queue_free(queue);
}

static void data_stays_valid_until_the_next_call(void **state) {
  (void)state;
  static uint8_t data[GS_CHUNK_BYTES / 2];
  gs_queue *queue = gs_queue_new(unbounded);
  gs_record record;
  memset(data, 1, sizeof data);
  assert_int_equal(gs_queue_push(queue, 0, 0, 1, NULL, 0, data, sizeof data),
                   0);
  assert_true(gs_queue_next(queue, &record));
  /* The producer goes on to other chunks, and the consumer looks for more,
   * while it still reads the first. */
  memset(data, 2, sizeof data);
  for (int i = 0; i < 4; i++) {
    assert_int_equal(gs_queue_push(queue, 0, 0, 2, NULL, 0, data, sizeof data),
                     0);
    assert_false(gs_queue_arm(queue));
  }
  for (size_t i = 0; i < record.len; i++) assert_int_equal(record.data[i], 1);
  gs_queue_free(queue);
}

static void fill(gs_queue *queue, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    assert_int_equal(push_text(queue, i, "12345678"), 0);
  }
  assert_int_equal(push_text(queue, count, ""), GS_ERR_FULL);
}

static void a_full_queue_refuses_until_something_is_taken(void **state) {
  (void)state;
  enum { COUNT = 30 };
  gs_queue *queue = gs_queue_new(COUNT * (HEAD_BYTES + 8));
  gs_record record;
  fill(queue, COUNT);
  assert_true(gs_queue_next(queue, &record));
  /* What the consumer still reads counts. */
  assert_int_equal(push_text(queue, COUNT, ""), GS_ERR_FULL);
  assert_true(gs_queue_next(queue, &record));
  assert_int_equal(push_text(queue, COUNT, "last"), 0);
  assert_int_equal(push_text(queue, COUNT, ""), GS_ERR_FULL);
  for (uint32_t i = 2; i < COUNT; i++) assert_next_text(queue, i, "12345678");
  assert_next_text(queue, COUNT, "last");
  assert_false(gs_queue_next(queue, &record));
  fill(queue, COUNT);
  gs_queue_free(queue);
}

static void an_empty_queue_takes_a_record_larger_than_its_bound(void **state) {
  (void)state;
  static uint8_t data[1000];
  gs_queue *queue = gs_queue_new(100);
  for (int i = 0; i < 3; i++) {
    gs_record record;
    assert_int_equal(gs_queue_push(queue, 0, 0, 1, NULL, 0, data, sizeof data),
                     0);
    assert_int_equal(push_text(queue, 2, "x"), GS_ERR_FULL);
    assert_true(gs_queue_next(queue, &record));
    assert_int_equal(record.len, sizeof data);
    assert_false(gs_queue_next(queue, &record));
  }
  gs_queue_free(queue);
}

static void a_record_beyond_the_address_space_is_refused(void **state) {
  (void)state;
  gs_queue *queue = gs_queue_new(unbounded);
  size_t half = SIZE_MAX / 2 + 1;
  static const size_t lengths[] = {SIZE_MAX, SIZE_MAX - 8, SIZE_MAX - 24};
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    assert_int_equal(gs_queue_push(queue, 0, 0, 0, NULL, 0, "", lengths[i]),
                     GS_ERR_NOMEM);
    assert_int_equal(gs_queue_push(queue, 0, 0, 0, "", lengths[i], NULL, 0),
                     GS_ERR_NOMEM);
  }
  assert_int_equal(gs_queue_push(queue, 0, 0, 0, "", half, "", half),
                   GS_ERR_NOMEM);
  assert_int_equal(push_text(queue, 1, "fine"), 0);
  assert_next_text(queue, 1, "fine");
  gs_queue_free(queue);
}

static void a_sleeping_consumer_is_woken_once(void **state) {
  (void)state;
  gs_queue *queue = gs_queue_new(unbounded);
  gs_record record;
  assert_false(gs_queue_wants_wake(queue));
  assert_true(gs_queue_arm(queue));
  for (uint32_t i = 0; i < 3; i++) {
    assert_int_equal(push_text(queue, i, "x"), 0);
    assert_int_equal(gs_queue_wants_wake(queue), i == 0);
  }
  assert_false(gs_queue_arm(queue));
  assert_false(gs_queue_wants_wake(queue));
  while (gs_queue_next(queue, &record)) continue;
  assert_true(gs_queue_arm(queue));
  assert_true(gs_queue_arm(queue));
  assert_int_equal(push_text(queue, 3, "x"), 0);
  assert_true(gs_queue_wants_wake(queue));
  assert_false(gs_queue_wants_wake(queue));
  gs_queue_free(queue);
}

static void what_was_never_taken_is_freed(void **state) {
  (void)state;
  static uint8_t data[GS_CHUNK_BYTES];
  ptrdiff_t live = check_live;
  gs_queue *queue = gs_queue_new(unbounded);
  for (int i = 0; i < 10; i++) {
    gs_record record;
    assert_int_equal(gs_queue_push(queue, 0, 0, 0, NULL, 0, data, sizeof data),
                     0);
    assert_int_equal(push_text(queue, 0, "x"), 0);
    if (i < 5) assert_true(gs_queue_next(queue, &record));
  }
  gs_queue_free(queue);
  gs_queue_free(NULL);
  assert_int_equal(check_live, live);
}

static void a_steady_stream_allocates_nothing(void **state) {
  (void)state;
  if (!__real_malloc) skip();
  static uint8_t data[1000];
  gs_queue *queue = gs_queue_new(unbounded);
  for (int i = 0; i < 100000; i++) {
    gs_record record;
    /* After two chunks each one given back is used again. */
    if (i == 200) check_fail_in = 1;
    assert_int_equal(gs_queue_push(queue, 0, 0, 0, NULL, 0, data, sizeof data),
                     0);
    assert_true(gs_queue_next(queue, &record));
  }
  check_fail_in = 0;
  gs_queue_free(queue);
}

static bool queue_without_memory(void) {
  static uint8_t data[GS_CHUNK_BYTES];
  gs_queue *queue = gs_queue_new(unbounded);
  if (!queue) return false;
  int errors = 0;
  for (int i = 0; i < 3; i++) {
    int err = gs_queue_push(queue, 0, 0, 1, NULL, 0, data, sizeof data);
    errors += err == GS_ERR_NOMEM;
    assert_true(err == 0 || err == GS_ERR_NOMEM);
    err = push_text(queue, 2, "x");
    errors += err == GS_ERR_NOMEM;
    assert_true(err == 0 || err == GS_ERR_NOMEM);
  }
  gs_record record;
  int taken = 0;
  while (gs_queue_next(queue, &record)) {
    assert_int_equal(record.len, record.id == 1 ? sizeof data : 1);
    taken++;
  }
  assert_int_equal(taken, 6 - errors);
  gs_queue_free(queue);
  return !errors;
}

static void running_out_of_memory_loses_only_that_record(void **state) {
  (void)state;
  check_each_allocation(queue_without_memory);
}

/* Two threads */

struct stream {
  gs_queue *queue;
  sem_t wake;       /* stands for the wake fd */
  bool batches;     /* ask for the wake-up once after some pushes */
  const char *text; /* what went wrong in the producer, or NULL */
  uint32_t refused; /* pushes into a full queue */
  uint32_t wakes;
};

/* The producer must not assert: cmocka jumps out of the main thread only. */
static void *stream_produce(void *arg) {
  struct stream *stream = arg;
  static uint8_t data[2 * GS_CHUNK_BYTES];
  for (uint32_t i = 0; i < MANY; i++) {
    size_t len = record_fill(i, data, sizeof data);
    int err;
    while ((err = gs_queue_push(stream->queue, (uint16_t)i, 0, i, data, len / 2,
                                data + len / 2, len - len / 2)) ==
           GS_ERR_FULL) {
      /* A batch that fills the queue must not wait for its own end. */
      if (gs_queue_wants_wake(stream->queue)) sem_post(&stream->wake);
      stream->refused++;
      sched_yield();
    }
    if (err) stream->text = "a push failed";
    if (stream->batches && i % 7 != 6 && i != MANY - 1) continue;
    if (gs_queue_wants_wake(stream->queue)) {
      sem_post(&stream->wake);
      stream->wakes++;
    }
  }
  return NULL;
}

static void stream_consume(struct stream *stream) {
  static uint8_t data[2 * GS_CHUNK_BYTES];
  for (uint32_t i = 0; i < MANY;) {
    gs_record record;
    if (!gs_queue_next(stream->queue, &record)) {
      if (gs_queue_arm(stream->queue)) {
        while (sem_wait(&stream->wake) != 0) continue;
      }
      continue;
    }
    size_t len = record_fill(i, data, sizeof data);
    assert_int_equal(record.id, i);
    assert_int_equal(record.kind, (uint16_t)i);
    assert_int_equal(record.len, len);
    assert_int_equal(memcmp(record.data, data, len), 0);
    i++;
  }
}

static void run_stream(size_t max_bytes, bool batches) {
  struct stream stream = {.queue = gs_queue_new(max_bytes), .batches = batches};
  assert_non_null(stream.queue);
  assert_int_equal(sem_init(&stream.wake, 0, 0), 0);
  pthread_t producer;
  /* A lost wake-up would hang for ever: the alarm turns it into a failure. */
  alarm(PATIENCE_S);
  assert_int_equal(pthread_create(&producer, NULL, stream_produce, &stream), 0);
  stream_consume(&stream);
  assert_int_equal(pthread_join(producer, NULL), 0);
  alarm(0);
  assert_null(stream.text);
  gs_record record;
  assert_false(gs_queue_next(stream.queue, &record));
  assert_true(stream.wakes <= MANY);
  sem_destroy(&stream.wake);
  gs_queue_free(stream.queue);
}

static void two_threads_lose_nothing(void **state) {
  (void)state;
  run_stream(unbounded, false);
}

static void two_threads_lose_nothing_in_batches(void **state) {
  (void)state;
  run_stream(unbounded, true);
}

static void two_threads_lose_nothing_through_a_small_queue(void **state) {
  (void)state;
  run_stream(1000, true);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(records_come_out_as_they_went_in),
      cmocka_unit_test(records_are_aligned),
      cmocka_unit_test(order_is_kept_over_many_chunks),
      cmocka_unit_test(a_record_larger_than_a_chunk_is_one_piece),
      cmocka_unit_test(data_stays_valid_until_the_next_call),
      cmocka_unit_test(a_full_queue_refuses_until_something_is_taken),
      cmocka_unit_test(an_empty_queue_takes_a_record_larger_than_its_bound),
      cmocka_unit_test(a_record_beyond_the_address_space_is_refused),
      cmocka_unit_test(a_sleeping_consumer_is_woken_once),
      cmocka_unit_test(what_was_never_taken_is_freed),
      cmocka_unit_test(a_steady_stream_allocates_nothing),
      cmocka_unit_test(running_out_of_memory_loses_only_that_record),
      cmocka_unit_test(two_threads_lose_nothing),
      cmocka_unit_test(two_threads_lose_nothing_in_batches),
      cmocka_unit_test(two_threads_lose_nothing_through_a_small_queue),
  };
  return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
