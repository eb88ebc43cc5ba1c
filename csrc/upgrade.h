/* The websocket upgrade's request and what its failure means: text in, text
 * out, no I/O. */
#ifndef GS_UPGRADE_H
#define GS_UPGRADE_H

#include <stdbool.h>

#include "gs.h"

/* Where a connection stands, as errors name it. */
typedef enum gs_phase {
  GS_PHASE_DNS,
  GS_PHASE_TCP,
  GS_PHASE_PROXY,
  GS_PHASE_TLS,
  GS_PHASE_UPGRADE,
  GS_PHASE_HANDSHAKE, /* the Engine.IO open packet */
  GS_PHASE_OPEN,
} gs_phase;

const char *gs_phase_name(gs_phase phase);

/* What is ours of a request. Both may hold secrets: the path's query is what
 * authorises the connection. */
typedef struct gs_upgrade_request {
  char *path;    /* with the query, byte for byte */
  char *headers; /* "Name: value\r\n"..., Host included */
} gs_upgrade_request;

/* gs_upgrade_request_copy returns false when out of memory;
 * gs_upgrade_request_wipe is needed in either case. */
GS_NODISCARD bool gs_upgrade_request_copy(gs_upgrade_request *request,
                                          const char *path,
                                          const char *headers);
void gs_upgrade_request_wipe(gs_upgrade_request *request);

/* gs_upgrade_rewrite replaces the request line and all headers before
 * "Upgrade:" in the request at |head|, of |len| bytes, by |request|'s. Returns
 * the new length, or 0 if it is no such request or has no room in |size|. */
GS_NODISCARD size_t gs_upgrade_rewrite(char *head, size_t len, size_t size,
                                       const gs_upgrade_request *request);

/* What is known of a connection that failed before it was upgraded. */
typedef struct gs_upgrade_failure {
  gs_phase phase;
  int status;               /* of the response, 0 without one */
  const char *tls_reason;   /* OpenSSL's, or "" */
  const char *library_text; /* libwebsockets' */
} gs_upgrade_failure;

/* gs_upgrade_explain words it in |text| and returns the error. libwebsockets'
 * own text says little, so OpenSSL's reason and the HTTP status go first. */
int gs_upgrade_explain(const gs_upgrade_failure *failure, char *text,
                       size_t text_size);

#endif
