/* Unit test of csrc/http*.c on a scripted peer (http_peer.h), which also is
 * the resolver. Links csrc/http.c csrc/http_request.c csrc/http_options.c
 * csrc/http_answer.c csrc/url.c csrc/fields.c csrc/buf.c csrc/errors.c (and
 * see check.h), not csrc/resolve.c. */
#include "http_peer.h"

/* ---- Exchanges ---- */

static void an_answer_has_status_headers_body_version_and_address(void **s) {
  (void)s;
  static const reply script[] = {
      {"HTTP/1.1 404 Nope\r\nX-One: 1\r\nContent-Length: 3\r\n\r\nabc", 0, KEEP,
       false}};
  begin(SCRIPT(script));
  const answer *a = get("/");
  assert_ok(a, 404, "abc");
  assert_string_equal(get_text(a, "headers"),
                      "X-One: 1\r\nContent-Length: 3\r\n");
  assert_string_equal(get_text(a, "version"), "1.1");
  assert_string_equal(get_text(a, "ip"), "127.0.0.1");
  assert_int_equal(get_number(a, "elapsed"), 0);
  assert_string_equal(get_text(a, "code"), "(absent)");
  end();
}

static void the_request_is_sent_as_told(void **s) {
  (void)s;
  static const reply script[] = {{ANSWER(0, ""), 0, KEEP, false}};
  begin(SCRIPT(script));
  set_text(&c, "method", "PATCH");
  set_text(&c, "headers",
           "Authorization: Bearer t\r\nX-Empty: \r\nX-Last: a:b");
  assert_int_equal(gs_fields_put_string(&c.options, "body", "a\0b", 3), 0);
  assert_ok(get("/a/../b%2f?a=%2f&b=+%20c&token=A%2BB==#no"), 200, "");
  assert_non_null(strstr(
      p.seen, "PATCH /a/../b%2f?a=%2f&b=+%20c&token=A%2BB== HTTP/1.1\r\n"));
  assert_non_null(strstr(p.seen, "\r\nAuthorization: Bearer t\r\n"));
  assert_non_null(strstr(p.seen, "\r\nX-Empty:\r\n"));
  assert_non_null(strstr(p.seen, "\r\nX-Last: a:b\r\n"));
  assert_non_null(strstr(p.seen, "\r\nContent-Length: 3\r\n"));
  assert_non_null(strstr(p.seen, "\r\nAccept-Encoding: gzip\r\n"));
  assert_null(strstr(p.seen, "Expect"));
  assert_memory_equal(p.seen + p.seen_len - 7, "\r\n\r\na\0b", 7);
  end();
}

static void the_method_decides_whether_there_is_a_body(void **s) {
  (void)s;
  static const reply script[] = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", 0, KEEP, false},
      {ANSWER(0, ""), 0, KEEP, false}};
  begin(SCRIPT(script));
  set_text(&c, "method", "HEAD");
  assert_ok(get("/head"), 200, "");
  set_text(&c, "method", "POST");
  set_flag(&c, "gzip", false);
  assert_ok(get("/post"), 200, "");
  assert_non_null(strstr(p.seen, "HEAD /head HTTP/1.1\r\n"));
  const char *post = strstr(p.seen, "POST /post HTTP/1.1\r\n");
  assert_non_null(post);
  assert_non_null(strstr(post, "\r\nContent-Length: 0\r\n"));
  assert_null(strstr(post, "Accept-Encoding"));
  set_text(&c, "method", "DELETE");
  assert_ok(get("/delete"), 200, "");
  const char *delete = strstr(p.seen, "DELETE /delete HTTP/1.1\r\n");
  assert_non_null(delete);
  assert_null(strstr(delete, "Content-Length"));
  end();
}

static void only_the_final_responses_headers_are_kept(void **s) {
  (void)s;
  static const reply script[] = {
      {"HTTP/1.1 100 Continue\r\nX-Interim: 1\r\n\r\n"
       "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
       "HTTP/1.1 200 OK\r\nX-Folded: a\r\n  b\r\nTransfer-Encoding: chunked\r\n"
       "\r\n2\r\nhi\r\n0\r\nX-Trailer: 1\r\n\r\n",
       0, KEEP, false}};
  begin(SCRIPT(script));
  const answer *a = get("/");
  assert_ok(a, 200, "hi");
  const char *headers = get_text(a, "headers");
  assert_null(strstr(headers, "HTTP/"));
  assert_null(strstr(headers, "Interim"));
  assert_null(strstr(headers, "Link"));
  assert_null(strstr(headers, "Trailer"));
  assert_memory_equal(headers, "X-Folded: a", 11);
  assert_non_null(strstr(headers, "b\r\nTransfer-Encoding: chunked\r\n"));
  assert_null(strstr(headers, "\r\n "));
  end();
}

