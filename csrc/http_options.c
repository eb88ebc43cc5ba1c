/* From options to an easy handle. Everything that could let the environment, a
 * redirect or another protocol in is shut here, and only here. */
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "errors.h"
#include "fields.h"
#include "http_request.h"
#include "url.h"

/* For how long libcurl may keep addresses, in seconds: longer than any request
 * that has to dial a second time. They are not the older for it: each request
 * looks its name up anew and replaces them. */
#define DNS_CACHE_SECONDS 3600L

/* Addresses of one name that are tried. */
enum { ADDRESSES_MAX = 16 };

/* Keeps the first error in |rc|, so that a run of options needs one check. */
#define SET(option, value)                                          \
  do {                                                              \
    if (rc == CURLE_OK) rc = curl_easy_setopt(easy, option, value); \
  } while (0)

struct options {
  const void *fields;
  size_t len;
};

/* options_text returns NULL for what is absent or empty. */
static const char *options_text(const struct options *options,
                                const char *name) {
  const char *text =
      gs_fields_get_text(options->fields, options->len, name, NULL);
  return text && *text ? text : NULL;
}

static bool options_flag(const struct options *options, const char *name) {
  return gs_fields_get_bool(options->fields, options->len, name, true);
}

static uint64_t options_ms(const struct options *options, const char *name) {
  double ms =
      gs_fields_get_number(options->fields, options->len, name, 0) * 1000;
  if (!(ms > 0) || ms > 1e12) return 0; /* 30 years and infinity are none */
  return ms < 1 ? 1 : (uint64_t)ms;
}

static void options_bounds(gs_http_request *request,
                           const struct options *options) {
  double max_body = gs_fields_get_number(options->fields, options->len,
                                         "max_body", GS_MAX_PAYLOAD);
  if (!(max_body >= 0)) max_body = GS_MAX_PAYLOAD;
  if (max_body > INT32_MAX) max_body = INT32_MAX; /* a field's length */
  gs_buf_init(&request->received, (size_t)max_body);
  request->timeout_ms = options_ms(options, "timeout");
  request->connect_timeout_ms = options_ms(options, "connect_timeout");
  request->tls_timeout_ms = options_ms(options, "tls_timeout");
  request->first_byte_timeout_ms = options_ms(options, "first_byte_timeout");
  request->idle_timeout_ms = options_ms(options, "idle_timeout");
}

/* options_set_dial says where to dial for |url|. Returns 0 or an error of
 * gs_url_parse. */
static int options_set_dial(gs_http_request *request, const char *url,
                            int plain_port, bool *tls) {
  struct in_addr address;
  gs_buf parts;
  gs_buf_init(&parts, strlen(url) * 2 + 1024);
  int err = gs_url_parse(url, &parts);
  if (!err) {
    const char *scheme =
        gs_fields_get_text(parts.data, parts.len, "scheme", "");
    const char *host = gs_fields_get_text(parts.data, parts.len, "host", "");
    *tls = strcmp(scheme, "https") == 0;
    if (!*tls && strcmp(scheme, "http") != 0) err = GS_ERR_URL;
    request->dial_port = (int)gs_fields_get_number(
        parts.data, parts.len, "port", *tls ? 443 : plain_port);
    snprintf(request->dial_host, sizeof request->dial_host, "%s", host);
    request->dial_name =
        !strchr(host, ':') && uv_inet_pton(AF_INET, host, &address) != 0;
  }
  gs_buf_free(&parts);
  return err;
}

static int options_target(gs_http_request *request,
                          const struct options *options) {
  const char *url = options_text(options, "url");
  const char *proxy = options_text(options, "proxy");
  bool tls;
  int err = options_set_dial(request, url ? url : "", 80, &tls);
  if (err) {
    return gs_http_request_fail(request, err, "%s",
                                err == GS_ERR_URL
                                    ? "the URL is not an http or https URL"
                                    : gs_error_text(err));
  }
  memcpy(request->server, request->dial_host, sizeof request->server);
  if (!proxy) return 0;
  request->proxy = true;
  /* 1080 is what libcurl takes where a proxy URL names no port. */
  err = options_set_dial(request, proxy, 1080, &request->proxy_tls);
  if (err == GS_ERR_URL) {
    return gs_http_request_fail(request, GS_ERR_OPTION,
                                "the proxy is not an http or https URL");
  }
  if (err) gs_http_request_fail(request, err, "%s", gs_error_text(err));
  return err;
}

