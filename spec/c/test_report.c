/* csrc/report.c: what Lua is told. Links: report.c, fields.c, buf.c,
 * errors.c and upgrade.c. */
#include "report.h"

#include "check.h"
#include "errors.h"
#include "fields.h"

/* reason returns the word for the end of a connection. */
static const char *reason(int error, bool was_open) {
  static char text[64];
  gs_websocket_failure failure = {.error = error, .text = "t"};
  gs_buf fields;
  gs_buf_init(&fields, GS_MAX_CONTROL);
  assert_int_equal(gs_report_closed(&failure, was_open, &fields), 0);
  snprintf(text, sizeof text, "%s",
           gs_fields_get_text(fields.data, fields.len, "reason", ""));
  gs_buf_free(&fields);
  return text;
}

static void an_end_has_the_javascript_clients_word(void **state) {
  (void)state;
  assert_string_equal(reason(GS_ERR_CANCELLED, true), "forced close");
  assert_string_equal(reason(GS_ERR_CANCELLED, false), "forced close");
  assert_string_equal(reason(GS_ERR_HEARTBEAT, true), "ping timeout");
  assert_string_equal(reason(0, true), "transport close");
  assert_string_equal(reason(GS_ERR_NETWORK, true), "transport close");
  assert_string_equal(reason(GS_ERR_PROTOCOL, true), "parse error");
  assert_string_equal(reason(GS_ERR_TOO_BIG, true), "transport error");
  assert_string_equal(reason(0, false), "transport error");
  assert_string_equal(reason(GS_ERR_PROTOCOL, false), "transport error");
}

static void an_end_tells_what_is_known(void **state) {
  (void)state;
  gs_websocket_failure failure = {.error = GS_ERR_HTTP,
                                  .phase = GS_PHASE_UPGRADE,
                                  .text = "the server said no",
                                  .status = 403,
                                  .body = "a\0b",
                                  .body_len = 3,
                                  .close_code = 1008,
                                  .sys_errno = 104};
  gs_buf fields;
  gs_field body;
  gs_buf_init(&fields, GS_MAX_CONTROL);
  assert_int_equal(gs_report_closed(&failure, false, &fields), 0);
  const void *data = fields.data;
  size_t len = fields.len;
  assert_string_equal(gs_fields_get_text(data, len, "kind", ""),
                      gs_error_kind(GS_ERR_HTTP));
  assert_string_equal(gs_fields_get_text(data, len, "code", ""),
                      gs_error_name(GS_ERR_HTTP));
  assert_string_equal(gs_fields_get_text(data, len, "message", ""),
                      "the server said no");
  assert_string_equal(gs_fields_get_text(data, len, "phase", ""),
                      gs_phase_name(GS_PHASE_UPGRADE));
  assert_true(gs_fields_get_number(data, len, "status", 0) == 403);
  assert_true(gs_fields_get_number(data, len, "close_code", 0) == 1008);
  assert_true(gs_fields_get_number(data, len, "errno", 0) == 104);
  assert_true(gs_fields_find(data, len, "body", &body));
  assert_int_equal(body.len, 3);
  gs_buf_free(&fields);
}

static void an_end_does_not_tell_what_is_not(void **state) {
  static const char *const absent[] = {"status", "body", "close_code", "errno"};
  (void)state;
  gs_websocket_failure failure = {.status = 101, .text = "closed"};
  gs_buf fields;
  gs_field field;
  gs_buf_init(&fields, GS_MAX_CONTROL);
  assert_int_equal(gs_report_closed(&failure, true, &fields), 0);
  for (size_t i = 0; i < sizeof absent / sizeof *absent; i++) {
    assert_false(gs_fields_find(fields.data, fields.len, absent[i], &field));
  }
  assert_string_equal(gs_fields_get_text(fields.data, fields.len, "code", ""),
                      gs_error_name(GS_ERR_CLOSED));
  gs_buf_free(&fields);
}

static void a_beginning_has_its_times_in_seconds(void **state) {
  (void)state;
  gs_handshake handshake = {.version = 4,
                            .json = "{}",
                            .json_len = 2,
                            .ping_interval_ms = 25000,
                            .ping_timeout_ms = 500,
                            .max_payload = 1000000,
                            .sid = "s"};
  gs_buf fields;
  gs_buf_init(&fields, GS_MAX_CONTROL);
  assert_int_equal(gs_report_open(&handshake, &fields), 0);
  const void *data = fields.data;
  size_t len = fields.len;
  assert_true(gs_fields_get_number(data, len, "version", 0) == 4);
  assert_true(gs_fields_get_number(data, len, "ping_interval", 0) == 25);
  assert_true(gs_fields_get_number(data, len, "ping_timeout", 0) == 0.5);
  assert_true(gs_fields_get_number(data, len, "max_payload", 0) == 1e6);
  assert_string_equal(gs_fields_get_text(data, len, "sid", ""), "s");
  assert_string_equal(gs_fields_get_text(data, len, "handshake", ""), "{}");
  gs_buf_free(&fields);
}

static bool report_both(void) {
  gs_handshake handshake = {.json = "", .sid = "s"};
  gs_websocket_failure failure = {.text = "t"};
  gs_buf fields;
  gs_buf_init(&fields, GS_MAX_CONTROL);
  int err = gs_report_open(&handshake, &fields);
  if (!err) err = gs_report_closed(&failure, true, &fields);
  gs_buf_free(&fields);
  return err == 0;
}

static void out_of_memory_is_an_error(void **state) {
  (void)state;
  check_each_allocation(report_both);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_end_has_the_javascript_clients_word),
      cmocka_unit_test(an_end_tells_what_is_known),
      cmocka_unit_test(an_end_does_not_tell_what_is_not),
      cmocka_unit_test(a_beginning_has_its_times_in_seconds),
      cmocka_unit_test(out_of_memory_is_an_error),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
