/* csrc/reach.c: the words for a server that was not reached. Links: reach.c */
#include <errno.h>

#include "check.h"
#include "reach.h"

static void says_what_to_look_at(void **state) {
  (void)state;
  char text[256];
  gs_reach_explain_dial("h", 81, ECONNREFUSED, text, sizeof text);
  assert_string_equal(text,
                      "could not connect to h port 81: connection refused: is "
                      "the server running, and the port right?");
  gs_reach_explain_dial("h", 81, EHOSTUNREACH, text, sizeof text);
  assert_non_null(strstr(text, "is the network up?"));
  gs_reach_explain_dial("h", 81, ETIMEDOUT, text, sizeof text);
  assert_non_null(strstr(text, "is a firewall between?"));
  gs_reach_explain_lookup("h", "unknown node or service", text, sizeof text);
  assert_string_equal(text,
                      "the host name h could not be resolved: unknown node or "
                      "service: is it right, and the network up?");
}

static void gives_no_reason_that_is_not_known(void **state) {
  (void)state;
  char text[256];
  gs_reach_explain_dial("h", 81, 0, text, sizeof text);
  assert_string_equal(
      text, "could not connect to h port 81: the connection was not made");
  gs_reach_explain_dial("h", 81, EACCES, text, sizeof text);
  assert_string_equal(text,
                      "could not connect to h port 81: permission denied");
}

static void tells_a_proxy_that_wants_a_password_from_others(void **state) {
  (void)state;
  char text[256];
  gs_reach_explain_proxy(407, text, sizeof text);
  assert_non_null(strstr(text, "status 407: it wants a user name"));
  gs_reach_explain_proxy(503, text, sizeof text);
  assert_string_equal(
      text, "the proxy refused the connection: it answered with status 503");
  gs_reach_explain_proxy(200, text, sizeof text);
  assert_string_equal(
      text,
      "the connection broke before the proxy had answered; asked once "
      "more, it lets us through");
  gs_reach_explain_proxy(0, text, sizeof text);
  assert_non_null(strstr(text, "is it an HTTP proxy"));
}

static void names_an_address_that_is_not_ours(void **state) {
  (void)state;
  char text[256];
  gs_reach_explain_local("192.0.2.1", EADDRNOTAVAIL, text, sizeof text);
  assert_string_equal(text,
                      "local_address 192.0.2.1 cannot be used: address not "
                      "available: is it one of this machine's?");
}

static void cuts_what_has_no_room(void **state) {
  (void)state;
  char text[12];
  gs_reach_explain_dial("h", 81, ECONNREFUSED, text, sizeof text);
  assert_string_equal(text, "could not c");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(says_what_to_look_at),
      cmocka_unit_test(gives_no_reason_that_is_not_known),
      cmocka_unit_test(tells_a_proxy_that_wants_a_password_from_others),
      cmocka_unit_test(names_an_address_that_is_not_ours),
      cmocka_unit_test(cuts_what_has_no_room),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
