/* csrc/closing.c: a close frame in words. Links: closing.c */
#include "check.h"
#include "closing.h"

static void check_words(const char *payload, size_t len, int code,
                        const char *words) {
  char text[256];
  uint8_t *data = check_copy(payload, len);
  assert_int_equal(gs_closing_explain(data, len, text, sizeof text), code);
  assert_string_equal(text, words);
  free(data);
}

static void names_the_code_and_the_reason(void **state) {
  (void)state;
  check_words("\x03\xe9", 2, 1001,
              "the server closed the websocket with code 1001");
  check_words("\x03\xf1too big", 9, 1009,
              "the server closed the websocket with code 1009: too big");
}

static void names_no_code_where_there_is_none(void **state) {
  (void)state;
  check_words("", 0, 0, "the server closed the websocket without saying why");
  check_words("\x03", 1, 0,
              "the server closed the websocket without saying why");
}

static void stays_one_line_whatever_the_reason_is(void **state) {
  (void)state;
  char payload[1000], text[256];
  check_words(
      "\x03\xe8"
      "a\r\nb\0c\x7f",
      9, 1000, "the server closed the websocket with code 1000: a  b c ");
  memset(payload, 'x', sizeof payload);
  gs_closing_explain((uint8_t *)payload, sizeof payload, text, sizeof text);
  assert_true(strlen(text) < 200);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_the_code_and_the_reason),
      cmocka_unit_test(names_no_code_where_there_is_none),
      cmocka_unit_test(stays_one_line_whatever_the_reason_is),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
