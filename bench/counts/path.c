/* The way of a message through the C core, without a network: Engine.IO feeds
 * it, the queue hands it over, the head of its packet is read. For callgrind:
 * the same instructions in each run. See scripts/counts.lua.
 *
 *   build/bench/path MESSAGES */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engineio.h"
#include "packet.h"
#include "queue.h"

enum { ID = 1, PIECES = 3, NOW_MS = 1000 };

static gs_queue *queue;
static long taken;

static int on_parse(void *user, gs_handshake *handshake) {
  (void)user;
  handshake->ping_interval_ms = handshake->ping_timeout_ms = 1000000;
  return 0;
}

static void on_open(void *user, const gs_handshake *handshake) {
  (void)user, (void)handshake;
}

static void on_message(void *user, const uint8_t *data, size_t len,
                       bool binary) {
  (void)user, (void)binary;
  if (gs_queue_push(queue, 1, 0, ID, NULL, 0, data, len)) abort();
}

static void on_send(void *user, const uint8_t *head, size_t head_len,
                    const uint8_t *body, size_t len, bool binary,
                    bool compress) {
  (void)user, (void)head, (void)head_len, (void)body, (void)len, (void)binary;
  (void)compress;
}

static void on_ping(void *user) { (void)user; }

static void on_close(void *user, int error, const char *text) {
  (void)user;
  fprintf(stderr, "closed: %d %s\n", error, text);
  abort();
}

static const gs_engineio_callbacks callbacks = {.parse = on_parse,
                                                .on_open = on_open,
                                                .on_message = on_message,
                                                .on_send = on_send,
                                                .on_ping = on_ping,
                                                .on_close = on_close};

static void take_all(void) {
  gs_record record;
  gs_packet packet;
  while (gs_queue_next(queue, &record)) {
    if (gs_packet_parse((const char *)record.data, record.len, &packet)) {
      abort();
    }
    taken++;
  }
}

static void feed(gs_engineio *session, const char *text, bool first,
                 bool final) {
  gs_engineio_feed(session, (const uint8_t *)text, strlen(text), first, final,
                   false, NOW_MS);
}

int main(int argc, char **argv) {
  static const char head[] = "42/notifications,[\"notification\",\"";
  static const char piece[] =
      "{\\\"value\\\":[{\\\"subscriptionId\\\":\\\"01ABCDEF\\\",\\\"resource"
      "\\\":\\\"b!x\\\"}]}";
  char whole[512];
  long count = argc > 1 ? strtol(argv[1], NULL, 10) : 0;
  gs_engineio session;
  snprintf(whole, sizeof whole, "%s%s%s%s\"]", head, piece, piece, piece);
  queue = gs_queue_new(SIZE_MAX);
  if (!queue || !gs_queue_arm(queue)) return 1;
  gs_engineio_init(&session, GS_ENGINEIO_V4, sizeof whole, &callbacks, NULL);
  feed(&session, "0{}", true, true);
  for (long i = 0; i < count; i++) {
    /* One in four comes in pieces, as long ones do. */
    if (i % 4) {
      feed(&session, whole, true, true);
    } else {
      feed(&session, head, true, false);
      for (int k = 0; k < PIECES; k++) feed(&session, piece, false, false);
      feed(&session, "\"]", false, true);
    }
    if (gs_queue_wants_wake(queue) || i % 64 == 0) take_all();
  }
  take_all();
  gs_engineio_free(&session);
  gs_queue_free(queue);
  return taken == count ? 0 : 1;
}
