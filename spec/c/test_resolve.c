/* Unit test of csrc/resolve.c. Links csrc/resolve.c and lookup.c (and see
 * check.h), and libuv. Only names are looked up that no name server needs to be
 * asked for. */
#include "resolve.h"

#include <netdb.h>

#include "check.h"
#include "errors.h"
#include "watched_loop.h"

static int calls;
static int last_error;
static char last_text[64];
static char last_list[512]; /* "127.0.0.1 ::1 " */

static void on_answer(void *user, int error, const char *text,
                      const struct addrinfo *list) {
  calls++;
  last_error = error;
  snprintf(last_text, sizeof last_text, "%s", text);
  last_list[0] = 0;
  assert_ptr_equal(user, &calls);
  assert_int_equal(error != 0, list == NULL);
  for (; list; list = list->ai_next) {
    char ip[INET6_ADDRSTRLEN];
    size_t len = strlen(last_list);
    assert_int_equal(list->ai_socktype, SOCK_STREAM);
    assert_int_equal(getnameinfo(list->ai_addr, list->ai_addrlen, ip, sizeof ip,
                                 NULL, 0, NI_NUMERICHOST),
                     0);
    snprintf(last_list + len, sizeof last_list - len, "%s ", ip);
  }
}

static int set_up(void **state) {
  calls = 0;
  return open_loop(state);
}

/* look_up runs the loop until it is empty. */
static void look_up(const char *host) {
  assert_non_null(gs_resolve_start(&loop, host, on_answer, &calls));
  assert_int_equal(calls, 0); /* never from inside the call */
  uv_run(&loop, UV_RUN_DEFAULT);
  assert_int_equal(calls, 1);
  calls = 0;
}

static void a_literal_is_its_own_address(void **state) {
  static const char *const literals[] = {"127.0.0.1", "192.0.2.1", "::1",
                                         "2001:db8::1"};
  (void)state;
  for (size_t i = 0; i < sizeof literals / sizeof *literals; i++) {
    char expected[64];
    look_up(literals[i]);
    assert_int_equal(last_error, 0);
    snprintf(expected, sizeof expected, "%s ", literals[i]);
    assert_string_equal(last_list, expected);
  }
}

static void a_name_is_looked_up(void **state) {
  (void)state;
  look_up("localhost");
  assert_int_equal(last_error, 0);
  assert_true(strstr(last_list, "127.0.0.1 ") || strstr(last_list, "::1 "));
}

static void what_cannot_be_a_name_is_unknown(void **state) {
  char name[1001];
  (void)state;
  for (size_t len = 64; len <= 1000; len += 936) { /* a label has 63 at most */
    memset(name, 'a', len);
    name[len] = 0;
    look_up(name);
    assert_int_equal(last_error, GS_ERR_DNS);
    assert_true(strlen(last_text) > 3);
    assert_null(strstr(last_text, "aaa"));
  }
  look_up("");
  assert_int_equal(last_error, GS_ERR_DNS);
}

static void a_cancelled_lookup_is_never_answered(void **state) {
  static const char *const hosts[] = {"127.0.0.1", "localhost"};
  (void)state;
  gs_resolve_cancel(NULL);
  for (size_t i = 0; i < 2; i++) {
    gs_resolve_cancel(gs_resolve_start(&loop, hosts[i], on_answer, &calls));
    gs_resolve *twice = gs_resolve_start(&loop, hosts[i], on_answer, &calls);
    gs_resolve_cancel(twice);
    gs_resolve_cancel(twice);
  }
  uv_run(&loop, UV_RUN_DEFAULT);
  assert_int_equal(calls, 0);
}

static bool without_memory(void) {
  calls = 0;
  gs_resolve *resolve = gs_resolve_start(&loop, "::1", on_answer, &calls);
  uv_run(&loop, UV_RUN_DEFAULT);
  assert_int_equal(calls, resolve != NULL);
  return resolve != NULL;
}

static void running_out_of_memory_is_told(void **state) {
  (void)state;
  check_each_allocation(without_memory);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_literal_is_its_own_address, set_up,
                                      close_loop),
      cmocka_unit_test_setup_teardown(a_name_is_looked_up, set_up, close_loop),
      cmocka_unit_test_setup_teardown(what_cannot_be_a_name_is_unknown, set_up,
                                      close_loop),
      cmocka_unit_test_setup_teardown(a_cancelled_lookup_is_never_answered,
                                      set_up, close_loop),
      cmocka_unit_test_setup_teardown(running_out_of_memory_is_told, set_up,
                                      close_loop),
  };
  return cmocka_run_group_tests_name("resolve", tests, NULL, NULL);
}
