/* csrc/upgrade.c: the request that replaces libwebsockets' own, what is kept of
 * a refusal, and the words for what went wrong.
 * Links: upgrade.c buf.c errors.c */
#include "check.h"
#include "errors.h"
#include "upgrade.h"

static const char theirs[] =
    "GET / HTTP/1.1\r\nHost: placeholder\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Key: x\r\n";

static gs_upgrade *upgrade_to(const char *path, const char *headers) {
  gs_upgrade *upgrade =
      gs_upgrade_new(path, headers, "h", true, GS_PHASE_UPGRADE);
  assert_non_null(upgrade);
  return upgrade;
}

static void puts_our_request_line_and_headers_first(void **state) {
  (void)state;
  char head[256];
  gs_upgrade *upgrade = upgrade_to("/socket.io/?token=a%2Fb", "Host: h:1\r\n");
  memcpy(head, theirs, sizeof theirs);
  size_t len =
      gs_upgrade_rewrite(upgrade, head, sizeof theirs - 1, sizeof head);
  assert_true(len > 0);
  head[len] = '\0';
  assert_string_equal(head,
                      "GET /socket.io/?token=a%2Fb HTTP/1.1\r\nHost: h:1\r\n"
                      "Upgrade: websocket\r\nSec-WebSocket-Key: x\r\n");
  gs_upgrade_free(upgrade);
}

static void takes_a_path_longer_than_libwebsockets_does(void **state) {
  (void)state;
  static char head[32768], path[16384];
  memcpy(head, theirs, sizeof theirs);
  memset(path, 'a', sizeof path - 1);
  path[0] = '/';
  gs_upgrade *upgrade = upgrade_to(path, "");
  size_t len =
      gs_upgrade_rewrite(upgrade, head, sizeof theirs - 1, sizeof head);
  assert_memory_equal(head + 4, path, sizeof path - 1);
  assert_memory_equal(head + 4 + sizeof path - 1, " HTTP/1.1\r\nUpgrade:", 19);
  assert_int_equal(len, sizeof path - 1 + 4 + 11 +
                            strlen("Upgrade: websocket\r\n"
                                   "Sec-WebSocket-Key: x\r\n"));
  gs_upgrade_free(upgrade);
}

static void refuses_a_head_without_room(void **state) {
  (void)state;
  char head[sizeof theirs];
  gs_upgrade *upgrade = upgrade_to("/a/path/that/has/no/room/in/there", "");
  memcpy(head, theirs, sizeof theirs);
  assert_int_equal(
      gs_upgrade_rewrite(upgrade, head, sizeof theirs - 1, sizeof head), 0);
  gs_upgrade_free(upgrade);
}

static void refuses_what_is_no_upgrade_request(void **state) {
  (void)state;
  char post[] = "POST / HTTP/1.1\r\nUpgrade: websocket\r\n";
  char plain[] = "GET / HTTP/1.1\r\nHost: x\r\n";
  char empty[] = "";
  gs_upgrade *upgrade = upgrade_to("/", "");
  assert_int_equal(
      gs_upgrade_rewrite(upgrade, post, sizeof post - 1, sizeof post), 0);
  assert_int_equal(
      gs_upgrade_rewrite(upgrade, plain, sizeof plain - 1, sizeof plain), 0);
  assert_int_equal(gs_upgrade_rewrite(upgrade, empty, 0, sizeof empty), 0);
  gs_upgrade_free(upgrade);
}

static void keeps_the_beginning_of_a_refusal(void **state) {
  (void)state;
  static char piece[1000];
  gs_upgrade *upgrade = upgrade_to("/", "");
  memset(piece, 'x', sizeof piece);
  gs_upgrade_take_body(upgrade, "go away", 7);
  for (int i = 0; i < 10; i++) {
    gs_upgrade_take_body(upgrade, piece, sizeof piece);
  }
  assert_int_equal(upgrade->body.len, 2048);
  assert_memory_equal(upgrade->body.data, "go awayxxx", 10);
  gs_upgrade_free(upgrade);
}

static bool try_upgrade(void) {
  gs_upgrade *upgrade =
      gs_upgrade_new("/", "Host: h\r\n", "h", true, GS_PHASE_TLS);
  gs_upgrade_free(upgrade);
  return upgrade != NULL;
}