static void a_redirect_is_an_answer_like_any_other(void **s) {
  (void)s;
  static const reply script[] = {
      {"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n"
       "\r\n",
       0, KEEP, false}};
  begin(SCRIPT(script));
  const answer *a = get("/");
  assert_ok(a, 302, "");
  assert_non_null(strstr(get_text(a, "headers"), "Location: /elsewhere\r\n"));
  assert_int_equal(p.requests, 1);
  end();
}

static void a_connection_is_used_again(void **s) {
  (void)s;
  static const reply script[] = {{ANSWER(2, "ok"), 0, KEEP, false}};
  begin(SCRIPT(script));
  for (int i = 0; i < 5; i++) assert_ok(get("/"), 200, "ok");
  assert_int_equal(p.requests, 5);
  assert_int_equal(p.connections, 1);
  end();
}

static void requests_run_beside_each_other(void **s) {
  (void)s;
  static const reply script[] = {{ANSWER(2, "ok"), 0, KEEP, false}};
  bool answered[40] = {false};
  begin(SCRIPT(script));
  for (uint32_t id = 0; id < 40; id++) {
    set_url(&c, "http", id % 2 ? "server.test" : "127.0.0.1", p.port, "/");
    client_start(&c, id);
  }
  client_wait(&c, 40);
  for (int i = 0; i < 40; i++) {
    assert_ok(&c.answers[i], 200, "ok");
    assert_false(answered[c.answers[i].id]);
    answered[c.answers[i].id] = true;
  }
  assert_int_equal(p.requests, 40);
  end();
}

static const char gzipped[] = /* 20,000 times "a" */
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xed\xc1\x31\x01\x00\x00"
    "\x00\xc2\xa0\xac\xeb\x5f\xc2\x1a\x1e\x40\x01\x00\x00\x00\x00\x00"
    "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xf0\x60\x31"
    "\x87\xbd\xca\x20\x4e\x00\x00";

static void gzip_is_undone_and_counts_with_its_content(void **s) {
  (void)s;
  static char text[256];
  static reply script[] = {{text, 0, KEEP, false}};
  int head = snprintf(text, sizeof text,
                      "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
                      "Content-Length: %zu\r\n\r\n",
                      sizeof gzipped - 1);
  memcpy(text + head, gzipped, sizeof gzipped - 1);
  script[0].len = (size_t)head + sizeof gzipped - 1;
  begin(SCRIPT(script));
  const char *body = get_text(get("/"), "body");
  assert_int_equal(strlen(body), 20000);
  assert_int_equal(strspn(body, "a"), 20000);
  set_number(&c, "max_body", 19999);
  assert_failed(get("/"), GS_ERR_TOO_BIG, "body");
  end();
}

/* ---- Addresses ---- */

static void a_name_is_looked_up_by_us_and_for_each_request(void **s) {
  (void)s;
  static const reply script[] = {{ANSWER(2, "ok"), 0, CLOSE, false}};
  begin(SCRIPT(script));
  for (int i = 1; i <= 3; i++) {
    set_url(&c, "http", "Server.Test.", p.port, "/");
    assert_ok(client_get(&c), 200, "ok");
    assert_int_equal(resolver_lookups, i);
    assert_string_equal(resolver_host, "server.test.");
  }
  assert_ok(get("/"), 200, "ok");
  assert_int_equal(resolver_lookups, 3);
  assert_int_equal(p.connections, 4);
  end();
}

