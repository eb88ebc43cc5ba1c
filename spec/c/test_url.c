/* Unit test of csrc/url.c. Links csrc/url.c csrc/fields.c csrc/buf.c (and see
 * check.h), and libcurl. */
#include "url.h"

#include "check.h"
#include "curl_memory.h"
#include "errors.h"
#include "fields.h"

#define LONG_NAME                                                          \
  "a23456789.b23456789.c23456789.d23456789.e23456789.f23456789."           \
  "g23456789.h23456789.i23456789.j23456789.k23456789.l23456789."           \
  "m23456789.n23456789.o23456789.p23456789.q23456789.r23456789."           \
  "s23456789.t23456789.u23456789.v23456789.w23456789.x23456789.y23456789." \
  "abc"

/* format writes fields as "key=value|key=value|", in their order. */
static void format(const gs_buf *fields, char *out, size_t size) {
  size_t len = 0;
  size_t offset = 0;
  gs_field field;
  out[0] = 0;
  while (gs_fields_next(fields->data, fields->len, &offset, &field)) {
    if (field.type == GS_FIELD_STRING) {
      assert_int_equal(strlen(field.string), field.len);
      len += (size_t)snprintf(out + len, size - len, "%s=%s|", field.key,
                              field.string);
    } else {
      len += (size_t)snprintf(out + len, size - len, "%s=%g|", field.key,
                              field.number);
    }
    assert_true(len < size);
  }
}

static void a_url_is_split_into_its_parts(void **state) {
  static const struct {
    const char *url, *parts;
  } cases[] = {
      {"https://graph.microsoft.com/v1.0/me",
       "host=graph.microsoft.com|scheme=https|path=/v1.0/me|"},
      {"HTTPS://Graph.Microsoft.COM",
       "host=graph.microsoft.com|scheme=https|"
       "path=/|"},
      {"wss://h:8443/n?a=b#c",
       "host=h|port=8443|query=a=b|scheme=wss|path=/n|fragment=c|"},
      {"ws://127.0.0.1:65535/", "host=127.0.0.1|port=65535|scheme=ws|path=/|"},
      {"http://h:80/", "host=h|port=80|scheme=http|path=/|"},
      {"http://h:/", "host=h|scheme=http|path=/|"},
      {"http://u:p%40w@h/", "host=h|scheme=http|path=/|user=u|password=p%40w|"},
      {"http://u@h/", "host=h|scheme=http|path=/|user=u|"},
      {"http://h?q", "host=h|query=q|scheme=http|path=/|"},
      {"http://h#f?no", "host=h|scheme=http|path=/|fragment=f?no|"},
      {"http://h/?", "host=h|query=|scheme=http|path=/|"},
      {"http://h/a/../b/./c;d", "host=h|scheme=http|path=/a/../b/./c;d|"},
      {"http://h/%2F%2f%zz", "host=h|scheme=http|path=/%2F%2f%zz|"},
      {"http://h/\xc3\xa4?\xc3\xb6",
       "host=h|query=\xc3\xb6|scheme=http|path=/\xc3\xa4|"},
      {"http://h/?a\\b", "host=h|query=a\\b|scheme=http|path=/|"},
      {"http://[::1]/", "host=::1|scheme=http|path=/|"},
      {"http://[2001:DB8:0:0:0:0:0:1]:8/",
       "host=2001:db8::1|port=8|scheme=http|path=/|"},
      {"http://[fe80::1%25Eth0]/", "host=fe80::1%Eth0|scheme=http|path=/|"},
      {"http://[fe80::1%eth0]/", "host=fe80::1%eth0|scheme=http|path=/|"},
      {"http://127.1/", "host=127.0.0.1|scheme=http|path=/|"},
      {"http://0x7f000001/", "host=127.0.0.1|scheme=http|path=/|"},
      {"http://1.2.3.4a/", "host=1.2.3.4a|scheme=http|path=/|"},
      {"http://%4D/", "host=m|scheme=http|path=/|"},
      {"http://h_1.x-y.test./", "host=h_1.x-y.test.|scheme=http|path=/|"},
      {"http://" LONG_NAME "/", "host=" LONG_NAME "|scheme=http|path=/|"},
  };
  char text[1024];
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    gs_buf fields;
    gs_buf_init(&fields, 4096);
    assert_int_equal(gs_url_parse(cases[i].url, &fields), 0);
    format(&fields, text, sizeof text);
    assert_string_equal(text, cases[i].parts);
    gs_buf_free(&fields);
  }
}

