#define _GNU_SOURCE /* memmem */
#include "upgrade.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "errors.h"

const char *gs_phase_name(gs_phase phase) {
  static const char *const names[] = {"dns",     "tcp",         "proxy", "tls",
                                      "upgrade", "open packet", "open"};
  return names[phase];
}

bool gs_upgrade_request_copy(gs_upgrade_request *request, const char *path,
                             const char *headers) {
  request->path = strdup(path);
  request->headers = strdup(headers);
  return request->path && request->headers;
}

static void upgrade_wipe(char **text) {
  if (*text) explicit_bzero(*text, strlen(*text));
  free(*text);
  *text = NULL;
}

void gs_upgrade_request_wipe(gs_upgrade_request *request) {
  upgrade_wipe(&request->path);
  upgrade_wipe(&request->headers);
}

size_t gs_upgrade_rewrite(char *head, size_t len, size_t size,
                          const gs_upgrade_request *request) {
  static const char method[] = "GET ", version[] = " HTTP/1.1\r\n";
  if (len < sizeof method || memcmp(head, method, sizeof method - 1) != 0) {
    return 0;
  }
  const char *kept = memmem(head, len, "\r\nUpgrade:", 10);
  if (!kept) return 0;
  kept += 2;
  size_t kept_len = (size_t)(head + len - kept);
  size_t path_len = strlen(request->path);
  size_t headers_len = strlen(request->headers);
  size_t own_len = sizeof method - 1 + path_len + sizeof version - 1;
  if (own_len + headers_len + kept_len > size) return 0;
  memmove(head + own_len + headers_len, kept, kept_len);
  memcpy(head + sizeof method - 1, request->path, path_len);
  memcpy(head + own_len - (sizeof version - 1), version, sizeof version - 1);
  memcpy(head + own_len, request->headers, headers_len);
  return own_len + headers_len + kept_len;
}

/* upgrade_advice says what to look at after an answer with |status|. */
static const char *upgrade_advice(int status) {
  if (status == 401 || status == 403) return ": is the URL still good?";
  if (status >= 500) return "";
  return ": is it a Socket.IO server, and the path right?";
}

/* upgrade_explain_response words a failure after the request was sent. */
static int upgrade_explain_response(const gs_upgrade_failure *failure,
                                    char *text, size_t text_size) {
  const char *said = failure->library_text;
  if (failure->status && failure->status != 101) {
    snprintf(text, text_size,
             "the server answered HTTP %d instead of the websocket upgrade%s",
             failure->status, upgrade_advice(failure->status));
    return GS_ERR_HTTP;
  }
  if (*failure->tls_reason) {
    snprintf(text, text_size, "TLS: %s", failure->tls_reason);
    return GS_ERR_TLS;
  }
  if (failure->status == 101 || strncmp(said, "HS: ", 4) == 0 ||
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

int gs_upgrade_explain(const gs_upgrade_failure *failure, char *text,
                       size_t text_size) {
  switch (failure->phase) {
    case GS_PHASE_PROXY:
      snprintf(text, text_size,
               "the proxy refused or closed the connection (%s): which, and "
               "with what status, libwebsockets does not tell; see that its "
               "URL has the right user name and password",
               failure->library_text);
      return GS_ERR_PROXY;
    case GS_PHASE_TLS:
      snprintf(text, text_size, "the TLS handshake failed: %s",
               *failure->tls_reason ? failure->tls_reason
                                    : "the server closed the connection");
      return GS_ERR_TLS;
    case GS_PHASE_UPGRADE:
      return upgrade_explain_response(failure, text, text_size);
    default:
      snprintf(text, text_size, "%s", failure->library_text);
      return GS_ERR_CONNECT;
  }
}