/* ---- Headers and body ---- */

/* RFC 9110, section 5.6.2. */
static bool options_is_token(const char *text, size_t len) {
  static const char token[] =
      "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
      "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  return len > 0 && strspn(text, token) >= len;
}

static int options_append_header(gs_http_request *request, const char *line) {
  struct curl_slist *list = curl_slist_append(request->headers, line);
  if (!list) return GS_ERR_NOMEM;
  request->headers = list;
  return 0;
}

/* options_header takes one line. A header without a value is "Name;" to
 * libcurl, for which "Name:" means to leave one of its own out. */
static int options_header(gs_http_request *request, char *line) {
  char *colon = strchr(line, ':');
  if (!colon || !options_is_token(line, (size_t)(colon - line))) {
    return GS_ERR_OPTION;
  }
  for (const char *at = colon; *at; at++) {
    unsigned char byte = (unsigned char)*at;
    if ((byte < ' ' && byte != '\t') || byte == 0x7f) return GS_ERR_OPTION;
  }
  if (colon[1 + strspn(colon + 1, " \t")] == 0) {
    colon[0] = ';';
    colon[1] = 0;
  }
  return options_append_header(request, line);
}

/* options_header_lines cuts |text| where its lines end. */
static int options_header_lines(gs_http_request *request, char *text) {
  int err = 0;
  while (!err && *text) {
    char *end = strstr(text, "\r\n");
    char *next = end ? end + 2 : text + strlen(text);
    if (end) *end = 0;
    err = options_header(request, text);
    text = next;
  }
  return err;
}

static int options_headers(gs_http_request *request,
                           const struct options *options) {
  gs_field field;
  int err = 0;
  if (gs_fields_find(options->fields, options->len, "headers", &field) &&
      field.string) {
    char *copy = malloc(field.len + 1);
    if (!copy) return GS_ERR_NOMEM;
    memcpy(copy, field.string, field.len + 1);
    err = strlen(copy) == field.len ? options_header_lines(request, copy)
                                    : GS_ERR_OPTION;
    explicit_bzero(copy, field.len);
    free(copy);
  }
  /* Large bodies would else wait a second for a "100 Continue". */
  return err ? err : options_append_header(request, "Expect:");
}

static int options_body(gs_http_request *request,
                        const struct options *options) {
  gs_field field;
  if (!gs_fields_find(options->fields, options->len, "body", &field) ||
      !field.string) {
    return 0;
  }
  gs_buf_init(&request->sent, field.len);
  return gs_buf_append(&request->sent, field.string, field.len);
}

static int options_content(gs_http_request *request,
                           const struct options *options) {
  struct in6_addr address;
  const char *method = options_text(options, "method");
  const char *local = options_text(options, "local_address");
  if (method && !options_is_token(method, strlen(method))) {
    return gs_http_request_fail(request, GS_ERR_OPTION,
                                "the method is not an HTTP method");
  }
  if (local && uv_inet_pton(AF_INET, local, &address) != 0 &&
      uv_inet_pton(AF_INET6, local, &address) != 0) {
    return gs_http_request_fail(request, GS_ERR_OPTION,
                                "local_address is not an IP address");
  }
  int err = options_headers(request, options);
  if (err == GS_ERR_OPTION) {
    return gs_http_request_fail(
        request, err, "a header is not of the form \"Name: value\", on a line");
  }
  if (!err) err = options_body(request, options);
  if (err) gs_http_request_fail(request, err, "%s", gs_error_text(err));
  return err;
}

/* ---- The easy handle ---- */

/* Called when libcurl is about to look up a name, in a thread that it would
 * join at close. Our addresses should have been found. */
