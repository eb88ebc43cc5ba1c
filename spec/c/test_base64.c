/* Unit test of csrc/base64.c. Links csrc/base64.c csrc/buf.c, -lcrypto (and
 * see check.h). */
#include "base64.h"

#include "check.h"
#include "errors.h"

/* RFC 4648, section 10, and what every bit of the alphabet is good for. */
static const struct {
  const char *bytes;
  size_t len;
  const char *text;
} pairs[] = {
    {"", 0, ""},
    {"f", 1, "Zg=="},
    {"fo", 2, "Zm8="},
    {"foo", 3, "Zm9v"},
    {"foob", 4, "Zm9vYg=="},
    {"fooba", 5, "Zm9vYmE="},
    {"foobar", 6, "Zm9vYmFy"},
    {"\x00\xff\xfb\xf0\x3f\xbf", 6, "AP/78D+/"},
};

static void bytes_become_text_and_come_back(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
    gs_buf buf;
    gs_buf_init(&buf, 100);
    assert_int_equal(gs_base64_encode(&buf, pairs[i].bytes, pairs[i].len), 0);
    assert_int_equal(buf.len, strlen(pairs[i].text));
    if (buf.len) assert_memory_equal(buf.data, pairs[i].text, buf.len);
    gs_buf_clear(&buf);
    assert_int_equal(
        gs_base64_decode(&buf, pairs[i].text, strlen(pairs[i].text)), 0);
    assert_int_equal(buf.len, pairs[i].len);
    if (buf.len) assert_memory_equal(buf.data, pairs[i].bytes, buf.len);
    gs_buf_free(&buf);
  }
}

static void it_is_appended(void **state) {
  (void)state;
  gs_buf buf;
  gs_buf_init(&buf, 100);
  assert_int_equal(gs_base64_encode(&buf, "foo", 3), 0);
  assert_int_equal(gs_base64_encode(&buf, "f", 1), 0);
  assert_int_equal(buf.len, 8);
  assert_memory_equal(buf.data, "Zm9vZg==", 8);
  gs_buf_free(&buf);
}

static void text_that_is_no_base64_is_refused_and_adds_nothing(void **state) {
  (void)state;
  static const char *const wrong[] = {
      "Z",    "Zg",   "Zg=",   "Zm9vY",    "Zm9-", "Zm_v",  "Zm v",
      "====", "Z===", "Zg==Z", "Zg==Zg==", "=Zg=", "Zm9\n", " Zm9vYg=",
  };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    gs_buf buf;
    gs_buf_init(&buf, 100);
    assert_int_equal(gs_base64_decode(&buf, wrong[i], strlen(wrong[i])),
                     GS_ERR_PROTOCOL);
    assert_int_equal(buf.len, 0);
    gs_buf_free(&buf);
  }
}

static void the_maximum_of_the_buffer_holds(void **state) {
  (void)state;
  gs_buf buf;
  gs_buf_init(&buf, 8);
  assert_int_equal(gs_base64_encode(&buf, "foobar", 6), GS_ERR_TOO_BIG);
  assert_int_equal(gs_base64_decode(&buf, "Zm9vYmFyZm9v", 12), GS_ERR_TOO_BIG);
  assert_int_equal(gs_base64_encode(&buf, "f", SIZE_MAX), GS_ERR_TOO_BIG);
  assert_int_equal(gs_base64_decode(&buf, "Zg==", SIZE_MAX), GS_ERR_TOO_BIG);
  assert_int_equal(buf.len, 0);
  gs_buf_free(&buf);
}

static bool coding_without_memory(void) {
  gs_buf text, bytes;
  gs_buf_init(&text, 100);
  gs_buf_init(&bytes, 100);
  int err = gs_base64_encode(&text, "foobar", 6);
  if (!err) err = gs_base64_decode(&bytes, text.data, text.len);
  assert_true(err == 0 || err == GS_ERR_NOMEM);
  assert_int_equal(bytes.len, err ? 0 : 6);
  gs_buf_free(&text);
  gs_buf_free(&bytes);
  return !err;
}

static void running_out_of_memory_is_an_error(void **state) {
  (void)state;
  check_each_allocation(coding_without_memory);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bytes_become_text_and_come_back),
      cmocka_unit_test(it_is_appended),
      cmocka_unit_test(text_that_is_no_base64_is_refused_and_adds_nothing),
      cmocka_unit_test(the_maximum_of_the_buffer_holds),
      cmocka_unit_test(running_out_of_memory_is_an_error),
  };
  return cmocka_run_group_tests_name("base64", tests, NULL, NULL);
}
