/* Unit test of csrc/errors.c and the table csrc/errors.def. Links
 * csrc/errors.c. */
#include "errors.h"

#include <ctype.h>

#include "check.h"

static const int codes[] = {
#define X(name, code, kind, text) code,
#include "errors.def"
#undef X
};

enum { COUNT = sizeof codes / sizeof *codes };

static void each_code_is_negative_and_unique(void **state) {
  (void)state;
  for (int i = 0; i < COUNT; i++) {
    assert_true(codes[i] < 0);
    for (int j = 0; j < i; j++) assert_int_not_equal(codes[i], codes[j]);
  }
}

static void each_name_is_one_word_in_capitals(void **state) {
  (void)state;
  for (int i = 0; i < COUNT; i++) {
    const char *name = gs_error_name(codes[i]);
    assert_string_not_equal(name, gs_error_name(1));
    for (; *name; name++) {
      assert_true(isupper(*name) || isdigit(*name) || *name == '_');
    }
  }
}

static void each_kind_is_one_of_the_contract(void **state) {
  (void)state;
  static const char *const kinds[] = {"usage",   "network",  "tls",    "http",
                                      "timeout", "protocol", "closed", "state"};
  for (int i = 0; i < COUNT; i++) {
    bool found = false;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
      found = found || strcmp(gs_error_kind(codes[i]), kinds[k]) == 0;
    }
    assert_true(found);
  }
}

static void each_text_is_one_line_without_a_full_stop(void **state) {
  (void)state;
  for (int i = 0; i < COUNT; i++) {
    const char *text = gs_error_text(codes[i]);
    size_t len = strlen(text);
    assert_true(len > 0);
    assert_null(strchr(text, '\n'));
    assert_int_not_equal(text[len - 1], '.');
  }
}

static void an_unknown_code_has_words_too(void **state) {
  (void)state;
  assert_non_null(gs_error_name(12345));
  assert_string_equal(gs_error_kind(12345), "state");
  assert_string_equal(gs_error_text(12345), "unknown error");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_code_is_negative_and_unique),
      cmocka_unit_test(each_name_is_one_word_in_capitals),
      cmocka_unit_test(each_kind_is_one_of_the_contract),
      cmocka_unit_test(each_text_is_one_line_without_a_full_stop),
      cmocka_unit_test(an_unknown_code_has_words_too),
  };
  return cmocka_run_group_tests_name("errors", tests, NULL, NULL);
}
