/* Unit test of csrc/fields.c. Links csrc/fields.c csrc/buf.c (and see
 * check.h). */
#include "fields.h"

#include <math.h>

#include "check.h"
#include "errors.h"

static gs_buf sample(void) {
  gs_buf buf;
  gs_buf_init(&buf, 10000);
  assert_int_equal(gs_fields_put_text(&buf, "host", "example.org"), 0);
  assert_int_equal(gs_fields_put_number(&buf, "port", 8443), 0);
  assert_int_equal(gs_fields_put_bool(&buf, "tls", true), 0);
  assert_int_equal(gs_fields_put_bool(&buf, "compression", false), 0);
  assert_int_equal(gs_fields_put_string(&buf, "body", "a\0b", 3), 0);
  assert_int_equal(gs_fields_put_text(&buf, "empty", ""), 0);
  return buf;
}

static void fields_come_out_in_order(void **state) {
  (void)state;
  gs_buf buf = sample();
  static const char *const keys[] = {"host",        "port", "tls",
                                     "compression", "body", "empty"};
  size_t offset = 0;
  gs_field field;
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    assert_true(gs_fields_next(buf.data, buf.len, &offset, &field));
    assert_string_equal(field.key, keys[i]);
  }
  assert_int_equal(offset, buf.len);
  assert_false(gs_fields_next(buf.data, buf.len, &offset, &field));
  assert_int_equal(offset, buf.len);
  gs_buf_free(&buf);
}

static void values_are_found_by_name_and_type(void **state) {
  (void)state;
  gs_buf buf = sample();
  const void *data = buf.data;
  size_t len = buf.len;
  assert_string_equal(gs_fields_get_text(data, len, "host", NULL),
                      "example.org");
  assert_string_equal(gs_fields_get_text(data, len, "empty", NULL), "");
  assert_true(gs_fields_get_number(data, len, "port", 0) == 8443);
  assert_true(gs_fields_get_bool(data, len, "tls", false));
  assert_false(gs_fields_get_bool(data, len, "compression", true));
  gs_field field;
  assert_true(gs_fields_find(data, len, "body", &field));
  assert_int_equal(field.len, 3);
  assert_memory_equal(field.string, "a\0b", 4);
  gs_buf_free(&buf);
}

static void what_is_absent_or_of_another_type_has_the_default(void **state) {
  (void)state;
  gs_buf buf = sample();
  const void *data = buf.data;
  size_t len = buf.len;
  gs_field field;
  assert_false(gs_fields_find(data, len, "hos", &field));
  assert_false(gs_fields_find(data, len, "hostname", &field));
  assert_string_equal(gs_fields_get_text(data, len, "port", "none"), "none");
  assert_null(gs_fields_get_text(data, len, "absent", NULL));
  assert_true(gs_fields_get_number(data, len, "tls", -1) == -1);
  assert_true(gs_fields_get_bool(data, len, "host", true));
  assert_true(gs_fields_get_number(NULL, 0, "port", 7) == 7);
  gs_buf_free(&buf);
}

static void numbers_are_exact(void **state) {
  (void)state;
  static const double numbers[] = {
      0, -0.0, 1e308, 5e-324, 9007199254740993.0, 0.1, INFINITY, -1};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    gs_buf buf;
    gs_buf_init(&buf, 100);
    assert_int_equal(gs_fields_put_number(&buf, "n", numbers[i]), 0);
    double number = gs_fields_get_number(buf.data, buf.len, "n", 42);
    assert_memory_equal(&number, &numbers[i], sizeof number);
    gs_buf_free(&buf);
  }
}

static void the_first_of_equal_keys_is_found(void **state) {
  (void)state;
  gs_buf buf;
  gs_buf_init(&buf, 100);
  assert_int_equal(gs_fields_put_text(&buf, "k", "one"), 0);
  assert_int_equal(gs_fields_put_text(&buf, "k", "two"), 0);
  assert_string_equal(gs_fields_get_text(buf.data, buf.len, "k", NULL), "one");
  gs_buf_free(&buf);
}

