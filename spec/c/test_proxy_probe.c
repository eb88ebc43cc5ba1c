/* csrc/proxy_probe.c: what a proxy answers to a CONNECT, against a scripted one
 * on the same loop. Links: proxy_probe.c */
#include "proxy_probe.h"

#include "check.h"
#include "watched_loop.h"

static uv_tcp_t listener, peer;
static uv_write_t peer_writes[64];
static const char *script; /* what the proxy answers */
static bool byte_by_byte;
static char seen[1024];
static size_t seen_len;
static int calls, last_status;

static void on_answer(void *user, int status) {
  assert_ptr_equal(user, &calls);
  calls++;
  last_status = status;
}

static void peer_on_room(uv_handle_t *handle, size_t size, uv_buf_t *out) {
  (void)handle, (void)size;
  *out = uv_buf_init(seen + seen_len, (unsigned)(sizeof seen - 1 - seen_len));
}

static void peer_close(uv_handle_t *handle) {
  if (!uv_is_closing(handle)) uv_close(handle, NULL);
}

static void peer_say(uv_stream_t *stream) {
  size_t len = strlen(script), step = byte_by_byte ? 1 : len;
  for (size_t at = 0, i = 0; at < len; at += step, i++) {
    uv_buf_t out = uv_buf_init((char *)script + at, (unsigned)step);
    assert_int_equal(uv_write(&peer_writes[i], stream, &out, 1, NULL), 0);
  }
  if (len == 0) peer_close((uv_handle_t *)stream);
}

static void peer_on_read(uv_stream_t *stream, ssize_t count,
                         const uv_buf_t *in) {
  (void)in;
  if (count < 0) {
    peer_close((uv_handle_t *)stream);
    return;
  }
  seen_len += (size_t)count;
  seen[seen_len] = '\0';
  if (strstr(seen, "\r\n\r\n")) peer_say(stream);
}

static void on_connection(uv_stream_t *stream, int status) {
  assert_int_equal(status, 0);
  assert_int_equal(uv_tcp_init(&loop, &peer), 0);
  assert_int_equal(uv_accept(stream, (uv_stream_t *)&peer), 0);
  uv_read_start((uv_stream_t *)&peer, peer_on_room, peer_on_read);
  peer_close((uv_handle_t *)&listener);
}

static int set_up(void **state) {
  calls = 0, last_status = -1, seen_len = 0, byte_by_byte = false;
  return open_loop(state);
}

/* listening returns a proxy that answers |text|. */
static gs_proxy listening(const char *text) {
  struct sockaddr_in address;
  int len = sizeof address;
  script = text;
  assert_int_equal(uv_ip4_addr("127.0.0.1", 0, &address), 0);
  assert_int_equal(uv_tcp_init(&loop, &listener), 0);
  assert_int_equal(uv_tcp_bind(&listener, (struct sockaddr *)&address, 0), 0);
  assert_int_equal(uv_listen((uv_stream_t *)&listener, 1, on_connection), 0);
  uv_tcp_getsockname(&listener, (struct sockaddr *)&address, &len);
  return (gs_proxy){.port = ntohs(address.sin_port), .target = "h.test"};
}

/* ask runs the loop until it is empty and returns the status. */
static int ask(const gs_proxy *proxy) {
  calls = 0;
  assert_non_null(
      gs_proxy_probe_start(&loop, "127.0.0.1", proxy, 443, on_answer, &calls));
  assert_int_equal(calls, 0); /* never from inside the call */
  uv_run(&loop, UV_RUN_DEFAULT);
  assert_int_equal(calls, 1);
  return last_status;
}

static void sends_what_libwebsockets_sent(void **state) {
  (void)state;
  gs_proxy proxy = listening("HTTP/1.1 407 Proxy Authentication Required\r\n");
  snprintf(proxy.auth, sizeof proxy.auth, "me:hush");
  assert_int_equal(ask(&proxy), 407);
  assert_string_equal(seen,
                      "CONNECT h.test:443 HTTP/1.1\r\nHost: h.test:443\r\n"
                      "Proxy-Authorization: Basic bWU6aHVzaA==\r\n\r\n");
}

static void sends_no_credentials_where_there_are_none(void **state) {
  (void)state;
  gs_proxy proxy = listening("HTTP/1.0 200 Established\r\n\r\n");
  assert_int_equal(ask(&proxy), 200);
  assert_null(strstr(seen, "Authorization"));
}

static void reads_an_answer_that_comes_in_pieces(void **state) {
  (void)state;
  byte_by_byte = true;
  gs_proxy proxy = listening("HTTP/1.1 503 No\r\n");
  assert_int_equal(ask(&proxy), 503);
}

static void tells_an_answer_that_is_none(void **state) {
  (void)state;
  const char *const answers[] = {"", "SSH-2.0-x\r\nmore", "HTTP/1.1 xyz\r\n",
                                 "HTTP/2 407 No\r\n", "HTTP/1.1 -40\r\n"};
  for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
    gs_proxy proxy = listening(answers[i]);
    seen_len = 0;
    assert_int_equal(ask(&proxy), 0);
  }
}

static void tells_a_proxy_that_is_gone(void **state) {
  (void)state;
  gs_proxy proxy = {.port = 1, .target = "h.test"};
  assert_int_equal(ask(&proxy), 0);
}

static void is_silent_once_it_was_cancelled(void **state) {
  (void)state;
  gs_proxy proxy = listening("HTTP/1.1 407 No\r\n");
  gs_proxy_probe *probe =
      gs_proxy_probe_start(&loop, "127.0.0.1", &proxy, 443, on_answer, &calls);
  assert_non_null(probe);
  gs_proxy_probe_cancel(probe);
  peer_close((uv_handle_t *)&listener);
  uv_run(&loop, UV_RUN_DEFAULT);
  assert_int_equal(calls, 0);
}

static void needs_an_address_that_is_one(void **state) {
  (void)state;
  gs_proxy proxy = {.port = 1, .target = "h.test"};
  assert_null(
      gs_proxy_probe_start(&loop, "h.test", &proxy, 443, on_answer, &calls));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(sends_what_libwebsockets_sent, set_up,
                                      close_loop),
      cmocka_unit_test_setup_teardown(sends_no_credentials_where_there_are_none,
                                      set_up, close_loop),
      cmocka_unit_test_setup_teardown(reads_an_answer_that_comes_in_pieces,
                                      set_up, close_loop),
      cmocka_unit_test_setup_teardown(tells_an_answer_that_is_none, set_up,
                                      close_loop),
      cmocka_unit_test_setup_teardown(tells_a_proxy_that_is_gone, set_up,
                                      close_loop),
      cmocka_unit_test_setup_teardown(is_silent_once_it_was_cancelled, set_up,
                                      close_loop),
      cmocka_unit_test_setup_teardown(needs_an_address_that_is_one, set_up,
                                      close_loop),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
