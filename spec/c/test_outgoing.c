/* csrc/outgoing.c: frames that wait to be sent. Links: outgoing.c, buf.c */
#include "outgoing.h"

#include "check.h"
#include "errors.h"

enum { HEADROOM = 16, MAX_BYTES = 1 << 20 };

static gs_outgoing outgoing;

static int set_up(void **state) {
  (void)state;
  gs_outgoing_init(&outgoing, MAX_BYTES, HEADROOM);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  gs_outgoing_free(&outgoing);
  return 0;
}

static int push(const char *text) {
  return gs_outgoing_push(&outgoing, (const uint8_t *)text, 1,
                          (const uint8_t *)text + 1, strlen(text) - 1, false,
                          true);
}

static void check_first(const char *text) {
  gs_outgoing_frame frame;
  assert_true(gs_outgoing_first(&outgoing, &frame));
  assert_int_equal(frame.len, strlen(text));
  assert_memory_equal(frame.data, text, frame.len);
  assert_false(frame.binary);
  assert_true(frame.compress);
  memset(frame.data - HEADROOM, 0xff, HEADROOM); /* it is the writer's */
}

static void frames_leave_in_order(void **state) {
  gs_outgoing_frame frame;
  (void)state;
  assert_true(gs_outgoing_is_empty(&outgoing));
  assert_false(gs_outgoing_first(&outgoing, &frame));
  gs_outgoing_took(&outgoing);
  assert_int_equal(push("4one"), 0);
  assert_int_equal(push("4two"), 0);
  check_first("4one");
  check_first("4one"); /* until it is said to be taken */
  gs_outgoing_took(&outgoing);
  assert_int_equal(push("4three"), 0);
  check_first("4two");
  gs_outgoing_took(&outgoing);
  check_first("4three");
  assert_false(gs_outgoing_is_empty(&outgoing));
  gs_outgoing_took(&outgoing);
  assert_true(gs_outgoing_is_empty(&outgoing));
}

static void a_pong_waits_until_it_is_sent(void **state) {
  (void)state;
  assert_int_equal(push("4one"), 0);
  assert_false(gs_outgoing_has_pong(&outgoing));
  assert_int_equal(push("3"), 0);
  gs_outgoing_mark_pong(&outgoing);
  assert_int_equal(push("4two"), 0);
  gs_outgoing_took(&outgoing);
  assert_true(gs_outgoing_has_pong(&outgoing));
  gs_outgoing_took(&outgoing);
  assert_false(gs_outgoing_has_pong(&outgoing));
  gs_outgoing_took(&outgoing);
  assert_false(gs_outgoing_has_pong(&outgoing));
  assert_int_equal(push("3"), 0);
  gs_outgoing_mark_pong(&outgoing);
  assert_true(gs_outgoing_has_pong(&outgoing));
}

static void more_than_its_maximum_is_refused(void **state) {
  static char text[MAX_BYTES];
  (void)state;
  memset(text, '4', sizeof text - 1);
  assert_int_equal(push("4one"), 0);
  assert_int_equal(push(text), GS_ERR_TOO_BIG);
  check_first("4one");
  gs_outgoing_took(&outgoing);
  assert_true(gs_outgoing_is_empty(&outgoing));
}

static void a_large_buffer_is_given_back(void **state) {
  static char text[2 * GS_CHUNK_BYTES];
  (void)state;
  memset(text, '4', sizeof text - 1);
  assert_int_equal(push(text), 0);
  gs_outgoing_took(&outgoing);
  assert_int_equal(outgoing.frames.capacity, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE(frames_leave_in_order),
      CASE(a_pong_waits_until_it_is_sent),
      CASE(more_than_its_maximum_is_refused),
      CASE(a_large_buffer_is_given_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
