#include "proxy.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "errors.h"
#include "fields.h"
#include "url.h"

/* proxy_copy fails where |text| is longer than |size| takes. */
static int proxy_copy(char *out, size_t size, const char *text) {
  int len = snprintf(out, size, "%s", text);
  return len >= 0 && (size_t)len < size ? 0 : GS_ERR_TOO_BIG;
}

/* proxy_read_auth decodes user and password, which a URL has encoded and the
 * Basic scheme (RFC 7617) has not. */
static int proxy_read_auth(gs_proxy *proxy, const gs_buf *url) {
  const char *user = gs_fields_get_text(url->data, url->len, "user", NULL);
  const char *password =
      gs_fields_get_text(url->data, url->len, "password", "");
  gs_buf auth;
  if (!user) return 0;
  gs_buf_init(&auth, GS_PROXY_AUTH_MAX);
  int err = gs_url_unescape(user, strlen(user), &auth);
  if (!err) err = gs_buf_append(&auth, ":", 1);
  if (!err) err = gs_url_unescape(password, strlen(password), &auth);
  if (!err && memchr(auth.data, '\0', auth.len)) err = GS_ERR_OPTION;
  if (!err) memcpy(proxy->auth, auth.data, auth.len);
  if (auth.data) explicit_bzero(auth.data, auth.len);
  gs_buf_free(&auth);
  return err;
}

/* proxy_read_target puts an IPv6 address into the brackets of a CONNECT. */
static int proxy_read_target(gs_proxy *proxy, const char *target) {
  bool is_ipv6 = strchr(target, ':') != NULL;
  int len = snprintf(proxy->target, sizeof proxy->target, "%s%s%s",
                     is_ipv6 ? "[" : "", target, is_ipv6 ? "]" : "");
  return len <= GS_PROXY_TARGET_MAX ? 0 : GS_ERR_TOO_BIG;
}

static int proxy_say(int err, char *text, size_t text_size, const char *why) {
  snprintf(text, text_size, "%s",
           err == GS_ERR_NOMEM ? gs_error_text(err) : why);
  return err == GS_ERR_NOMEM ? err : GS_ERR_OPTION;
}

int gs_proxy_read(gs_proxy *proxy, const char *url, const char *target,
                  char *text, size_t text_size) {
  gs_buf parts;
  gs_buf_init(&parts, GS_MAX_CONTROL);
  *proxy = (gs_proxy){.port = GS_PROXY_PORT};
  const char *why = "the proxy's URL cannot be understood";
  int err = gs_url_parse(url, &parts);
  if (!err) {
    why = "the host name of the proxy is too long";
    proxy->port =
        (int)gs_fields_get_number(parts.data, parts.len, "port", GS_PROXY_PORT);
    err = proxy_copy(proxy->host, sizeof proxy->host,
                     gs_fields_get_text(parts.data, parts.len, "host", ""));
  }
  if (!err) {
    err = proxy_read_auth(proxy, &parts);
    why = err == GS_ERR_OPTION
              ? "the proxy's user name or password has a NUL byte"
              : "the proxy's user name and password are together longer than "
                "92 bytes, more than libwebsockets can send";
  }
  if (!err) {
    err = proxy_read_target(proxy, target);
    why =
        "the server's host name is longer than 99 bytes, more than "
        "libwebsockets can ask a proxy for";
  }
  if (parts.data) explicit_bzero(parts.data, parts.len);
  gs_buf_free(&parts);
  return err ? proxy_say(err, text, text_size, why) : 0;
}

void gs_proxy_locate(const gs_proxy *proxy, const char *address, char *text,
                     size_t text_size) {
  bool is_ipv6 = strchr(address, ':') != NULL;
  snprintf(text, text_size, "http://%s%s%s%s%s:%d", proxy->auth,
           *proxy->auth ? "@" : "", is_ipv6 ? "[" : "", address,
           is_ipv6 ? "]" : "", proxy->port);
}
