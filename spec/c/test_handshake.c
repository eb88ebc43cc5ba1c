/* csrc/handshake.c: the open packet's values. Links: handshake.c */
#include "check.h"
#include "handshake.h"

static int path_of(const char *name) {
  for (int i = 0; i < GS_HANDSHAKE_PATHS; i++) {
    if (strcmp(gs_handshake_paths[i], name) == 0) return i;
  }
  fail();
  return -1;
}

static void collects_the_values(void **state) {
  (void)state;
  gs_handshake handshake = {.sid = "old"};
  gs_handshake_reader reader;
  gs_handshake_begin(&reader, &handshake);
  gs_handshake_text(&reader, path_of("sid"), "ab", 2);
  gs_handshake_text(&reader, path_of("sid"), "cdX", 2);
  gs_handshake_number(&reader, path_of("pingInterval"), "25000");
  assert_false(gs_handshake_complete(&reader));
  gs_handshake_number(&reader, path_of("pingTimeout"), "2e4");
  assert_true(gs_handshake_complete(&reader));
  gs_handshake_number(&reader, path_of("maxPayload"), "1000000");
  assert_string_equal(handshake.sid, "abcd");
  assert_int_equal(handshake.ping_interval_ms, 25000);
  assert_int_equal(handshake.ping_timeout_ms, 20000);
  assert_int_equal(handshake.max_payload, 1000000);
}

static void bounds_what_the_server_says(void **state) {
  (void)state;
  char sid[200];
  gs_handshake handshake;
  gs_handshake_reader reader;
  memset(&handshake, 0, sizeof handshake);
  memset(sid, 's', sizeof sid);
  gs_handshake_begin(&reader, &handshake);
  gs_handshake_text(&reader, path_of("sid"), sid, sizeof sid);
  gs_handshake_text(&reader, path_of("sid"), sid, sizeof sid);
  assert_int_equal(strlen(handshake.sid), sizeof handshake.sid - 1);
  gs_handshake_number(&reader, path_of("pingInterval"), "1e300");
  gs_handshake_number(&reader, path_of("maxPayload"), "1e300");
  assert_int_equal(handshake.ping_interval_ms, UINT32_MAX);
  assert_int_equal(handshake.max_payload, 0);
}

static void ignores_values_of_the_wrong_type(void **state) {
  (void)state;
  gs_handshake handshake = {.sid = ""};
  gs_handshake_reader reader;
  gs_handshake_begin(&reader, &handshake);
  gs_handshake_number(&reader, path_of("sid"), "1");
  gs_handshake_text(&reader, path_of("pingInterval"), "1", 1);
  gs_handshake_number(&reader, path_of("pingTimeout"), "-1");
  assert_int_equal(reader.seen, 0);
  assert_string_equal(handshake.sid, "");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(collects_the_values),
      cmocka_unit_test(bounds_what_the_server_says),
      cmocka_unit_test(ignores_values_of_the_wrong_type),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
