/* libcurl parses, this file decides what is accepted: the same parser reads
 * the URL again when a request is made, so that a host that was checked here
 * is the host that is dialled there. It must never put a part of a URL into a
 * message: queries are passwords. */
#include "url.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "errors.h"
#include "fields.h"

/* Longest host name, in bytes (RFC 1035, section 2.3.4, as text). */
enum { HOST_MAX = 253 };

/* ws and wss are not schemes that libcurl knows in every version. */
enum { PARSE_FLAGS = CURLU_NON_SUPPORT_SCHEME };

/* url_code turns libcurl's verdict into ours and its words. */
static int url_code(CURLUcode rc, const char **why) {
  if (rc == CURLUE_OK) return 0;
  if (rc == CURLUE_OUT_OF_MEMORY) return GS_ERR_NOMEM;
  *why = curl_url_strerror(rc);
  return GS_ERR_URL;
}

/* url_check_text refuses what libcurl would refuse, escape or cut off,
 * depending on its version, and what makes browsers see another host than
 * libcurl does: to them, "https://a\@b/" is at a. */
static int url_check_text(const char *text, const char **why) {
  if (text[strcspn(text, "\\?#")] == '\\') {
    *why = "a URL has no backslash before its query";
    return GS_ERR_URL;
  }
  for (const char *at = text; *at; at++) {
    unsigned char byte = (unsigned char)*at;
    if (byte <= ' ' || byte == 0x7f) {
      *why = "a URL has no spaces or control characters";
      return GS_ERR_URL;
    }
  }
  return 0;
}

static int url_check_scheme(CURLU *url, const char **why) {
  static const char *const schemes[] = {"https", "wss", "http", "ws"};
  char *scheme = NULL;
  int err = url_code(curl_url_get(url, CURLUPART_SCHEME, &scheme, 0), why);
  if (err) return err;
  err = GS_ERR_URL;
  for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
    if (strcmp(scheme, schemes[i]) == 0) err = 0;
  }
  curl_free(scheme);
  if (err) *why = "the scheme must be https, wss, http or ws";
  return err;
}

/* url_read parses |text| as an absolute URL of a scheme that we speak. */
static int url_read(CURLU *url, const char *text, unsigned flags,
                    const char **why) {
  int err = url_check_text(text, why);
  if (err) return err;
  err = url_code(curl_url_set(url, CURLUPART_URL, text, PARSE_FLAGS | flags),
                 why);
  return err ? err : url_check_scheme(url, why);
}

/* url_put_part appends a part as it was written, and nothing if it is not
 * there. */
static int url_put_part(CURLU *url, CURLUPart part, const char *key,
                        gs_buf *fields) {
  char *value = NULL;
  CURLUcode rc = curl_url_get(url, part, &value, 0);
  if (rc == CURLUE_OUT_OF_MEMORY) return GS_ERR_NOMEM;
  if (rc != CURLUE_OK) return 0;
  int err = gs_fields_put_text(fields, key, value);
  curl_free(value);
  return err;
}

/* url_ends_in_number tells whether a resolver may take |host| for an address
 * (the URL standard's "ends in a number checker"). */
static bool url_ends_in_number(const char *host, size_t len) {
  if (len && host[len - 1] == '.') len--;
  size_t label = len;
  while (label && host[label - 1] != '.') label--;
  const char *at = host + label;
  if (at[0] == '0' && at[1] == 'x') {
    return label + 2 + strspn(at + 2, "0123456789abcdef") >= len;
  }
  return label < len && label + strspn(at, "0123456789") >= len;
}

/* url_check_name makes |host| lower case and allows what a resolver can be
 * asked for. libcurl decodes percent-encoded host names, after it has brought
 * addresses into their usual form, and converts others by the locale's
 * character set, which in a script is usually "C". */
static int url_check_name(char *host, const char **why) {
  struct in_addr address;
  size_t len = strlen(host);
  for (char *at = host; *at; at++) {
    if (*at >= 'A' && *at <= 'Z') *at = (char)(*at - 'A' + 'a');
    if ((*at >= 'a' && *at <= 'z') || (*at >= '0' && *at <= '9')) continue;
    if (strchr("-._", *at)) continue;
    *why =
        "the host name has a character that is not ASCII letter, digit, "
        "\"-\", \".\" or \"_\" (write other names in their xn-- form)";
    return GS_ERR_URL;
  }
  if (len > HOST_MAX) {
    *why = "the host name is longer than 253 characters";
    return GS_ERR_URL;
  }
  if (url_ends_in_number(host, len) &&
      inet_pton(AF_INET, host, &address) != 1) {
    *why = "the host is neither a name nor an IPv4 address";
    return GS_ERR_URL;
  }
  return 0;
}

/* url_put_literal takes an IPv6 address in its brackets. */
static int url_put_literal(CURLU *url, char *host, gs_buf *fields) {
  char text[64 + 1 + 64]; /* libcurl cuts a zone at 15 bytes */
  char *zone = NULL;
  CURLUcode rc = curl_url_get(url, CURLUPART_ZONEID, &zone, 0);
  if (rc == CURLUE_OUT_OF_MEMORY) return GS_ERR_NOMEM;
  host[strlen(host) - 1] = 0;
  snprintf(text, sizeof text, "%s%s%s", host + 1, zone ? "%" : "",
           zone ? zone : "");
  curl_free(zone);
  return gs_fields_put_text(fields, "host", text);
}

