/* Fuzz target of csrc/url.c. Build and run:
 *   clang -g -O1 -fsanitize=fuzzer,address,undefined -Icsrc \
 *     spec/fuzz/fuzz_url.c csrc/url.c csrc/fields.c csrc/buf.c -lcurl
 *   ./a.out spec/fuzz/corpus/url
 *
 * The input is a URL, a newline, and a reference. Asserted: documented errors
 * only; parts are within their bounds, and the query is a piece of the input;
 * the URL put together from its parts has the same parts; what a reference
 * resolves to is a URL; what is escaped has unreserved characters only. */
#include "url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "errors.h"
#include "fields.h"
#include "require.h"

static const char *part(const gs_buf *fields, const char *key) {
  return gs_fields_get_text(fields->data, fields->len, key, NULL);
}

static void add(gs_buf *out, const char *before, const char *text) {
  if (!text) return;
  REQUIRE(gs_buf_append(out, before, strlen(before)) == 0);
  REQUIRE(gs_buf_append(out, text, strlen(text)) == 0);
}

static void check_parts(const char *url, const gs_buf *fields) {
  double port = gs_fields_get_number(fields->data, fields->len, "port", 1);
  const char *host = part(fields, "host");
  const char *query = part(fields, "query");
  const char *mark = strpbrk(url, "?#");
  REQUIRE(host && *host && strlen(host) <= 253);
  if (!strchr(host, ':')) REQUIRE(!strpbrk(host, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"));
  REQUIRE(port >= 1 && port <= 65535);
  REQUIRE(part(fields, "scheme") && part(fields, "path")[0] == '/');
  REQUIRE((mark && *mark == '?') == (query != NULL));
  if (query) REQUIRE(strncmp(mark + 1, query, strlen(query)) == 0);
}

/* assemble writes the URL that |fields| are the parts of. */
static void assemble(const gs_buf *fields, gs_buf *out) {
  double port = gs_fields_get_number(fields->data, fields->len, "port", 0);
  const char *host = part(fields, "host");
  char text[16];
  snprintf(text, sizeof text, "%.0f", port);
  add(out, "", part(fields, "scheme"));
  add(out, "://", "");
  add(out, "", part(fields, "user"));
  add(out, ":", part(fields, "password"));
  if (part(fields, "user") || part(fields, "password")) add(out, "@", "");
  add(out, strchr(host, ':') ? "[" : "", host);
  if (strchr(host, ':')) add(out, "]", "");
  if (port > 0) add(out, ":", text);
  add(out, "", part(fields, "path"));
  add(out, "?", part(fields, "query"));
  add(out, "#", part(fields, "fragment"));
  REQUIRE(gs_buf_append(out, "", 1) == 0);
}

static void check_url(const char *url) {
  size_t room = 4 * strlen(url) + 4096;
  gs_buf fields, again, text;
  gs_buf_init(&fields, room);
  gs_buf_init(&again, room);
  gs_buf_init(&text, room);
  int err = gs_url_parse(url, &fields);
  REQUIRE(err == 0 || err == GS_ERR_URL);
  if (err) {
    REQUIRE(part(&fields, "message") && *part(&fields, "message"));
  } else {
    check_parts(url, &fields);
    assemble(&fields, &text);
    REQUIRE(gs_url_parse((const char *)text.data, &again) == 0);
    REQUIRE(fields.len == again.len);
    REQUIRE(memcmp(fields.data, again.data, fields.len) == 0);
  }
  gs_buf_free(&fields);
  gs_buf_free(&again);
  gs_buf_free(&text);
}

static void check_reference(const char *base, const char *reference) {
  size_t room = 4 * (strlen(base) + strlen(reference)) + 4096;
  gs_buf fields, text;
  gs_buf_init(&fields, room);
  gs_buf_init(&text, room);
  int err = gs_url_resolve(base, reference, &text);
  REQUIRE(err == 0 || err == GS_ERR_URL);
  REQUIRE(!err || text.len == 0);
  if (!err) {
    REQUIRE(gs_buf_append(&text, "", 1) == 0);
    err = gs_url_parse((const char *)text.data, &fields);
    /* Resolving is libcurl's; hosts and ports that only we refuse remain. */
    REQUIRE(err == 0 || err == GS_ERR_URL);
  }
  gs_buf_free(&fields);
  gs_buf_free(&text);
}

static void check_escape(const char *data, size_t len) {
  gs_buf out;
  gs_buf_init(&out, 3 * len + 1);
  REQUIRE(gs_url_escape(data, len, &out) == 0);
  REQUIRE(out.len >= len && out.len <= 3 * len);
  for (size_t i = 0; i < out.len; i++) {
    REQUIRE(out.data[i] > ' ' && out.data[i] < 0x7f);
    REQUIRE(!strchr("/?#[]@!$&'()*+,;=:\"<>\\^`{|}", out.data[i]));
  }
  gs_buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  char *url = malloc(len + 1);
  if (!url) abort();
  if (len) memcpy(url, data, len);
  url[len] = 0;
  char *newline = strchr(url, '\n');
  if (newline) *newline = 0;
  check_url(url);
  if (newline) check_reference(url, newline + 1);
  check_escape((const char *)data, len);
  free(url);
  return 0;
}