static void a_query_is_kept_byte_for_byte(void **state) {
  static const char *const queries[] = {
      "a=%2f&b=+%20c&token=A%2BB==",
      "%",
      "%zz%4",
      "?",
      "??a",
      "a=/../b/./c",
      "\xff\xfe",
      "{}|^`\"<>[]",
      "a&&=;",
  };
  char url[256];
  (void)state;
  for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
    gs_buf fields;
    gs_buf_init(&fields, 4096);
    snprintf(url, sizeof url, "wss://h/notifications?%s#f", queries[i]);
    assert_int_equal(gs_url_parse(url, &fields), 0);
    assert_string_equal(
        gs_fields_get_text(fields.data, fields.len, "query", NULL), queries[i]);
    gs_buf_free(&fields);
  }
}

static void a_long_url_is_fine(void **state) {
  enum { LEN = 8192 };
  char url[LEN + 1];
  gs_buf fields;
  (void)state;
  memset(url, 'x', LEN);
  url[LEN] = 0;
  memcpy(url, "https://h/?", 11);
  gs_buf_init(&fields, 2 * LEN);
  assert_int_equal(gs_url_parse(url, &fields), 0);
  assert_string_equal(
      gs_fields_get_text(fields.data, fields.len, "query", NULL), url + 11);
  gs_buf_free(&fields);
}

static void what_is_no_url_is_refused_in_words_that_do_not_quote_it(
    void **state) {
  static const char *const urls[] = {
      "",
      "hush",
      "hush.test/p",
      "/hush",
      "//hush/p",
      "https://",
      "https:///?hush",
      "https:hush",
      "https://?hush",
      "https://:80/hush",
      "https://hush@/",
      "https://hush:0/",
      "https://hush:65536/",
      "https://hush:4294967376/",
      "https://hush:-1/",
      "https://hush:8o/",
      "https://hush:80:80/",
      "https://[::1/hush",
      "https://[::1]hush/",
      "https://[hush]/",
      "https://[]/hush",
      "https://hu sh/",
      " https://hush/",
      "https://hush/ ",
      "https://hush/?a b",
      "https://hush/#a b",
      "https://hush/\n",
      "https://hush/?\x01",
      "https://hush/\x7f",
      "https://u\tu@hush/",
      "https://hush\\@good.test/",
      "https://good.test\\hush",
      "https://a@b@hush/",
      "https://hush%2ftest/",
      "https://hush%00test/",
      "https://hush%/",
      "https://hush\xc3\xbc.test/",
      "https://hush,test/",
      "https://hush*/",
      "https://x" LONG_NAME "/hush",
      "https://256.1.1.1/hush",
      "https://1.2.3.4.5/hush",
      "https://127.0.0.1./hush",
      "https://hush.1/",
      "https://hush.0x7f/",
      "https://%39/hush",
      "https://%30x7f.1/hush",
      "ftp://hush/",
      "file:///hush",
      "javascript:hush",
      "mailto:hush@test",
      "httpss://hush/",
      "unix://hush/",
  };
  char text[1024];
  (void)state;
  for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
    gs_buf fields;
    gs_buf_init(&fields, 4096);
    int err = gs_url_parse(urls[i], &fields);
    format(&fields, text, sizeof text);
    if (err != GS_ERR_URL) print_error("accepted: %s as %s\n", urls[i], text);
    assert_int_equal(err, GS_ERR_URL);
    assert_memory_equal(text, "message=", 8);
    assert_true(strlen(text) > 10);
    assert_null(strstr(text, "hush"));
    gs_buf_free(&fields);
  }
}