static void needs_memory_and_leaves_none(void **state) {
  (void)state;
  check_each_allocation(try_upgrade);
}

static void check_explained(gs_phase phase, int status, const char *tls_reason,
                            const char *said, int error, const char *expected) {
  char text[256];
  gs_upgrade upgrade = {.phase = phase, .status = status};
  snprintf(upgrade.tls.reason, sizeof upgrade.tls.reason, "%s", tls_reason);
  assert_int_equal(gs_upgrade_explain(&upgrade, said, text, sizeof text),
                   error);
  assert_non_null(strstr(text, expected));
}

static void names_the_reason_that_a_user_can_act_on(void **state) {
  (void)state;
  check_explained(GS_PHASE_TLS, 0, "certificate has expired", "connect SSL",
                  GS_ERR_TLS, "certificate has expired");
  check_explained(GS_PHASE_TLS, 0, "", "connect SYSCALL", GS_ERR_TLS,
                  "closed the connection");
  check_explained(GS_PHASE_UPGRADE, 403, "", "HS: not 101", GS_ERR_HTTP,
                  "HTTP 403");
  check_explained(GS_PHASE_UPGRADE, 101, "", "HS: Accept hash wrong",
                  GS_ERR_PROTOCOL, "Accept hash wrong");
  check_explained(GS_PHASE_UPGRADE, 0, "", "HS: URI missing", GS_ERR_PROTOCOL,
                  "no valid websocket upgrade");
  check_explained(GS_PHASE_UPGRADE, 0, "alert x", "read failed", GS_ERR_TLS,
                  "alert x");
  check_explained(GS_PHASE_UPGRADE, 0, "", "read failed", GS_ERR_NETWORK,
                  "before it answered");
  check_explained(GS_PHASE_PROXY, 0, "", "proxy not h1", GS_ERR_PROXY,
                  "proxy not h1");
  check_explained(GS_PHASE_TCP, 0, "", "Unable to connect", GS_ERR_CONNECT,
                  "Unable to connect");
}

static void is_found_by_its_descriptor(void **state) {
  (void)state;
  gs_upgrades all = {0};
  gs_upgrade *upgrades[8];
  for (int i = 0; i < 8; i++) {
    upgrades[i] = upgrade_to("/", "");
    gs_upgrade_list(upgrades[i], &all, 3 + i / 2 * GS_UPGRADE_BUCKETS + i % 2);
  }
  for (int i = 0; i < 8; i++) {
    int fd = 3 + i / 2 * GS_UPGRADE_BUCKETS + i % 2;
    assert_ptr_equal(gs_upgrade_find(&all, fd), upgrades[i]);
    gs_upgrade_free(upgrades[i]);
    assert_null(gs_upgrade_find(&all, fd));
  }
  assert_null(gs_upgrade_find(&all, -1));
}

/* A descriptor is used again as soon as it is closed. */
static void the_last_one_with_a_descriptor_is_found(void **state) {
  (void)state;
  gs_upgrades all = {0};
  gs_upgrade *first = upgrade_to("/", ""), *second = upgrade_to("/", "");
  gs_upgrade_list(first, &all, 5);
  gs_upgrade_list(second, &all, 5);
  assert_ptr_equal(gs_upgrade_find(&all, 5), second);
  gs_upgrade_free(first);
  assert_ptr_equal(gs_upgrade_find(&all, 5), second);
  gs_upgrade_list(second, &all, 6);
  assert_null(gs_upgrade_find(&all, 5));
  gs_upgrade_free(second);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(puts_our_request_line_and_headers_first),
      cmocka_unit_test(takes_a_path_longer_than_libwebsockets_does),
      cmocka_unit_test(refuses_a_head_without_room),
      cmocka_unit_test(refuses_what_is_no_upgrade_request),
      cmocka_unit_test(keeps_the_beginning_of_a_refusal),
      cmocka_unit_test(needs_memory_and_leaves_none),
      cmocka_unit_test(names_the_reason_that_a_user_can_act_on),
      cmocka_unit_test(is_found_by_its_descriptor),
      cmocka_unit_test(the_last_one_with_a_descriptor_is_found),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
