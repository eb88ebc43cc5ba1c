#define _GNU_SOURCE /* memmem */
#include "upgrade.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "errors.h"

enum { UPGRADE_BODY_BYTES = 2 << 10 }; /* kept of a refusal's body */

const char *gs_phase_name(gs_phase phase) {
  static const char *const names[] = {"dns",     "tcp",         "proxy", "tls",
                                      "upgrade", "open packet", "open"};
  return names[phase];
}

gs_upgrade *gs_upgrade_new(const char *path, const char *headers,
                           const char *tls_name, bool verify,
                           gs_phase after_tcp) {
  size_t path_size = strlen(path) + 1;
  size_t headers_size = strlen(headers) + 1;
  size_t name_size = strlen(tls_name) + 1;
  size_t strings_size = path_size + headers_size + name_size;
  gs_upgrade *upgrade = calloc(1, sizeof *upgrade + strings_size);
  if (!upgrade) return NULL;
  upgrade->strings_size = strings_size;
  upgrade->path = memcpy(upgrade->strings, path, path_size);
  upgrade->headers =
      memcpy(upgrade->strings + path_size, headers, headers_size);
  upgrade->tls.name =
      memcpy(upgrade->strings + path_size + headers_size, tls_name, name_size);
  upgrade->tls.verify = verify;
  upgrade->phase = GS_PHASE_TCP;
  upgrade->after_tcp = after_tcp;
  gs_buf_init(&upgrade->body, UPGRADE_BODY_BYTES);
  return upgrade;
}

void gs_upgrade_free(gs_upgrade *upgrade) {
  if (!upgrade) return;
  if (upgrade->listed.le_prev) LIST_REMOVE(upgrade, listed);
  explicit_bzero(upgrade->strings, upgrade->strings_size);
  gs_buf_free(&upgrade->body);
  free(upgrade);
}

void gs_upgrade_list(gs_upgrade *upgrade, gs_upgrades *all, int fd) {
  if (upgrade->listed.le_prev) LIST_REMOVE(upgrade, listed);
  upgrade->fd = fd;
  LIST_INSERT_HEAD(&all->buckets[(unsigned)fd % GS_UPGRADE_BUCKETS], upgrade,
                   listed);
}

gs_upgrade *gs_upgrade_find(const gs_upgrades *all, int fd) {
  gs_upgrade *upgrade =
      LIST_FIRST(&all->buckets[(unsigned)fd % GS_UPGRADE_BUCKETS]);
  while (upgrade && upgrade->fd != fd) upgrade = LIST_NEXT(upgrade, listed);
  return upgrade;
}

void gs_upgrade_take_body(gs_upgrade *upgrade, const void *data, size_t len) {
  size_t room = upgrade->body.max_bytes - upgrade->body.len;
  int err = gs_buf_append(&upgrade->body, data, len < room ? len : room);
  (void)err; /* without memory, the failure has no body */
}

size_t gs_upgrade_rewrite(const gs_upgrade *upgrade, char *head, size_t len,
                          size_t size) {
  static const char method[] = "GET ", version[] = " HTTP/1.1\r\n";
  if (len < sizeof method || memcmp(head, method, sizeof method - 1) != 0) {
    return 0;
  }
  const char *kept = memmem(head, len, "\r\nUpgrade:", 10);
  if (!kept) return 0;
  kept += 2;
  size_t kept_len = (size_t)(head + len - kept);
  size_t path_len = strlen(upgrade->path);
  size_t headers_len = strlen(upgrade->headers);
  size_t own_len = sizeof method - 1 + path_len + sizeof version - 1;
  if (own_len + headers_len + kept_len > size) return 0;
  memmove(head + own_len + headers_len, kept, kept_len);
  memcpy(head + sizeof method - 1, upgrade->path, path_len);
  memcpy(head + own_len - (sizeof version - 1), version, sizeof version - 1);
  memcpy(head + own_len, upgrade->headers, headers_len);
  return own_len + headers_len + kept_len;
}

/* upgrade_advice says what to look at after an answer with |status|. */
static const char *upgrade_advice(int status) {
  if (status == 401 || status == 403) return ": is the URL still good?";
  if (status >= 500) return "";
  return ": is it a Socket.IO server, and the path right?";
}

/* upgrade_explain_response words a failure after the request was sent. */
static int upgrade_explain_response(const gs_upgrade *upgrade, const char *said,
                                    char *text, size_t text_size) {
  if (upgrade->status && upgrade->status != 101) {
    snprintf(text, text_size,
             "the server answered HTTP %d instead of the websocket upgrade%s",
             upgrade->status, upgrade_advice(upgrade->status));
    return GS_ERR_HTTP;
  }
  if (*upgrade->tls.reason) {
    snprintf(text, text_size, "TLS: %s", upgrade->tls.reason);
    return GS_ERR_TLS;
  }
  if (upgrade->status == 101 || strncmp(said, "HS: ", 4) == 0 ||
      strstr(said, "header")) {
    snprintf(text, text_size,
             "the server's answer is no valid websocket upgrade (%s)", said);
    return GS_ERR_PROTOCOL;
  }
  snprintf(text, text_size,
           "the server closed the connection before it answered the websocket "
           "upgrade: is it a Socket.IO server, and http or https right?");
  return GS_ERR_NETWORK;
}

int gs_upgrade_explain(const gs_upgrade *upgrade, const char *said, char *text,
                       size_t text_size) {
  switch (upgrade->phase) {
    case GS_PHASE_PROXY:
      snprintf(text, text_size,
               "the proxy refused or closed the connection (%s)", said);
      return GS_ERR_PROXY;
    case GS_PHASE_TLS:
      snprintf(text, text_size, "the TLS handshake failed: %s",
               *upgrade->tls.reason ? upgrade->tls.reason
                                    : "the server closed the connection");
      return GS_ERR_TLS;
    case GS_PHASE_UPGRADE:
      return upgrade_explain_response(upgrade, said, text, text_size);
    default:
      snprintf(text, text_size, "%s", said);
      return GS_ERR_CONNECT;
  }
}