static void a_new_address_replaces_the_old_one(void **s) {
  (void)s;
  static const reply script[] = {{ANSWER(2, "ok"), 0, CLOSE, false}};
  static peer moved;
  begin(SCRIPT(script));
  peer_open(&moved, &c, "127.0.0.2", p.port, SCRIPT(script));
  set_url(&c, "http", "server.test", p.port, "/");
  assert_string_equal(get_text(client_get(&c), "ip"), "127.0.0.1");
  resolver_finds = "127.0.0.2";
  set_url(&c, "http", "server.test", p.port, "/");
  assert_string_equal(get_text(client_get(&c), "ip"), "127.0.0.2");
  assert_int_equal(p.connections, 1);
  assert_int_equal(moved.connections, 1);
  peer_close(&moved);
  end();
}

static void the_next_address_is_tried_when_one_refuses(void **s) {
  (void)s;
  static const reply script[] = {{ANSWER(2, "ok"), 0, KEEP, false}};
  begin(SCRIPT(script));
  resolver_finds = "::1 127.0.0.9 127.0.0.1";
  set_url(&c, "http", "server.test", p.port, "/");
  const answer *a = client_get(&c);
  assert_ok(a, 200, "ok");
  assert_string_equal(get_text(a, "ip"), "127.0.0.1");
  end();
}

static void a_pooled_connection_that_died_is_replaced(void **s) {
  (void)s;
  static const reply script[] = {{ANSWER(3, "one"), 0, KEEP, false},
                                 {NULL, 0, RESET, false},
                                 {ANSWER(3, "two"), 0, KEEP, false}};
  begin(SCRIPT(script));
  set_url(&c, "http", "server.test", p.port, "/");
  assert_ok(client_get(&c), 200, "one");
  set_url(&c, "http", "server.test", p.port, "/");
  assert_ok(client_get(&c), 200, "two");
  assert_int_equal(p.connections, 2);
  end();
}

static void a_local_address_is_dialled_from(void **s) {
  (void)s;
  static const reply script[] = {{ANSWER(2, "ok"), 0, KEEP, false}};
  struct sockaddr_in from;
  int size = sizeof from;
  begin(SCRIPT(script));
  set_url(&c, "http", "server.test", p.port, "/");
  set_text(&c, "local_address", "127.0.0.3");
  assert_ok(client_get(&c), 200, "ok");
  assert_non_null(p.links);
  uv_tcp_getpeername(&p.links->tcp, (struct sockaddr *)&from, &size);
  assert_int_equal(ntohl(from.sin_addr.s_addr), 0x7f000003);
  end();
}

static void a_proxy_is_used_when_told_and_only_then(void **s) {
  (void)s;
  static const reply script[] = {{ANSWER(2, "ok"), 0, KEEP, false}};
  char proxy[64];
  begin(SCRIPT(script));
  setenv("http_proxy", "http://127.0.0.1:1", 1);
  assert_ok(get("/direct"), 200, "ok");
  assert_non_null(strstr(p.seen, "GET /direct HTTP/1.1\r\n"));
  setenv("no_proxy", "*", 1);
  snprintf(proxy, sizeof proxy, "http://me:hush@proxy.test:%d", p.port);
  set_text(&c, "proxy", proxy);
  set_text(&c, "url", "http://far.test/through?a=b");
  assert_ok(client_get(&c), 200, "ok");
  unsetenv("http_proxy");
  unsetenv("no_proxy");
  assert_string_equal(resolver_host, "proxy.test");
  assert_int_equal(resolver_lookups, 1);
  assert_non_null(
      strstr(p.seen, "GET http://far.test/through?a=b HTTP/1.1\r\n"));
  assert_non_null(
      strstr(p.seen, "Proxy-Authorization: Basic bWU6aHVzaA==\r\n"));
  end();
}

/* ---- Failures ---- */

