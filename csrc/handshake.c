#include "handshake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HANDSHAKE_SID, HANDSHAKE_INTERVAL, HANDSHAKE_TIMEOUT, HANDSHAKE_MAX };

const char *const gs_handshake_paths[GS_HANDSHAKE_PATHS] = {
    "sid", "pingInterval", "pingTimeout", "maxPayload"};

void gs_handshake_begin(gs_handshake_reader *reader, gs_handshake *handshake) {
  *reader = (gs_handshake_reader){.handshake = handshake};
  handshake->sid[0] = '\0';
}

void gs_handshake_text(gs_handshake_reader *reader, int path, const char *text,
                       size_t len) {
  char *sid = reader->handshake->sid;
  size_t have = strlen(sid);
  if (path != HANDSHAKE_SID) return;
  snprintf(sid + have, sizeof reader->handshake->sid - have, "%.*s", (int)len,
           text);
  reader->seen |= 1u << path;
}

void gs_handshake_number(gs_handshake_reader *reader, int path,
                         const char *digits) {
  gs_handshake *handshake = reader->handshake;
  double number = strtod(digits, NULL);
  if (path == HANDSHAKE_SID || !(number >= 0)) return;
  double ms = number < UINT32_MAX ? number : UINT32_MAX;
  reader->seen |= 1u << path;
  if (path == HANDSHAKE_INTERVAL) handshake->ping_interval_ms = (uint32_t)ms;
  if (path == HANDSHAKE_TIMEOUT) handshake->ping_timeout_ms = (uint32_t)ms;
  if (path == HANDSHAKE_MAX && number < 1e15) {
    handshake->max_payload = (uint64_t)number;
  }
}

bool gs_handshake_complete(const gs_handshake_reader *reader) {
  const unsigned needed =
      1u << HANDSHAKE_SID | 1u << HANDSHAKE_INTERVAL | 1u << HANDSHAKE_TIMEOUT;
  return (reader->seen & needed) == needed;
}
