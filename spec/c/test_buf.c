/* Unit test of csrc/buf.c. Links csrc/buf.c (and see check.h). */
#include "buf.h"

#include "check.h"
#include "errors.h"

static void a_new_buffer_allocates_nothing(void **state) {
  (void)state;
  gs_buf buf;
  gs_buf_init(&buf, 100);
  assert_null(buf.data);
  assert_int_equal(buf.len, 0);
  assert_int_equal(gs_buf_append(&buf, NULL, 0), 0);
  assert_int_equal(buf.len, 0);
  gs_buf_free(&buf);
}

static void appends_come_one_after_the_other(void **state) {
  (void)state;
  gs_buf buf;
  gs_buf_init(&buf, 100000);
  for (uint32_t i = 0; i < 10000; i++) {
    assert_int_equal(gs_buf_append(&buf, &i, sizeof i), 0);
  }
  assert_int_equal(buf.len, 40000);
  for (uint32_t i = 0; i < 10000; i++) {
    assert_memory_equal(buf.data + i * sizeof i, &i, sizeof i);
  }
  gs_buf_free(&buf);
}

static void the_maximum_is_reached_and_not_passed(void **state) {
  (void)state;
  gs_buf buf;
  gs_buf_init(&buf, 10);
  assert_int_equal(gs_buf_append(&buf, "12345678901", 11), GS_ERR_TOO_BIG);
  assert_int_equal(buf.len, 0);
  assert_int_equal(gs_buf_append(&buf, "123456789", 9), 0);
  assert_int_equal(gs_buf_append(&buf, "01", 2), GS_ERR_TOO_BIG);
  assert_int_equal(gs_buf_append(&buf, "0", SIZE_MAX), GS_ERR_TOO_BIG);
  assert_int_equal(gs_buf_append(&buf, "0", 1), 0);
  assert_int_equal(gs_buf_append(&buf, "1", 1), GS_ERR_TOO_BIG);
  assert_int_equal(gs_buf_append(&buf, NULL, 0), 0);
  assert_int_equal(buf.len, 10);
  assert_memory_equal(buf.data, "1234567890", 10);
  gs_buf_free(&buf);
}

static void what_was_reserved_needs_no_memory(void **state) {
  (void)state;
  gs_buf buf;
  gs_buf_init(&buf, 5000);
  assert_int_equal(gs_buf_reserve(&buf, 4000), 0);
  assert_int_equal(buf.len, 0);
  const uint8_t *data = buf.data;
  for (int i = 0; i < 4000; i++) {
    assert_int_equal(gs_buf_append(&buf, "x", 1), 0);
  }
  assert_ptr_equal(buf.data, data);
  assert_int_equal(gs_buf_reserve(&buf, 1001), GS_ERR_TOO_BIG);
  gs_buf_free(&buf);
}

static void a_cleared_buffer_keeps_its_memory_a_freed_one_does_not(void **s) {
  (void)s;
  gs_buf buf;
  gs_buf_init(&buf, 100);
  assert_int_equal(gs_buf_append(&buf, "abc", 3), 0);
  gs_buf_clear(&buf);
  assert_int_equal(buf.len, 0);
  assert_non_null(buf.data);
  gs_buf_free(&buf);
  assert_null(buf.data);
  assert_int_equal(buf.capacity, 0);
  assert_int_equal(buf.max_bytes, 100);
  assert_int_equal(gs_buf_append(&buf, "again", 5), 0);
  assert_memory_equal(buf.data, "again", 5);
  gs_buf_free(&buf);
  gs_buf_free(&buf);
}

static bool buffer_without_memory(void) {
  gs_buf buf;
  gs_buf_init(&buf, 10000);
  int err = gs_buf_append(&buf, "abc", 3);
  assert_true(err == 0 || err == GS_ERR_NOMEM);
  int later = err ? err : gs_buf_reserve(&buf, 9000);
  assert_true(later == 0 || later == GS_ERR_NOMEM);
  assert_int_equal(buf.len, err ? 0 : 3);
  if (!err) assert_memory_equal(buf.data, "abc", 3);
  gs_buf_free(&buf);
  return !later;
}

static void running_out_of_memory_leaves_the_content(void **state) {
  (void)state;
  check_each_allocation(buffer_without_memory);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_new_buffer_allocates_nothing),
      cmocka_unit_test(appends_come_one_after_the_other),
      cmocka_unit_test(the_maximum_is_reached_and_not_passed),
      cmocka_unit_test(what_was_reserved_needs_no_memory),
      cmocka_unit_test(a_cleared_buffer_keeps_its_memory_a_freed_one_does_not),
      cmocka_unit_test(running_out_of_memory_leaves_the_content),
  };
  return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
