/* Fuzz target of csrc/engineio.c. Build and run:
 *   clang -g -O1 -fsanitize=fuzzer,address,undefined -Icsrc -Ispec/c \
 *     spec/fuzz/fuzz_engineio.c csrc/engineio.c csrc/base64.c csrc/buf.c \
 *     csrc/errors.c -lcrypto
 *   ./a.out spec/fuzz/corpus/engineio
 *
 * The input is a play: two bytes of settings, then steps of an operation, a
 * count and as many bytes as that asks for. It is played three times, with
 * messages whole, in pieces of many sizes, and byte by byte. Asserted: the
 * events are the same; on_close is called once, last, with an error that its
 * contract names; nothing comes before on_open; a tick leaves nothing due. */
#include <stdint.h>

#include "recorder.h"
#include "require.h"

enum cutting { WHOLE, PIECES, BYTES, CUTTINGS };

struct input {
  const uint8_t *data;
  size_t len;
};

struct play {
  struct recorder recorder;
  enum cutting cutting;
  uint64_t now_ms;
};

static uint8_t take_byte(struct input *input) {
  if (!input->len) return 0;
  input->len--;
  return *input->data++;
}

static struct input take(struct input *input, size_t len) {
  if (len > input->len) len = input->len;
  struct input taken = {input->data, len};
  input->data += len;
  input->len -= len;
  return taken;
}

/* feed_pieces cuts into pieces of 0, 1, 2, 3, 0, 1 ... bytes, and ends with an
 * empty one. */
static void feed_pieces(struct play *play, struct input message, bool binary) {
  for (size_t i = 0; i == 0 || message.len; i++) {
    struct input piece = take(&message, i % 4);
    uint8_t *copy = piece.len ? malloc(piece.len) : NULL;
    if (piece.len && !copy) abort();
    if (piece.len) memcpy(copy, piece.data, piece.len);
    gs_engineio_feed(&play->recorder.session, copy, piece.len, i == 0, false,
                     binary, play->now_ms);
    free(copy);
  }
  gs_engineio_feed(&play->recorder.session, NULL, 0, false, true, binary,
                   play->now_ms);
}

static void feed(struct play *play, struct input message, bool binary) {
  if (play->cutting == PIECES) {
    feed_pieces(play, message, binary);
    return;
  }
  recorder_feed(&play->recorder, message.data, message.len, binary,
                play->cutting == BYTES, play->now_ms);
}

static void tick(struct play *play) {
  gs_engineio_tick(&play->recorder.session, play->now_ms);
  uint64_t next_ms = gs_engineio_deadline(&play->recorder.session);
  REQUIRE(next_ms == 0 || next_ms > play->now_ms);
}

static void tick_at_deadline(struct play *play) {
  uint64_t next_ms = gs_engineio_deadline(&play->recorder.session);
  if (next_ms > play->now_ms) play->now_ms = next_ms;
  tick(play);
}

static void feed_handshake(struct play *play, uint8_t which) {
  static const char *const handshakes[] = {
      "0{\"sid\":\"s\",\"pingInterval\":25000,\"pingTimeout\":5000}",
      "0{\"sid\":\"s\",\"pingInterval\":100,\"pingTimeout\":200,"
      "\"maxPayload\":1000000}",
  };
  const char *text = handshakes[which % 2];
  feed(play, (struct input){(const uint8_t *)text, strlen(text)}, false);
}

static void send_data(struct play *play, struct input data, bool binary) {
  gs_engineio *session = &play->recorder.session;
  bool open = session->state == GS_ENGINEIO_OPEN;
  int err = gs_engineio_send(session, data.data, data.len, binary, false);
  REQUIRE(err == (open ? 0 : GS_ERR_CLOSED));
}

static void step(struct play *play, struct input *input) {
  uint8_t operation = take_byte(input) % 8;
  uint8_t count = take_byte(input);
  switch (operation) {
    case 0:
      feed_handshake(play, count);
      break;
    case 1:
    case 2:
      feed(play, take(input, count), operation == 2);
      break;
    case 3:
      play->now_ms += count;
      tick(play);
      break;
    case 4:
      play->now_ms += count * UINT64_C(1000);
      break;
    case 5:
      tick_at_deadline(play);
      break;
    case 6:
      send_data(play, take(input, count / 2), count % 2);
      break;
    case 7:
      if (count == 0) gs_engineio_close(&play->recorder.session);
      break;
  }
}

static void run(struct play *play, struct input input, enum cutting cutting) {
  static const int versions[] = {GS_ENGINEIO_AUTO, GS_ENGINEIO_V3,
                                 GS_ENGINEIO_V4};
  uint8_t settings = take_byte(&input);
  int version = versions[settings % 3];
  size_t max_payload = take_byte(&input);
  struct recorder *recorder = &play->recorder;
  play->cutting = cutting;
  play->now_ms = 1;
  recorder_init(recorder, version, max_payload);
  if (settings >= 128) gs_engineio_send_base64(&recorder->session);
  while (input.len) step(play, &input);
  gs_engineio_close(&recorder->session);

  int error = recorder->error;
  REQUIRE(recorder->closes == 1);
  REQUIRE(recorder->opens <= 1);
  REQUIRE(recorder->len == recorder->len_at_close);
  REQUIRE(strncmp(recorder->log, recorder->opens ? "open " : "close ", 5) == 0);
  REQUIRE(error == 0 || error == GS_ERR_HEARTBEAT || error == GS_ERR_PROTOCOL ||
          error == GS_ERR_UTF8 || error == GS_ERR_TOO_BIG);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  struct play plays[CUTTINGS];
  for (int i = 0; i < CUTTINGS; i++) {
    run(&plays[i], (struct input){data, len}, (enum cutting)i);
    REQUIRE(strcmp(plays[0].recorder.log, plays[i].recorder.log) == 0);
  }
  for (int i = 0; i < CUTTINGS; i++) recorder_free(&plays[i].recorder);
  return 0;
}
