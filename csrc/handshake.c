#include "handshake.h"

#include <libwebsockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HANDSHAKE_SID, HANDSHAKE_INTERVAL, HANDSHAKE_TIMEOUT, HANDSHAKE_MAX };

static const char *const handshake_paths[] = {
    [HANDSHAKE_SID] = "sid",
    [HANDSHAKE_INTERVAL] = "pingInterval",
    [HANDSHAKE_TIMEOUT] = "pingTimeout",
    [HANDSHAKE_MAX] = "maxPayload"};

typedef struct handshake_reader {
  gs_handshake *handshake;
  unsigned seen; /* a bit for each path */
} handshake_reader;

/* handshake_take_text takes a piece of a string: libwebsockets hands out long
 * ones, and what follows an escape, by itself. */
static void handshake_take_text(handshake_reader *reader, int path,
                                const char *text, size_t len) {
  char *sid = reader->handshake->sid;
  size_t have = strlen(sid);
  if (path != HANDSHAKE_SID) return;
  snprintf(sid + have, sizeof reader->handshake->sid - have, "%.*s", (int)len,
           text);
  reader->seen |= 1u << path;
}

static void handshake_take_number(handshake_reader *reader, int path,
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

static signed char handshake_on_json(struct lejp_ctx *parser, char reason) {
  int path = parser->path_match - 1;
  if (path < 0) return 0;
  if (reason == LEJPCB_VAL_STR_CHUNK || reason == LEJPCB_VAL_STR_END) {
    handshake_take_text(parser->user, path, parser->buf, parser->npos);
  } else if (reason == LEJPCB_VAL_NUM_INT || reason == LEJPCB_VAL_NUM_FLOAT) {
    handshake_take_number(parser->user, path, parser->buf);
  }
  return 0;
}

bool gs_handshake_read(gs_handshake *handshake) {
  const unsigned needed =
      1u << HANDSHAKE_SID | 1u << HANDSHAKE_INTERVAL | 1u << HANDSHAKE_TIMEOUT;
  handshake_reader reader = {.handshake = handshake};
  struct lejp_ctx parser;
  handshake->sid[0] = '\0';
  lejp_construct(&parser, handshake_on_json, &reader, handshake_paths,
                 LWS_ARRAY_SIZE(handshake_paths));
  int left = lejp_parse(&parser, (const uint8_t *)handshake->json,
                        (int)handshake->json_len);
  lejp_destruct(&parser);
  return left >= 0 && (reader.seen & needed) == needed;
}