static void an_unusable_request_is_answered_too(void **s) {
  (void)s;
  static const struct {
    const char *key, *text;
    int error;
  } cases[] = {
      {"url", "", GS_ERR_URL},
      {"url", "ftp://127.0.0.1/?hush", GS_ERR_URL},
      {"url", "ws://127.0.0.1/?hush", GS_ERR_URL},
      {"url", "http://127.0.0.1/hu sh", GS_ERR_URL},
      {"url", "file:///etc/hush", GS_ERR_URL},
      {"method", "GET / HTTP/1.1\r\nhush", GS_ERR_OPTION},
      {"method", "G T", GS_ERR_OPTION},
      {"headers", "hush", GS_ERR_OPTION},
      {"headers", "hu sh: 1", GS_ERR_OPTION},
      {"headers", ": hush", GS_ERR_OPTION},
      {"headers", "A: b\r\n\r\nhush: 1", GS_ERR_OPTION},
      {"headers", "A: b\nhush: 1", GS_ERR_OPTION},
      {"local_address", "eth0", GS_ERR_OPTION},
      {"proxy", "socks4://hush:1", GS_ERR_OPTION},
      {"proxy", "hush", GS_ERR_OPTION},
  };
  client_open(&c);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    set_text(&c, cases[i].key, cases[i].text);
    set_text(&c, "url", "http://127.0.0.1:9/"); /* the first one counts */
    const answer *a = client_get(&c);
    assert_failed(a, cases[i].error, "dns");
    assert_null(strstr(get_text(a, "message"), "hush"));
    client_forget(&c);
  }
  client_close(&c);
}

static void a_name_that_nobody_knows_is_a_dns_failure(void **s) {
  (void)s;
  client_open(&c);
  resolver_finds = "";
  set_text(&c, "url", "https://nobody.test/?hush");
  const answer *a = client_get(&c);
  assert_failed(a, GS_ERR_DNS, "dns");
  assert_string_equal(
      get_text(a, "message"),
      "the host name nobody.test could not be resolved: unknown "
      "node or service: is it right, and the network up?");
  client_close(&c);
}

static void a_refused_connection_says_where_and_why(void **s) {
  (void)s;
  static const reply script[] = {{NULL, 0, KEEP, false}};
  char expected[128];
  begin(SCRIPT(script));
  int port = p.port;
  peer_close(&p);
  set_url(&c, "http", "server.test", port, "/?hush");
  const answer *a = client_get(&c);
  assert_failed(a, GS_ERR_CONNECT, "tcp");
  assert_int_equal(get_number(a, "errno"), ECONNREFUSED);
  snprintf(expected, sizeof expected,
           "could not connect to server.test port %d: connection refused: "
           "is the server running, and the port right?",
           port);
  assert_string_equal(get_text(a, "message"), expected);
  set_text(&c, "proxy", "http://me:hush@127.0.0.1:1");
  set_text(&c, "url", "https://far.test/");
  a = client_get(&c);
  assert_failed(a, GS_ERR_PROXY, "proxy");
  assert_null(strstr(get_text(a, "message"), "hush"));
  client_close(&c);
}

static void a_proxy_that_refuses_is_quoted_with_its_status(void **s) {
  (void)s;
  static const reply script[] = {
      {"HTTP/1.1 407 No\r\nX-Proxy: 1\r\nContent-Length: 0\r\n\r\n", 0, KEEP,
       false}};
  char proxy[64];
  begin(SCRIPT(script));
  snprintf(proxy, sizeof proxy, "http://me:hush@127.0.0.1:%d", p.port);
  set_text(&c, "proxy", proxy);
  set_text(&c, "url", "https://far.test/");
  const answer *a = client_get(&c);
  assert_failed(a, GS_ERR_PROXY, "proxy");
  assert_string_equal(
      get_text(a, "message"),
      "the proxy refused the connection: it answered with status 407: it wants "
      "a user name and a password, or others than those of its URL");
  assert_string_equal(get_text(a, "headers"), "(absent)");
  assert_non_null(strstr(p.seen, "CONNECT far.test:443 HTTP/1.1\r\n"));
  end();
}

