/* csrc/handshake.c: the open packet's values. Links: handshake.c */
#include "handshake.h"

#include "check.h"

/* read_copy reads a copy of |json| that ends where its block does. */
static bool read_copy(gs_handshake *handshake, const char *json, size_t len) {
  uint8_t *copy = check_copy(json, len);
  handshake->json = (const char *)copy;
  handshake->json_len = len;
  bool ok = gs_handshake_read(handshake);
  free(copy);
  return ok;
}

static bool read_text(gs_handshake *handshake, const char *json) {
  return read_copy(handshake, json, strlen(json));
}

static void collects_the_values(void **state) {
  (void)state;
  gs_handshake handshake = {.sid = "old"};
  assert_true(read_text(&handshake,
                        "{\"sid\":\"ab\\u0063d\",\"upgrades\":[\"websocket\"],"
                        "\"pingInterval\":25000, \"pingTimeout\":20000,"
                        "\"maxPayload\":1000000}"));
  assert_string_equal(handshake.sid, "abcd");
  assert_int_equal(handshake.ping_interval_ms, 25000);
  assert_int_equal(handshake.ping_timeout_ms, 20000);
  assert_int_equal(handshake.max_payload, 1000000);
}

static void needs_a_sid_and_a_heartbeat(void **state) {
  static const char *const lacking[] = {
      "{\"pingInterval\":1,\"pingTimeout\":1}",
      "{\"sid\":\"s\",\"pingTimeout\":1}",
      "{\"sid\":\"s\",\"pingInterval\":1}",
      "{}",
  };
  (void)state;
  gs_handshake handshake = {.sid = ""};
  for (size_t i = 0; i < sizeof lacking / sizeof *lacking; i++) {
    assert_false(read_text(&handshake, lacking[i]));
  }
  assert_true(read_text(
      &handshake, "{\"sid\":\"s\",\"pingInterval\":1,\"pingTimeout\":1}"));
}

static void refuses_what_is_no_json(void **state) {
  static const char WHOLE[] =
      "{\"sid\":\"s\",\"pingInterval\":1,\"pingTimeout\":1}";
  (void)state;
  gs_handshake handshake = {.sid = ""};
  assert_false(read_text(&handshake, ""));
  assert_false(read_text(&handshake, "<html>"));
  for (size_t len = 0; len < sizeof WHOLE - 1; len++) {
    assert_false(read_copy(&handshake, WHOLE, len));
  }
}

static void bounds_what_the_server_says(void **state) {
  (void)state;
  char sid[600], json[1024];
  gs_handshake handshake;
  memset(&handshake, 0, sizeof handshake);
  memset(sid, 's', sizeof sid - 1), sid[sizeof sid - 1] = '\0';
  snprintf(json, sizeof json,
           "{\"sid\":\"%s\",\"pingInterval\":99999999999,\"pingTimeout\":1,"
           "\"maxPayload\":9999999999999999}",
           sid);
  assert_true(read_text(&handshake, json));
  assert_int_equal(strlen(handshake.sid), sizeof handshake.sid - 1);
  assert_int_equal(handshake.ping_interval_ms, UINT32_MAX);
  assert_int_equal(handshake.max_payload, 0);
}

static void ignores_values_of_the_wrong_type(void **state) {
  (void)state;
  gs_handshake handshake = {.sid = ""};
  assert_false(read_text(
      &handshake, "{\"sid\":1,\"pingInterval\":\"1\",\"pingTimeout\":-1}"));
  assert_string_equal(handshake.sid, "");
  assert_int_equal(handshake.ping_interval_ms, 0);
  assert_int_equal(handshake.ping_timeout_ms, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(collects_the_values),
      cmocka_unit_test(needs_a_sid_and_a_heartbeat),
      cmocka_unit_test(refuses_what_is_no_json),
      cmocka_unit_test(bounds_what_the_server_says),
      cmocka_unit_test(ignores_values_of_the_wrong_type),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