static int url_put_host(CURLU *url, gs_buf *fields, const char **why) {
  char *host = NULL;
  int err = url_code(curl_url_get(url, CURLUPART_HOST, &host, 0), why);
  if (err) return err;
  if (host[0] == '[') {
    err = url_put_literal(url, host, fields);
  } else {
    err = url_check_name(host, why);
    if (!err) err = gs_fields_put_text(fields, "host", host);
  }
  curl_free(host);
  return err;
}

static int url_put_port(CURLU *url, gs_buf *fields, const char **why) {
  char *text = NULL;
  CURLUcode rc = curl_url_get(url, CURLUPART_PORT, &text, 0);
  if (rc == CURLUE_OUT_OF_MEMORY) return GS_ERR_NOMEM;
  if (rc != CURLUE_OK) return 0;
  long port = strtol(text, NULL, 10);
  curl_free(text);
  if (port < 1 || port > 65535) {
    *why = "the port must be between 1 and 65535";
    return GS_ERR_URL;
  }
  return gs_fields_put_number(fields, "port", (double)port);
}

/* url_put_query takes the query out of |text| itself: libcurl hides an empty
 * one in some versions and changes the case of percent-encodings in others. A
 * "?" before it cannot be: it would have ended the host or the path. */
static int url_put_query(const char *text, gs_buf *fields) {
  size_t end = strcspn(text, "#");
  const char *mark = memchr(text, '?', end);
  if (!mark) return 0;
  size_t len = end - (size_t)(mark + 1 - text);
  return gs_fields_put_string(fields, "query", mark + 1, len);
}

static int url_put_all(CURLU *url, const char *text, gs_buf *fields,
                       const char **why) {
  static const struct {
    CURLUPart part;
    const char *key;
  } parts[] = {
      {CURLUPART_SCHEME, "scheme"},     {CURLUPART_PATH, "path"},
      {CURLUPART_FRAGMENT, "fragment"}, {CURLUPART_USER, "user"},
      {CURLUPART_PASSWORD, "password"},
  };
  int err = url_read(url, text, CURLU_PATH_AS_IS, why);
  if (!err) err = url_put_host(url, fields, why);
  if (!err) err = url_put_port(url, fields, why);
  if (!err) err = url_put_query(text, fields);
  for (size_t i = 0; !err && i < sizeof parts / sizeof *parts; i++) {
    err = url_put_part(url, parts[i].part, parts[i].key, fields);
  }
  return err;
}

int gs_url_parse(const char *text, gs_buf *fields) {
  size_t before = fields->len;
  const char *why = "";
  CURLU *url = curl_url();
  if (!url) return GS_ERR_NOMEM;
  int err = url_put_all(url, text, fields, &why);
  curl_url_cleanup(url);
  if (err) fields->len = before;
  if (err != GS_ERR_URL) return err;
  err = gs_fields_put_text(fields, "message", why);
  return err ? err : GS_ERR_URL;
}

/* url_move makes |url| the absolute form of |reference|. */
static int url_move(CURLU *url, const char *reference, const char **why) {
  /* libcurl 7.88 looks for the last "/" in the fragment, too. */
  int err =
      url_code(curl_url_set(url, CURLUPART_FRAGMENT, NULL, PARSE_FLAGS), why);
  /* Not libcurl's work: up to 8.6 it takes these two forms for a path. */
  if (err || reference[0] == 0 || reference[0] == '#') return err;
  return url_read(url, reference, 0, why);
}

int gs_url_resolve(const char *base, const char *reference, gs_buf *out) {
  const char *why = "";
  char *text = NULL;
  size_t before = out->len;
  CURLU *url = curl_url();
  if (!url) return GS_ERR_NOMEM;
  int err = url_check_text(reference, &why);
  if (!err) err = url_read(url, base, 0, &why);
  if (!err) err = url_move(url, reference, &why);
  if (!err) err = url_code(curl_url_get(url, CURLUPART_URL, &text, 0), &why);
  if (!err) err = gs_buf_append(out, text, strlen(text));
  if (!err && reference[0] == '#') {
    err = gs_buf_append(out, reference, strlen(reference));
  }
  if (err) out->len = before;
  curl_free(text);
  curl_url_cleanup(url);
  return err;
}

int gs_url_escape(const char *text, size_t len, gs_buf *out) {
  if (len == 0) return 0; /* libcurl would call strlen */
  if (len > INT_MAX) return GS_ERR_TOO_BIG;
  char *escaped = curl_easy_escape(NULL, text, (int)len);
  if (!escaped) return GS_ERR_NOMEM;
  int err = gs_buf_append(out, escaped, strlen(escaped));
  curl_free(escaped);
  return err;
}

int gs_url_unescape(const char *text, size_t len, gs_buf *out) {
  int unescaped_len;
  if (len == 0) return 0;
  if (len > INT_MAX) return GS_ERR_TOO_BIG;
  char *unescaped = curl_easy_unescape(NULL, text, (int)len, &unescaped_len);
  if (!unescaped) return GS_ERR_NOMEM;
  int err = gs_buf_append(out, unescaped, (size_t)unescaped_len);
  explicit_bzero(unescaped, (size_t)unescaped_len); /* a password, as a rule */
  curl_free(unescaped);
  return err;
}
