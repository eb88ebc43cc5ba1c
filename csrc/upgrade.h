/* What only the way to an upgraded websocket needs, freed when it is behind us:
 * the request, what became known of the answer, and what a failure means. No
 * I/O; one thread at a time. */
#ifndef GS_UPGRADE_H
#define GS_UPGRADE_H

#include <stdbool.h>
#include <sys/queue.h>

#include "buf.h"
#include "tls.h"

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

typedef struct gs_upgrade {
  LIST_ENTRY(gs_upgrade) listed; /* where it is in gs_upgrades, if it is */
  int fd;                        /* while it is */
  const char *path;              /* with the query, byte for byte */
  const char *headers;           /* "Name: value\r\n"..., Host included */
  gs_tls_handshake tls;
  gs_phase phase;     /* how far it has come */
  gs_phase after_tcp; /* the phase that TCP leads to */
  int status;         /* of the response, 0 before it */
  gs_buf body;        /* of a refusal, its beginning */
  /* Of a refusal, these headers, or "". */
  char retry_after[48], date[48];
  size_t strings_size;
  char strings[]; /* secret: the path's query authorises the connection */
} gs_upgrade;

enum { GS_UPGRADE_BUCKETS = 1024 };

/* The upgrades of an engine whose connections stand, by their descriptors; at
 * first all zero. A server that keeps thousands of handshakes waiting is asked
 * for each of them again and again. */
typedef struct gs_upgrades {
  LIST_HEAD(, gs_upgrade) buckets[GS_UPGRADE_BUCKETS];
} gs_upgrades;

/* gs_upgrade_new copies the strings; it stands at TCP. Returns NULL when out of
 * memory. */
GS_NODISCARD gs_upgrade *gs_upgrade_new(const char *path, const char *headers,
                                        const char *tls_name, bool verify,
                                        gs_phase after_tcp);

/* gs_upgrade_free overwrites the strings and frees; it is found no more. NULL
 * is fine. */
void gs_upgrade_free(gs_upgrade *upgrade);

/* gs_upgrade_list says that |fd| is the connection of |upgrade|. */
void gs_upgrade_list(gs_upgrade *upgrade, gs_upgrades *all, int fd);

/* gs_upgrade_find returns the upgrade that was listed with |fd|, the last one
 * of several, or NULL. */
gs_upgrade *gs_upgrade_find(const gs_upgrades *all, int fd);

/* gs_upgrade_rewrite replaces the request line and all headers before
 * "Upgrade:" in the request at |head|, of |len| bytes, by |upgrade|'s. Returns
 * the new length, or 0 if it is no such request or has no room in |size|. */
GS_NODISCARD size_t gs_upgrade_rewrite(const gs_upgrade *upgrade, char *head,
                                       size_t len, size_t size);

/* gs_upgrade_take_body keeps the beginning of a refusal's body. */
void gs_upgrade_take_body(gs_upgrade *upgrade, const void *data, size_t len);

/* gs_upgrade_explain words in |text| why the connection was not upgraded, and
 * returns the error. |said| is libwebsockets' text, which says little, so
 * OpenSSL's reason and the HTTP status go first. */
int gs_upgrade_explain(const gs_upgrade *upgrade, const char *said, char *text,
                       size_t text_size);

#endif