static int options_on_lookup(void *resolver, void *reserved, void *user) {
  gs_http_request *request = user;
  (void)resolver;
  (void)reserved;
  request->name_missed = true;
  return 1;
}

static CURLcode options_set_connection(gs_http_request *request,
                                       const struct options *options) {
  CURL *easy = request->easy;
  CURLcode rc = CURLE_OK;
  const char *local = options_text(options, "local_address");
  const char *proxy = options_text(options, "proxy");
  char interface[sizeof "host!" + INET6_ADDRSTRLEN];
  SET(CURLOPT_PRIVATE, request);
  SET(CURLOPT_ERRORBUFFER, request->curl_text);
  SET(CURLOPT_URL, options_text(options, "url"));
  SET(CURLOPT_PATH_AS_IS, 1L);
#if LIBCURL_VERSION_NUM >= 0x075500
  SET(CURLOPT_PROTOCOLS_STR, "http,https");
#else
  SET(CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
  SET(CURLOPT_FOLLOWLOCATION, 0L);
  SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
  SET(CURLOPT_NOSIGNAL, 1L);
  SET(CURLOPT_TCP_KEEPALIVE, 1L);
  /* What is not set here, libcurl takes from the environment. */
  SET(CURLOPT_PROXY, proxy ? proxy : "");
  SET(CURLOPT_NOPROXY, "");
  SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  SET(CURLOPT_DNS_CACHE_TIMEOUT, DNS_CACHE_SECONDS);
  if (local) {
    snprintf(interface, sizeof interface, "host!%s", local);
    SET(CURLOPT_INTERFACE, interface);
  } else if (request->dial_name) {
    /* Not beside a local address: libcurl "looks up" that one, too. */
    SET(CURLOPT_RESOLVER_START_FUNCTION, options_on_lookup);
    SET(CURLOPT_RESOLVER_START_DATA, request);
  }
  return rc;
}

/* options_set_authorities says whom to trust; a proxy is judged alike. Asking
 * for the system's bundle without its folder, which on Debian holds the same,
 * lets libcurl (7.87) keep the bundle parsed. Parsing takes 17 ms for each
 * connection (2 cores, November 2025), and no socket is served meanwhile. */
static CURLcode options_set_authorities(gs_http_request *request,
                                        const struct options *options) {
  CURL *easy = request->easy;
  CURLcode rc = CURLE_OK;
  const char *file = options_text(options, "ca_file");
  const char *path = options_text(options, "ca_path");
  bool own = file || path;
#if LIBCURL_VERSION_NUM >= 0x075700
  char *bundle = NULL;
  if (!own) curl_easy_getinfo(easy, CURLINFO_CAINFO, &bundle);
  if (bundle) file = bundle;
#endif
  if (own || file) {
    SET(CURLOPT_CAINFO, file);
    SET(CURLOPT_CAPATH, path);
    SET(CURLOPT_PROXY_CAINFO, file);
    SET(CURLOPT_PROXY_CAPATH, path);
  }
  return rc;
}

static CURLcode options_set_tls(gs_http_request *request,
                                const struct options *options) {
  CURL *easy = request->easy;
  CURLcode rc = options_set_authorities(request, options);
  const char *crl = options_text(options, "crl_file");
  long peer = options_flag(options, "verify") ? 1 : 0;
  long name = peer ? 2 : 0;
  SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
  SET(CURLOPT_SSL_VERIFYPEER, peer);
  SET(CURLOPT_SSL_VERIFYHOST, name);
  SET(CURLOPT_PROXY_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
  SET(CURLOPT_PROXY_SSL_VERIFYPEER, peer);
  SET(CURLOPT_PROXY_SSL_VERIFYHOST, name);
  SET(CURLOPT_CRLFILE, crl);
  SET(CURLOPT_PROXY_CRLFILE, crl);
  SET(CURLOPT_SSLCERT, options_text(options, "cert"));
  SET(CURLOPT_SSLKEY, options_text(options, "key"));
  return rc;
}

static bool options_method_sends(const char *method) {
  return strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 ||
         strcmp(method, "PATCH") == 0;
}

static CURLcode options_set_content(gs_http_request *request,
                                    const struct options *options) {
  CURL *easy = request->easy;
  CURLcode rc = CURLE_OK;
  const gs_buf *body = &request->sent;
  const char *method = options_text(options, "method");
  if (!method) method = "GET";
  SET(CURLOPT_HTTP_VERSION, options_flag(options, "http2")
                                ? (long)CURL_HTTP_VERSION_2TLS
                                : (long)CURL_HTTP_VERSION_1_1);
  SET(CURLOPT_HTTPHEADER, request->headers);
  if (options_flag(options, "gzip")) SET(CURLOPT_ACCEPT_ENCODING, "gzip");
  if (strcmp(method, "HEAD") == 0) {
    SET(CURLOPT_NOBODY, 1L);
    return rc;
  }
  if (body->len || options_method_sends(method)) {
    SET(CURLOPT_POST, 1L);
    SET(CURLOPT_POSTFIELDS, body->len ? (const char *)body->data : "");
    SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->len);
  }
  SET(CURLOPT_CUSTOMREQUEST, method);
  return rc;
}

int gs_http_options_apply(gs_http_request *request, const void *fields,
                          size_t len) {
  struct options options = {fields, len};
  options_bounds(request, &options);
  int err = options_target(request, &options);
  if (!err) err = options_content(request, &options);
  if (err) return err;
  request->easy = curl_easy_init();
  CURLcode rc = request->easy ? CURLE_OK : CURLE_OUT_OF_MEMORY;
  if (!rc) rc = options_set_connection(request, &options);
  if (!rc) rc = options_set_tls(request, &options);
  if (!rc) rc = options_set_content(request, &options);
  if (!rc) rc = gs_http_request_watch(request);
  if (!rc) rc = gs_http_answer_collect(request);
  if (!rc) return 0;
  err = rc == CURLE_OUT_OF_MEMORY ? GS_ERR_NOMEM : GS_ERR_OPTION;
  return gs_http_request_fail(request, err, "%s: %s", gs_error_text(err),
                              curl_easy_strerror(rc));
}

/* ---- Addresses ---- */

/* options_format_addresses appends "+host:port:address,address" with its NUL.
 * "+" lets libcurl forget them in time; what it had of this name and port is
 * replaced. Returns GS_ERR_DNS if no address can be written so. */
static int options_format_addresses(const gs_http_request *request,
                                    const struct addrinfo *list, gs_buf *out) {
  char text[sizeof request->dial_host + NI_MAXHOST];
  int count = 0;
  snprintf(text, sizeof text, "+%s:%d:", request->dial_host,
           request->dial_port);
  int err = gs_buf_append(out, text, strlen(text));
  for (; list && !err && count < ADDRESSES_MAX; list = list->ai_next) {
    char ip[NI_MAXHOST];
    bool v6 = list->ai_family == AF_INET6;
    int status = getnameinfo(list->ai_addr, list->ai_addrlen, ip, sizeof ip,
                             NULL, 0, NI_NUMERICHOST);
    if (status || strchr(ip, '%')) continue; /* no zones in this syntax */
    snprintf(text, sizeof text, "%s%s%s%s", count ? "," : "", v6 ? "[" : "", ip,
             v6 ? "]" : "");
    err = gs_buf_append(out, text, strlen(text));
    count++;
  }
  if (!err && count == 0) err = GS_ERR_DNS;
  return err ? err : gs_buf_append(out, "", 1);
}

int gs_http_options_address(gs_http_request *request,
                            const struct addrinfo *list) {
  gs_buf text;
  gs_buf_init(&text, 4096);
  int err = options_format_addresses(request, list, &text);
  if (!err) {
    request->addresses = curl_slist_append(NULL, (const char *)text.data);
    CURLcode rc =
        curl_easy_setopt(request->easy, CURLOPT_RESOLVE, request->addresses);
    if (rc || !request->addresses) err = GS_ERR_NOMEM;
  }
  gs_buf_free(&text);
  if (!err) return 0;
  return gs_http_request_fail(request, err, "%s: %s", gs_error_text(err),
                              request->dial_host);
}