static void fields_that_were_there_stay_there(void **state) {
  char text[256];
  gs_buf fields;
  (void)state;
  gs_buf_init(&fields, 200);
  assert_int_equal(gs_fields_put_text(&fields, "mine", "1"), 0);
  assert_int_equal(gs_url_parse("https://h/", &fields), 0);
  format(&fields, text, sizeof text);
  assert_string_equal(text, "mine=1|host=h|scheme=https|path=/|");
  fields.len = 0;
  assert_int_equal(gs_fields_put_text(&fields, "mine", "1"), 0);
  size_t before = fields.len;
  fields.max_bytes = before + 20;
  assert_int_equal(gs_url_parse("https://h/", &fields), GS_ERR_TOO_BIG);
  assert_int_equal(fields.len, before);
  assert_int_equal(gs_url_parse("nothing", &fields), GS_ERR_TOO_BIG);
  assert_int_equal(fields.len, before);
  gs_buf_free(&fields);
}

/* resolve checks one reference; |expected| NULL: it must be refused. */
static void resolve(const char *base, const char *reference,
                    const char *expected) {
  gs_buf out;
  gs_buf_init(&out, 4096);
  assert_int_equal(gs_buf_append(&out, "> ", 2), 0);
  int err = gs_url_resolve(base, reference, &out);
  assert_int_equal(gs_buf_append(&out, "", 1), 0);
  if (err != (expected ? 0 : GS_ERR_URL)) {
    print_error("\"%s\" gave %d, \"%s\"\n", reference, err, (char *)out.data);
  }
  assert_int_equal(err, expected ? 0 : GS_ERR_URL);
  assert_string_equal((char *)out.data + 2, expected ? expected : "");
  gs_buf_free(&out);
}

