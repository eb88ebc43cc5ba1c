/* csrc/probe.c: the system's reasons. Links: probe.c */
#include "probe.h"

#include <errno.h>

#include "check.h"
#include "watched_loop.h"

static int calls, last_errno;

static void on_probed(void *user, int sys_errno) {
  assert_ptr_equal(user, &calls);
  calls++;
  last_errno = sys_errno;
}

static int set_up(void **state) {
  calls = 0, last_errno = -1;
  return open_loop(state);
}

static void tells_why_a_server_is_not_reached(void **state) {
  (void)state;
  const char *const addresses[] = {"127.0.0.1", "::1"};
  for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
    calls = 0;
    assert_non_null(gs_probe_start(&loop, addresses[i], 1, on_probed, &calls));
    assert_int_equal(calls, 0); /* never from inside the call */
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(calls, 1);
    if (last_errno != ECONNREFUSED && last_errno != EADDRNOTAVAIL &&
        last_errno != ENETUNREACH) {
      fail_msg("%s: errno %d", addresses[i], last_errno);
    }
  }
}

static void is_silent_once_it_was_cancelled(void **state) {
  (void)state;
  gs_probe *probe = gs_probe_start(&loop, "127.0.0.1", 1, on_probed, &calls);
  assert_non_null(probe);
  gs_probe_cancel(probe);
  uv_run(&loop, UV_RUN_DEFAULT);
  assert_int_equal(calls, 0);
}

static void needs_an_address_that_is_one(void **state) {
  (void)state;
  assert_null(gs_probe_start(&loop, "h.test", 1, on_probed, &calls));
}

static void tells_an_address_of_ours_from_others(void **state) {
  (void)state;
  assert_int_equal(gs_probe_local("127.0.0.1"), 0);
  assert_int_equal(gs_probe_local("127.0.0.3"), 0);
  assert_int_equal(gs_probe_local("192.0.2.1"), EADDRNOTAVAIL);
  assert_int_not_equal(gs_probe_local("2001:db8::1"), 0);
  assert_int_equal(gs_probe_local("eth0"), EINVAL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(tells_why_a_server_is_not_reached, set_up,
                                      close_loop),
      cmocka_unit_test_setup_teardown(is_silent_once_it_was_cancelled, set_up,
                                      close_loop),
      cmocka_unit_test_setup_teardown(needs_an_address_that_is_one, set_up,
                                      close_loop),
      cmocka_unit_test(tells_an_address_of_ours_from_others),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
