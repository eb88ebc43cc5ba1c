/* Unit test of csrc/http*.c: how requests end that nobody answers, and what
 * happens without memory. On a scripted peer, as test_http.c, and linked like
 * it. */
#include "curl_memory.h"
#include "http_peer.h"

/* ---- Requests that hang ---- */

/* One way for a request to hang: in which phase, and why. */
static const struct hang {
  const char *phase, *clock, *scheme;
  reply reply;
  const char *message;
} hangs[] = {
    {"dns",
     "connect_timeout",
     "http",
     {NULL, 0, KEEP, false},
     "timed out after 0.02 s while looking up the host name"},
    {"tcp",
     "connect_timeout",
     "http",
     {NULL, 0, KEEP, false},
     "timed out after 0.02 s while connecting"},
    {"proxy",
     "connect_timeout",
     "https",
     {NULL, 0, KEEP, false},
     "timed out after 0.02 s while connecting through the proxy"},
    {"tls",
     "tls_timeout",
     "https",
     {NULL, 0, KEEP, true},
     "timed out after 0.02 s while waiting for the TLS handshake"},
    {"request",
     "first_byte_timeout",
     "http",
     {NULL, 0, KEEP, false},
     "timed out after 0.02 s while sending the request"},
    {"first byte",
     "first_byte_timeout",
     "http",
     {NULL, 0, KEEP, false},
     "timed out after 0.02 s while waiting for the answer"},
    {"body",
     "idle_timeout",
     "http",
     {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", 0, KEEP, false},
     "timed out after 0.02 s while receiving the answer"},
};
enum { HANGS = sizeof hangs / sizeof *hangs };

/* Connections that fill the listener's queue: the kernel then leaves the next
 * one without an answer. */
static int queue_fds[3];
static peer fence;

static int fill_queue(void) {
  struct sockaddr_in address;
  socklen_t size = sizeof address;
  uv_ip4_addr("127.0.0.1", 0, &address);
  queue_fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  assert_int_equal(bind(queue_fds[0], (const struct sockaddr *)&address, size),
                   0);
  assert_int_equal(listen(queue_fds[0], 0), 0);
  getsockname(queue_fds[0], (struct sockaddr *)&address, &size);
  for (int i = 1; i < 3; i++) {
    queue_fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    (void)connect(queue_fds[i], (const struct sockaddr *)&address, size);
  }
  return ntohs(address.sin_port);
}

/* hang_begin starts a request that ends up hanging as |hang| says. */
static void hang_begin(const struct hang *hang) {
  static char large[24u << 20]; /* more than the kernel takes */
  bool dns = strcmp(hang->phase, "dns") == 0;
  bool tcp = strcmp(hang->phase, "tcp") == 0;
  begin(&hang->reply, 1);
  if (dns) resolver_finds = NULL;
  if (strcmp(hang->phase, "proxy") == 0) {
    char proxy[64];
    snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", p.port);
    set_text(&c, "proxy", proxy);
  }
  if (strcmp(hang->phase, "request") == 0) {
    p.deaf = true;
    set_text(&c, "method", "POST");
    assert_int_equal(
        gs_fields_put_string(&c.options, "body", large, sizeof large), 0);
  }
  set_url(&c, hang->scheme, dns ? "server.test" : "127.0.0.1",
          tcp ? fill_queue() : p.port, "/");
}

static void hang_end(const struct hang *hang) {
  if (strcmp(hang->phase, "tcp") == 0) {
    for (int i = 0; i < 3; i++) close(queue_fds[i]);
  }
  end();
}

/* hang_run runs the loop until the request hangs for certain: whatever it can
 * do is done by the time that three others have come and gone. */
static void hang_run(void) {
  static const reply script[] = {{ANSWER(2, "ok"), 0, KEEP, false}};
  peer_open(&fence, &c, "127.0.0.1", 0, SCRIPT(script));
  for (int i = 0; i < 3; i++) {
    set_url(&c, "http", "127.0.0.1", fence.port, "/");
    assert_ok(client_get(&c), 200, "ok");
  }
  peer_close(&fence);
  client_forget(&c);
}

static void each_phase_has_its_time_out(void **s) {
  (void)s;
  for (int i = 0; i < HANGS; i++) {
    hang_begin(&hangs[i]);
    set_number(&c, hangs[i].clock, 0.02);
    const answer *a = client_get(&c);
    assert_failed(a, GS_ERR_TIMEOUT, hangs[i].phase);
    assert_string_equal(get_text(a, "message"), hangs[i].message);
    hang_end(&hangs[i]);
  }
}

/* In which phase it strikes here depends on the machine. */
static void the_whole_request_has_one_too(void **s) {
  (void)s;
  for (int i = 0; i < HANGS; i++) {
    hang_begin(&hangs[i]);
    set_number(&c, "timeout", 0.02);
    set_number(&c, "connect_timeout", 3600);
    set_number(&c, "tls_timeout", 3600);
    set_number(&c, "first_byte_timeout", 3600);
    set_number(&c, "idle_timeout", 3600);
    const answer *a = client_get(&c);
    assert_string_equal(get_text(a, "kind"), "timeout");
    assert_memory_equal(get_text(a, "message"), "timed out after 0.02 s ", 23);
    hang_end(&hangs[i]);
  }
}

static void a_cancelled_request_is_answered_at_once(void **s) {
  (void)s;
  for (int i = 0; i < HANGS; i++) {
    hang_begin(&hangs[i]);
    client_start(&c, 7);
    hang_run();
    gs_http_cancel(c.http, 8);
    assert_int_equal(c.count, 0);
    gs_http_cancel(c.http, 7);
    assert_int_equal(c.count, 1);
    assert_failed(&c.answers[0], GS_ERR_CANCELLED, hangs[i].phase);
    gs_http_cancel(c.http, 7);
    assert_int_equal(c.count, 1);
    hang_end(&hangs[i]);
  }
}

/* Nothing else would end this test: the peer stays silent, and no clock runs.
 */
static void stopping_waits_for_nobody(void **s) {
  (void)s;
  for (int i = 0; i < HANGS; i++) {
    hang_begin(&hangs[i]);
    client_start(&c, 7);
    hang_run();
    gs_http_stop(c.http);
    assert_int_equal(c.count, 1);
    assert_failed(&c.answers[0], GS_ERR_CANCELLED, hangs[i].phase);
    set_peer_url("http", "/");
    client_start(&c, 8);
    assert_int_equal(c.count, 2);
    assert_failed(&c.answers[1], GS_ERR_CANCELLED, "dns");
    hang_end(&hangs[i]);
  }
}

/* ---- Memory ---- */

/* attempt_get makes a client, one request of it, and an end of both; returns
 * whether all went well. */
static bool attempt_get(void) {
  static const reply script[] = {{ANSWER(2, "ok"), 0, KEEP, false}};
  size_t fail_in = check_fail_in;
  check_fail_in = 0;
  begin(SCRIPT(script));
  set_url(&c, "http", "server.test", p.port, "/");
  set_text(&c, "headers", "Authorization: Bearer t\r\n");
  set_text(&c, "method", "POST");
  set_text(&c, "body", "abc");
  check_fail_in = fail_in;
  const answer *a = client_get(&c);
  check_fail_in = 0;
  bool fine = strcmp(get_text(a, "code"), "(absent)") == 0;
  if (fine) {
    assert_ok(a, 200, "ok");
  } else {
    assert_string_equal(get_text(a, "code"), "NOMEM");
  }
  end();
  return fine;
}

static void running_out_of_memory_is_an_answer(void **s) {
  (void)s;
  check_each_allocation(attempt_get);
}

/* libcurl may do without what it did not get, and may call it by other names:
 * the one answer, and the empty loop, are what counts. */
static void libcurl_running_out_of_memory_is_an_answer(void **s) {
  (void)s;
  static const reply script[] = {{ANSWER(2, "ok"), 0, KEEP, false}};
  int failures = 0;
  for (int n = 1; n == 1 || curl_fail_in == 0; n++) {
    begin(SCRIPT(script));
    set_url(&c, "http", "server.test", p.port, "/");
    curl_fail_in = n;
    const answer *a = client_get(&c);
    if (strcmp(get_text(a, "code"), "(absent)") != 0) failures++;
    if (curl_fail_in) assert_ok(a, 200, "ok");
    int left = curl_fail_in;
    curl_fail_in = 0;
    end();
    curl_fail_in = left;
  }
  curl_fail_in = 0;
  assert_true(failures > 10);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_phase_has_its_time_out),
      cmocka_unit_test(the_whole_request_has_one_too),
      cmocka_unit_test(a_cancelled_request_is_answered_at_once),
      cmocka_unit_test(stopping_waits_for_nobody),
      cmocka_unit_test(running_out_of_memory_is_an_answer),
      cmocka_unit_test(libcurl_running_out_of_memory_is_an_answer),
  };
  signal(SIGPIPE, SIG_IGN); /* the engine blocks it: http.h */
  return cmocka_run_group_tests_name("http, ends", tests, curl_memory_begin,
                                     NULL);
}
