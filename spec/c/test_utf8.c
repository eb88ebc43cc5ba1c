/* csrc/utf8.c against RFC 3629. Links: utf8.c */
#include "check.h"
#include "utf8.h"

static bool valid(const char *text, size_t len) {
  /* One byte for an empty text: gcc takes an unwritten block for a mistake. */
  uint8_t *copy = check_copy(text, len ? len : 1);
  bool result = gs_utf8_valid(copy, len);
  free(copy);
  return result;
}

#define VALID(text) assert_true(valid(text, sizeof text - 1))
#define INVALID(text) assert_false(valid(text, sizeof text - 1))

static void takes_every_plane(void **state) {
  (void)state;
  VALID("");
  VALID("plain ASCII that is longer than eight bytes");
  VALID("\0");
  VALID("\xc2\x80\xdf\xbf");
  VALID("\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf");
  VALID("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf");
}

static void refuses_what_rfc_3629_refuses(void **state) {
  (void)state;
  INVALID("\x80");     /* continues nothing */
  INVALID("\xc0\x80"); /* overlong */
  INVALID("\xc1\xbf");
  INVALID("\xe0\x9f\xbf");
  INVALID("\xf0\x8f\xbf\xbf");
  INVALID("\xed\xa0\x80");     /* a surrogate */
  INVALID("\xf4\x90\x80\x80"); /* past U+10FFFF */
  INVALID("\xf5\x80\x80\x80");
  INVALID("\xff");
}

static void refuses_a_sequence_cut_anywhere(void **state) {
  (void)state;
  static const char whole[] = "12345678\xf0\x9f\x98\x80";
  VALID("12345678\xf0\x9f\x98\x80");
  for (size_t len = 9; len < sizeof whole - 1; len++) {
    assert_false(valid(whole, len));
  }
  INVALID("\xe2\x82x");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(takes_every_plane),
      cmocka_unit_test(refuses_what_rfc_3629_refuses),
      cmocka_unit_test(refuses_a_sequence_cut_anywhere),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
