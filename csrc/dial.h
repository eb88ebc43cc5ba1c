/* From a host name to an upgraded websocket: looks the name up (or its
 * proxy's), tries the addresses in turn, does TLS and the upgrade, and finds
 * out why not. It keeps no timer: its owner calls gs_dial_tick.
 *
 * Theory of operation. A dial is in one state:
 *
 *   state   | meaning                              | left by
 *   --------+--------------------------------------+-------------------------
 *   LOOKUP  | the name is being resolved           | addresses; failure
 *   TRYING  | one address is being tried           | on_up; the next address;
 *           |                                      | failure
 *   PROBING | no address answered, and the reason  | failure
 *           | is being found out                   |
 *
 * It ends with on_up or on_fail, exactly one of them, unless freed before.
 * [io] throughout. */
#ifndef GS_DIAL_H
#define GS_DIAL_H

#include <uv.h>

#include "tls.h"
#include "websocket.h"

typedef struct gs_dial gs_dial;

/* What a dial works with; it all outlives the dial. */
typedef struct gs_dial_means {
  uv_loop_t *loop;
  gs_websocket_context *websockets;
  gs_tls_cache *tls;
} gs_dial_means;

/* Either callback may free the dial. */
typedef struct gs_dial_callbacks {
  /* on_up: the upgrade is done; |websocket| is the owner's from here on, who
   * must gs_websocket_adopt it before returning. */
  void (*on_up)(void *user, gs_websocket *websocket);
  void (*on_fail)(void *user, const gs_websocket_failure *failure);
} gs_dial_callbacks;

/* gs_dial_new copies the options, |fields| (fields.h):
 *   host, path (strings, required), port (number, required), tls (bool),
 *   headers (string: lines "Name: value\r\n", Host included), protocols
 *   (string: "a,b"), proxy (string: an http:// URL, user and password in it
 *   percent-encoded), server_name, ca_file, ca_path, crl_file, cert, key,
 *   local_address (strings), verify (bool, true), compression (bool, false).
 * Returns NULL when out of memory. */
GS_NODISCARD gs_dial *gs_dial_new(const gs_dial_means *means,
                                  const void *fields, size_t len,
                                  const gs_dial_callbacks *callbacks,
                                  void *user);

/* gs_dial_start begins. |give_up_ms|, in gs_clock_ms's time, divides the time
 * among several addresses; 0: each gets all the time it wants. May call
 * on_fail from inside. */
void gs_dial_start(gs_dial *dial, uint64_t give_up_ms);

/* gs_dial_free drops whatever is under way and frees; NULL is fine. */
void gs_dial_free(gs_dial *dial);

/* gs_dial_deadline returns when gs_dial_tick is needed next, 0 if never. */
uint64_t gs_dial_deadline(const gs_dial *dial);
void gs_dial_tick(gs_dial *dial, uint64_t now_ms);

/* gs_dial_phase returns how far it has come. */
gs_phase gs_dial_phase(const gs_dial *dial);

#endif
