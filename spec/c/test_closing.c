/* csrc/closing.c: a close frame in words. Links: closing.c */
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "closing.h"
#include "errors.h"

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

static void leaves_out_a_reason_that_is_not_utf8(void **state) {
  (void)state;
  check_words("\x03\xe8n\xff", 4, 1000,
              "the server closed the websocket with code 1000");
}

/* check_loss: what is told of a connection given up here after |peer| |sent| so
 * many bytes, and ended its side or not. */
static void check_loss(size_t sent, bool ends, int error) {
  int fds[2];
  const char *text = NULL;
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
  assert_int_equal(write(fds[1], "xx", sent), sent);
  if (ends) assert_int_equal(shutdown(fds[1], SHUT_WR), 0);
  assert_int_equal(gs_closing_explain_loss(fds[0], &text), error);
  assert_non_null(text);
  close(fds[0]);
  close(fds[1]);
}

static void a_reset_is_the_peers_end(void **state) {
  (void)state;
  int fds[2];
  const char *text = NULL;
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
  assert_int_equal(write(fds[0], "unread", 6), 6);
  close(fds[1]); /* with what it did not read: as a reset */
  assert_int_equal(gs_closing_explain_loss(fds[0], &text), GS_ERR_NETWORK);
  close(fds[0]);
}

static void tells_the_peers_end_from_libwebsockets_own(void **state) {
  (void)state;
  check_loss(0, true, GS_ERR_NETWORK);
  check_loss(0, false, GS_ERR_PROTOCOL);
  check_loss(2, false, GS_ERR_PROTOCOL);
  check_loss(2, true, GS_ERR_PROTOCOL); /* it did not read that far */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_the_code_and_the_reason),
      cmocka_unit_test(names_no_code_where_there_is_none),
      cmocka_unit_test(stays_one_line_whatever_the_reason_is),
      cmocka_unit_test(leaves_out_a_reason_that_is_not_utf8),
      cmocka_unit_test(a_reset_is_the_peers_end),
      cmocka_unit_test(tells_the_peers_end_from_libwebsockets_own),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