static void references_are_resolved_as_the_rfc_says(void **state) {
  /* RFC 3986, sections 5.4.1 and 5.4.2; the empty path is written "/". */
  static const char *const cases[][2] = {
      {"g", "http://a/b/c/g"},
      {"./g", "http://a/b/c/g"},
      {"g/", "http://a/b/c/g/"},
      {"/g", "http://a/g"},
      {"//g", "http://g/"},
      {"?y", "http://a/b/c/d;p?y"},
      {"g?y", "http://a/b/c/g?y"},
      {"#s", "http://a/b/c/d;p?q#s"},
      {"g#s", "http://a/b/c/g#s"},
      {"g?y#s", "http://a/b/c/g?y#s"},
      {";x", "http://a/b/c/;x"},
      {"g;x", "http://a/b/c/g;x"},
      {"g;x?y#s", "http://a/b/c/g;x?y#s"},
      {"", "http://a/b/c/d;p?q"},
      {".", "http://a/b/c/"},
      {"./", "http://a/b/c/"},
      {"..", "http://a/b/"},
      {"../", "http://a/b/"},
      {"../g", "http://a/b/g"},
      {"../..", "http://a/"},
      {"../../", "http://a/"},
      {"../../g", "http://a/g"},
      {"../../../g", "http://a/g"},
      {"../../../../g", "http://a/g"},
      {"/./g", "http://a/g"},
      {"/../g", "http://a/g"},
      {"g.", "http://a/b/c/g."},
      {".g", "http://a/b/c/.g"},
      {"g..", "http://a/b/c/g.."},
      {"..g", "http://a/b/c/..g"},
      {"./../g", "http://a/b/g"},
      {"./g/.", "http://a/b/c/g/"},
      {"g/./h", "http://a/b/c/g/h"},
      {"g/../h", "http://a/b/c/h"},
      {"g;x=1/./y", "http://a/b/c/g;x=1/y"},
      {"g;x=1/../y", "http://a/b/c/y"},
      {"g?y/./x", "http://a/b/c/g?y/./x"},
      {"g?y/../x", "http://a/b/c/g?y/../x"},
      {"g#s/./x", "http://a/b/c/g#s/./x"},
      {"g#s/../x", "http://a/b/c/g#s/../x"},
      {"https://x:8/%2fA?%2f", "https://x:8/%2fA?%2f"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    resolve("http://a/b/c/d;p?q", cases[i][0], cases[i][1]);
  }
}

static void the_base_may_have_a_fragment_a_port_and_no_path(void **state) {
  (void)state;
  resolve("http://a/b/c?q#x/y", "g", "http://a/b/g");
  resolve("http://a/b/c?q#x/y", "", "http://a/b/c?q");
  resolve("http://a:81?q", "g", "http://a:81/g");
  resolve("https://[::1]:8/b", "/g", "https://[::1]:8/g");
}

static void a_reference_does_not_leave_our_schemes(void **state) {
  (void)state;
  resolve("http://a/", "ftp://b/", NULL);
  resolve("http://a/", "file:///etc/passwd", NULL);
  resolve("http://a/", "mailto:x@y", NULL);
  resolve("http://a/", "b c", NULL);
  resolve("http://a/", "#b c", NULL);
  resolve("http://a/", "\\\\b", NULL);
  resolve("a", "http://b/", NULL);
  resolve("ftp://a/", "b", NULL);
}

static void only_unreserved_characters_are_not_escaped(void **state) {
  char all[256], expected[1024];
  size_t len = 0;
  gs_buf out;
  (void)state;
  gs_buf_init(&out, 4096);
  for (int i = 0; i < 256; i++) {
    all[i] = (char)i;
    bool plain = (i >= '0' && i <= '9') || (i >= 'A' && i <= 'Z') ||
                 (i >= 'a' && i <= 'z') || (i && strchr("-._~", i));
    len += (size_t)snprintf(expected + len, sizeof expected - len,
                            plain ? "%c" : "%%%02X", i);
  }
  assert_int_equal(gs_url_escape(all, sizeof all, &out), 0);
  assert_int_equal(out.len, len);
  assert_memory_equal(out.data, expected, len);
  assert_int_equal(gs_url_escape("not read", 0, &out), 0);
  assert_int_equal(out.len, len);
  out.max_bytes = len + 2;
  assert_int_equal(gs_url_escape("/", 1, &out), GS_ERR_TOO_BIG);
  assert_int_equal(out.len, len);
  gs_buf_free(&out);
}

/* ---- Memory ---- */

static int use_all(void) {
  gs_buf out;
  gs_buf_init(&out, 4096);
  int err = gs_url_parse("https://u:p@[::1%25e]:8/p?q#f", &out);
  if (!err) err = gs_url_parse("https://host/", &out);
  if (!err) err = gs_url_resolve("http://a/b?c", "../d#e", &out);
  if (!err) err = gs_url_escape("a/b", 3, &out);
  gs_buf_free(&out);
  return err;
}

static bool without_memory(void) {
  int err = use_all();
  assert_true(err == 0 || err == GS_ERR_NOMEM);
  return !err;
}

static void running_out_of_memory_is_told(void **state) {
  (void)state;
  check_each_allocation(without_memory);
}

/* Where libcurl itself takes missing memory for a bad URL, so do we. */
static void libcurl_running_out_of_memory_is_an_error(void **state) {
  int failures = 0;
  (void)state;
  for (bool done = false; !done; failures++) {
    curl_fail_in = failures + 1;
    int err = use_all();
    done = curl_fail_in != 0;
    assert_true(done ? err == 0 : err == GS_ERR_NOMEM || err == GS_ERR_URL);
  }
  curl_fail_in = 0;
  assert_true(failures > 20);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_url_is_split_into_its_parts),
      cmocka_unit_test(a_query_is_kept_byte_for_byte),
      cmocka_unit_test(a_long_url_is_fine),
      cmocka_unit_test(what_is_no_url_is_refused_in_words_that_do_not_quote_it),
      cmocka_unit_test(fields_that_were_there_stay_there),
      cmocka_unit_test(references_are_resolved_as_the_rfc_says),
      cmocka_unit_test(the_base_may_have_a_fragment_a_port_and_no_path),
      cmocka_unit_test(a_reference_does_not_leave_our_schemes),
      cmocka_unit_test(only_unreserved_characters_are_not_escaped),
      cmocka_unit_test(running_out_of_memory_is_told),
      cmocka_unit_test(libcurl_running_out_of_memory_is_an_error),
  };
  return cmocka_run_group_tests_name("url", tests, curl_memory_begin, NULL);
}