static void broken_answers_name_the_fault_and_the_phase(void **s) {
  (void)s;
  static const struct {
    const char *scheme;
    reply reply;
    int error;
    const char *phase;
  } cases[] = {
      {"http",
       {"SSH-2.0-hello\r\n", 0, CLOSE, false},
       GS_ERR_PROTOCOL,
       "first byte"},
      {"http",
       {"HTTP/7.3 200 OK\r\n\r\n", 0, CLOSE, false},
       GS_ERR_PROTOCOL,
       "first byte"},
      {"http",
       {"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", 0, CLOSE, false},
       GS_ERR_PROTOCOL,
       "body"},
      {"http",
       {"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
        "Content-Length: 20\r\n\r\nthis is not gzipped.",
        0, KEEP, false},
       GS_ERR_PROTOCOL,
       "body"},
      {"http",
       {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", 0, CLOSE, false},
       GS_ERR_NETWORK,
       "body"},
      {"http", {NULL, 0, CLOSE, false}, GS_ERR_NETWORK, "first byte"},
      {"http", {NULL, 0, RESET, false}, GS_ERR_NETWORK, "first byte"},
      {"https",
       {"HTTP/1.1 400 Plain\r\n\r\n", 0, CLOSE, true},
       GS_ERR_TLS,
       "tls"},
      {"https", {NULL, 0, CLOSE, true}, GS_ERR_TLS, "tls"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    begin(&cases[i].reply, 1);
    set_peer_url(cases[i].scheme, "/?hush");
    const answer *a = client_get(&c);
    if (strcmp(get_text(a, "phase"), cases[i].phase) != 0) {
      print_error("case %zu: %s\n", i, get_text(a, "message"));
    }
    assert_failed(a, cases[i].error, cases[i].phase);
    assert_null(strstr(get_text(a, "message"), "hush"));
    end();
  }
}

static void a_failure_tells_what_had_come(void **s) {
  (void)s;
  static const reply script[] = {
      {"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 9\r\n\r\nhalf",
       0, CLOSE, false}};
  begin(SCRIPT(script));
  const answer *a = get("/");
  assert_failed(a, GS_ERR_NETWORK, "body");
  assert_int_equal(get_number(a, "status"), 503);
  assert_non_null(strstr(get_text(a, "headers"), "Retry-After: 7\r\n"));
  end();
}

static void what_is_too_big_is_refused_with_its_limit(void **s) {
  (void)s;
  static char many[400000];
  static const reply small[] = {{ANSWER(5, "12345"), 0, KEEP, false}};
  static const reply large[] = {{many, 0, KEEP, false}};
  begin(SCRIPT(small));
  set_number(&c, "max_body", 4);
  const answer *a = get("/");
  assert_failed(a, GS_ERR_TOO_BIG, "body");
  assert_string_equal(get_text(a, "message"),
                      "the body of the answer is larger than 4 bytes");
  set_number(&c, "max_body", 5);
  assert_ok(get("/"), 200, "12345");
  end();
  size_t len = (size_t)snprintf(many, sizeof many, "HTTP/1.1 200 OK\r\n");
  for (int i = 0; i < 3000; i++) {
    len += (size_t)snprintf(many + len, sizeof many - len, "X-%d: %0100d\r\n",
                            i, i);
  }
  snprintf(many + len, sizeof many - len, "Content-Length: 0\r\n\r\n");
  begin(SCRIPT(large));
  a = get("/");
  assert_failed(a, GS_ERR_TOO_BIG, "body");
  assert_non_null(strstr(get_text(a, "message"), "262144 bytes"));
  end();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_answer_has_status_headers_body_version_and_address),
      cmocka_unit_test(the_request_is_sent_as_told),
      cmocka_unit_test(the_method_decides_whether_there_is_a_body),
      cmocka_unit_test(only_the_final_responses_headers_are_kept),
      cmocka_unit_test(a_redirect_is_an_answer_like_any_other),
      cmocka_unit_test(a_connection_is_used_again),
      cmocka_unit_test(requests_run_beside_each_other),
      cmocka_unit_test(gzip_is_undone_and_counts_with_its_content),
      cmocka_unit_test(a_name_is_looked_up_by_us_and_for_each_request),
      cmocka_unit_test(a_new_address_replaces_the_old_one),
      cmocka_unit_test(the_next_address_is_tried_when_one_refuses),
      cmocka_unit_test(a_pooled_connection_that_died_is_replaced),
      cmocka_unit_test(a_local_address_is_dialled_from),
      cmocka_unit_test(a_proxy_is_used_when_told_and_only_then),
      cmocka_unit_test(an_unusable_request_is_answered_too),
      cmocka_unit_test(a_name_that_nobody_knows_is_a_dns_failure),
      cmocka_unit_test(a_refused_connection_says_where_and_why),
      cmocka_unit_test(a_proxy_that_refuses_is_quoted_with_its_status),
      cmocka_unit_test(broken_answers_name_the_fault_and_the_phase),
      cmocka_unit_test(a_failure_tells_what_had_come),
      cmocka_unit_test(what_is_too_big_is_refused_with_its_limit),
  };
  signal(SIGPIPE, SIG_IGN); /* the engine blocks it: http.h */
  return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