static void what_does_not_fit_changes_nothing(void **state) {
  (void)state;
  char key[202];
  memset(key, 'k', sizeof key - 1);
  key[sizeof key - 1] = '\0';
  gs_buf buf;
  gs_buf_init(&buf, 300);
  assert_int_equal(gs_fields_put_text(&buf, key, ""), GS_ERR_TOO_BIG);
  assert_int_equal(buf.len, 0);
  assert_int_equal(gs_fields_put_text(&buf, key + 1, "v"), 0);
  size_t len = buf.len;
  assert_int_equal(gs_fields_put_string(&buf, "k", key, 200), GS_ERR_TOO_BIG);
  assert_int_equal(buf.len, len);
  assert_string_equal(gs_fields_get_text(buf.data, buf.len, key + 1, NULL),
                      "v");
  gs_buf_free(&buf);
}

static void truncated_fields_are_no_fields(void **state) {
  (void)state;
  gs_buf buf = sample();
  for (size_t len = 0; len < buf.len; len++) {
    uint8_t *copy = check_copy(buf.data, len);
    size_t offset = 0;
    gs_field field;
    while (gs_fields_next(copy, len, &offset, &field)) continue;
    assert_true(offset <= len);
    assert_null(gs_fields_get_text(copy, len, "empty", NULL));
    free(copy);
  }
  gs_buf_free(&buf);
}

static void bytes_that_are_no_field_end_the_list(void **state) {
  (void)state;
  gs_buf buf;
  gs_buf_init(&buf, 100);
  assert_int_equal(gs_fields_put_text(&buf, "key", "value"), 0);
  /* type, key length, key's NUL, value's length, value's NUL */
  static const struct {
    size_t at;
    uint8_t byte;
  } damage[] = {{0, 'x'}, {0, 'n'}, {0, 'b'}, {1, 0},   {1, 255},
                {1, 3},   {5, 'x'}, {6, 255}, {9, 255}, {15, 'x'}};
  for (size_t i = 0; i < sizeof damage / sizeof *damage; i++) {
    uint8_t *copy = check_copy(buf.data, buf.len);
    copy[damage[i].at] = damage[i].byte;
    size_t offset = 0;
    gs_field field;
    assert_false(gs_fields_next(copy, buf.len, &offset, &field));
    assert_int_equal(offset, 0);
    free(copy);
  }
  size_t beyond = buf.len + 1;
  gs_field field;
  assert_false(gs_fields_next(buf.data, buf.len, &beyond, &field));
  gs_buf_free(&buf);
}

static bool fields_without_memory(void) {
  static const char value[1000];
  gs_buf buf;
  gs_buf_init(&buf, 10000);
  int err = gs_fields_put_number(&buf, "small", 1);
  size_t len = buf.len;
  if (!err) err = gs_fields_put_string(&buf, "large", value, sizeof value);
  assert_true(err == 0 || (err == GS_ERR_NOMEM && buf.len == len));
  gs_buf_free(&buf);
  return !err;
}

static void running_out_of_memory_leaves_whole_fields(void **state) {
  (void)state;
  check_each_allocation(fields_without_memory);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(fields_come_out_in_order),
      cmocka_unit_test(values_are_found_by_name_and_type),
      cmocka_unit_test(what_is_absent_or_of_another_type_has_the_default),
      cmocka_unit_test(numbers_are_exact),
      cmocka_unit_test(the_first_of_equal_keys_is_found),
      cmocka_unit_test(what_does_not_fit_changes_nothing),
      cmocka_unit_test(truncated_fields_are_no_fields),
      cmocka_unit_test(bytes_that_are_no_field_end_the_list),
      cmocka_unit_test(running_out_of_memory_leaves_whole_fields),
  };
  return cmocka_run_group_tests_name("fields", tests, NULL, NULL);
}
