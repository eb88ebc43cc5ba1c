/* Fuzz target of a whole connection's incoming half: frames go through
 * csrc/engineio.c, and its messages through the Socket.IO decoder, by
 * spec/fuzz/socketio.lua, which also says how an input is read as frames.
 *
 * Each input is played three times, with frames whole, in pieces of many sizes
 * and byte by byte: asserted is that the same packets come of it, beside what
 * the module asserts of each packet. */
#include "lua_target.h"
#include "recorder.h"

enum cutting { WHOLE, PIECES, BYTES };

static const char MODULE[] = "spec.fuzz.socketio";

/* on_message writes down what the decoder makes of a message. */
static void on_message(void *user, const uint8_t *data, size_t len,
                       bool binary) {
  struct recorder *recorder = user;
  size_t said_len;
  lua_State *L = lua_target_begin(MODULE, "message");
  lua_pushlstring(L, (const char *)data, len);
  lua_pushboolean(L, binary);
  lua_target_call(2, 1);
  const char *said = lua_tolstring(L, -1, &said_len);
  recorder_write_text(recorder, (const uint8_t *)said, said_len);
  recorder_write(recorder, "\n");
  lua_pop(L, 1);
}

/* feed_pieces cuts into pieces of 0, 1, 2, 3, 0, 1 ... bytes, and ends with an
 * empty one. */
static void feed_pieces(gs_engineio *session, const uint8_t *data, size_t len,
                        bool binary) {
  size_t at = 0;
  for (size_t i = 0; i == 0 || at < len; i++) {
    size_t piece = i % 4 < len - at ? i % 4 : len - at;
    gs_engineio_feed(session, data + at, piece, i == 0, false, binary, 1);
    at += piece;
  }
  gs_engineio_feed(session, NULL, 0, false, true, binary, 1);
}

/* play feeds the frames of the list at the top of the stack. */
static void play(struct recorder *recorder, lua_State *L,
                 enum cutting cutting) {
  lua_Integer count = luaL_len(L, -1);
  for (lua_Integer i = 1; i < count; i += 2) {
    size_t len;
    lua_rawgeti(L, -1, i);
    lua_rawgeti(L, -2, i + 1);
    bool binary = lua_toboolean(L, -2);
    const char *frame = lua_tolstring(L, -1, &len);
    if (cutting == PIECES) {
      feed_pieces(&recorder->session, (const uint8_t *)frame, len, binary);
    } else {
      recorder_feed(recorder, (const uint8_t *)frame, len, binary,
                    cutting == BYTES, 1);
    }
    lua_pop(L, 2);
  }
}

/* run plays the input and leaves what came of it in |recorder|. */
static void run(struct recorder *recorder, const uint8_t *data, size_t len,
                enum cutting cutting) {
  static gs_engineio_callbacks callbacks;
  callbacks = recorder_callbacks;
  callbacks.on_message = on_message;
  lua_State *L = lua_target_begin(MODULE, "begin");
  lua_pushlstring(L, (const char *)data, len);
  lua_target_call(1, 3);
  int version = (int)lua_tointeger(L, -3);
  size_t max_payload = (size_t)lua_tointeger(L, -2);
  recorder_init(recorder, version, max_payload);
  gs_engineio_init(&recorder->session, version, max_payload, &callbacks,
                   recorder);
  play(recorder, L, cutting);
  gs_engineio_close(&recorder->session);
  lua_pop(L, 3);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  struct recorder whole, pieces, bytes;
  run(&whole, data, len, WHOLE);
  run(&pieces, data, len, PIECES);
  run(&bytes, data, len, BYTES);
  REQUIRE(strcmp(whole.log, pieces.log) == 0);
  REQUIRE(strcmp(whole.log, bytes.log) == 0);
  recorder_free(&whole);
  recorder_free(&pieces);
  recorder_free(&bytes);
  return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t max,
                               unsigned seed) {
  return lua_target_mutate(MODULE, data, len, max, seed);
}
