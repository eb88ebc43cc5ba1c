/* csrc/proxy.c: a proxy's URL. Links: proxy.c url.c fields.c buf.c errors.c */
#include "check.h"
#include "errors.h"
#include "proxy.h"

static gs_proxy proxy;
static char text[256];

static void check_located(const char *url, const char *located) {
  char out[400];
  assert_int_equal(gs_proxy_read(&proxy, url, "h.test", text, sizeof text), 0);
  gs_proxy_locate(&proxy, proxy.host, out, sizeof out);
  assert_string_equal(out, located);
}

static void check_refused(const char *url, const char *target,
                          const char *words) {
  int err = gs_proxy_read(&proxy, url, target, text, sizeof text);
  assert_int_equal(err, GS_ERR_OPTION);
  assert_non_null(strstr(text, words));
}

static void reads_host_port_user_and_password(void **state) {
  (void)state;
  check_located("http://p.test:3128", "http://p.test:3128");
  check_located("http://p.test", "http://p.test:1080");
  check_located("http://[::1]:3128", "http://[::1]:3128");
  check_located("http://me:pw@p.test:1", "http://me:pw@p.test:1");
  check_located("http://me@p.test:1", "http://me:@p.test:1");
}

static void decodes_user_and_password(void **state) {
  (void)state;
  check_located("http://us%20er:p%40s%3as%2F@p.test:1",
                "http://us er:p@s:s/@p.test:1");
  check_located("http://a+b:100%@p.test:1", "http://a+b:100%@p.test:1");
}

static void brackets_an_ipv6_server_for_connect(void **state) {
  (void)state;
  assert_int_equal(
      gs_proxy_read(&proxy, "http://p:1", "fe80::1", text, sizeof text), 0);
  assert_string_equal(proxy.target, "[fe80::1]");
  assert_int_equal(
      gs_proxy_read(&proxy, "http://p:1", "h.test", text, sizeof text), 0);
  assert_string_equal(proxy.target, "h.test");
}

/* |url| with a password of |len| bytes. */
static const char *with_password(size_t len) {
  static char url[512];
  char password[256];
  assert_true(len < sizeof password);
  memset(password, 'x', len);
  password[len] = '\0';
  snprintf(url, sizeof url, "http://me:%s@p.test:1", password);
  return url;
}

static void refuses_what_libwebsockets_would_cut(void **state) {
  (void)state;
  char host[102];
  assert_int_equal(
      gs_proxy_read(&proxy, with_password(90), "h", text, sizeof text), 0);
  check_refused(with_password(91), "h", "longer than 92 bytes");
  memset(host, 'h', sizeof host);
  host[99] = '\0';
  assert_int_equal(gs_proxy_read(&proxy, "http://p:1", host, text, sizeof text),
                   0);
  host[99] = 'h', host[100] = '\0';
  check_refused("http://p:1", host, "longer than 99 bytes");
}

static void names_no_part_of_a_url_that_it_refuses(void **state) {
  (void)state;
  check_refused("nonsense", "h", "cannot be understood");
  check_refused("http://me:s3cr%00t@p.test", "h", "NUL");
  assert_null(strstr(text, "s3cr"));
  check_refused("http://me:s3cret@p q", "h", "cannot be understood");
  assert_null(strstr(text, "s3cr"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_host_port_user_and_password),
      cmocka_unit_test(decodes_user_and_password),
      cmocka_unit_test(brackets_an_ipv6_server_for_connect),
      cmocka_unit_test(refuses_what_libwebsockets_would_cut),
      cmocka_unit_test(names_no_part_of_a_url_that_it_refuses),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
