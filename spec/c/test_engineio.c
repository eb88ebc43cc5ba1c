/* Unit test of csrc/engineio.c, with a fake clock and no network: what the
 * wire cases of test_engineio_vectors.c cannot say.
 * Links csrc/engineio.c csrc/base64.c csrc/buf.c csrc/errors.c (and see
 * check.h). */
#include "engineio.h"

#include "check.h"
#include "recorder.h"

enum { START_MS = 1000000, DEFAULT_PAYLOAD = 1000 };

static const char handshake_v4[] =
    "0{\"sid\":\"s\",\"pingInterval\":25000,\"pingTimeout\":20000,"
    "\"maxPayload\":1000000}";
static const char handshake_v3[] =
    "0{\"sid\":\"s\",\"pingInterval\":25000,\"pingTimeout\":5000}";

static void feed_text(struct recorder *recorder, const char *text,
                      uint64_t now_ms) {
  recorder_feed(recorder, (const uint8_t *)text, strlen(text), false, 0,
                now_ms);
}

static void assert_log(const struct recorder *recorder, const char *expected) {
  assert_string_equal(recorder->log, expected);
}

static void forget_log(struct recorder *recorder) {
  recorder->log[0] = '\0';
  recorder->len = 0;
}

static void open_session(struct recorder *recorder, int version) {
  recorder_init(recorder, version, DEFAULT_PAYLOAD);
  feed_text(recorder, handshake_v4, START_MS);
  assert_int_equal(recorder->opens, 1);
  forget_log(recorder);
}

static void a_large_control_packet_is_refused_before_it_is_stored(void **s) {
  (void)s;
  static const char *const expected[] = {
      ['0'] =
          "close TOO_BIG: a packet of type open is larger than 16384 bytes\n",
      ['2'] =
          "close TOO_BIG: a packet of type ping is larger than 16384 bytes\n",
      ['6'] =
          "close TOO_BIG: a packet of type noop is larger than 16384 bytes\n",
  };
  uint8_t *data = malloc(GS_MAX_CONTROL + 1);
  memset(data, 'x', GS_MAX_CONTROL + 1);
  for (size_t type = '0'; type <= '6'; type++) {
    if (!expected[type]) continue;
    data[0] = (uint8_t)type;
    for (size_t piece = 0; piece <= 4096; piece += 4096) {
      struct recorder recorder;
      if (type == '0') {
        recorder_init(&recorder, GS_ENGINEIO_V4, 100);
      } else {
        open_session(&recorder, GS_ENGINEIO_V4);
      }
      recorder_feed(&recorder, data, GS_MAX_CONTROL + 1, false, piece,
                    START_MS);
      assert_log(&recorder, expected[type]);
      assert_true(recorder.session.partial.len <= GS_MAX_CONTROL);
      recorder_free(&recorder);
    }
  }
  free(data);
}

static void a_control_packet_may_have_all_the_bytes_it_is_allowed(void **s) {
  (void)s;
  char *data = malloc(GS_MAX_CONTROL);
  memset(data, 'x', GS_MAX_CONTROL);
  data[0] = '6';
  for (size_t piece = 0; piece <= 4096; piece += 4096) {
    struct recorder recorder;
    open_session(&recorder, GS_ENGINEIO_V4);
    recorder_feed(&recorder, (uint8_t *)data, GS_MAX_CONTROL, false, piece,
                  START_MS);
    assert_log(&recorder, "");
    recorder_free(&recorder);
  }
  free(data);
}

static void the_open_packet_may_be_larger_than_max_payload(void **state) {
  (void)state;
  for (size_t piece = 0; piece < 2; piece++) {
    struct recorder recorder;
    recorder_init(&recorder, GS_ENGINEIO_V4, 1);
    recorder_feed(&recorder, (const uint8_t *)handshake_v4,
                  strlen(handshake_v4), false, piece, START_MS);
    assert_int_equal(recorder.opens, 1);
    recorder_free(&recorder);
  }
}

static void a_large_message_leaves_no_large_buffer_behind(void **state) {
  (void)state;
  enum { LEN = 4 * GS_CHUNK_BYTES };
  struct recorder recorder;
  recorder_init(&recorder, GS_ENGINEIO_V4, LEN);
  feed_text(&recorder, handshake_v4, START_MS);
  uint8_t *data = malloc(LEN);
  memset(data, '4', LEN);
  recorder_feed(&recorder, data, LEN, false, 4096, START_MS);
  assert_int_equal(recorder.closes, 0);
  assert_true(recorder.session.partial.capacity <= GS_CHUNK_BYTES);
  free(data);
  recorder_free(&recorder);
}

static void empty_pieces_change_nothing(void **state) {
  (void)state;
  struct recorder recorder;
  open_session(&recorder, GS_ENGINEIO_V4);
  gs_engineio *session = &recorder.session;
  const uint8_t *text = (const uint8_t *)"4a";
  gs_engineio_feed(session, NULL, 0, true, false, false, START_MS);
  gs_engineio_feed(session, text, 1, false, false, false, START_MS);
  gs_engineio_feed(session, NULL, 0, false, false, false, START_MS);
  gs_engineio_feed(session, text + 1, 1, false, false, false, START_MS);
  gs_engineio_feed(session, NULL, 0, false, true, false, START_MS);
  assert_log(&recorder, "message text a\n");
  forget_log(&recorder);
  gs_engineio_feed(session, NULL, 0, true, false, true, START_MS);
  gs_engineio_feed(session, NULL, 0, false, true, true, START_MS);
  assert_log(&recorder, "message binary\n");
  recorder_free(&recorder);
}

static void a_message_that_never_ended_is_forgotten(void **state) {
  (void)state;
  struct recorder recorder;
  open_session(&recorder, GS_ENGINEIO_V4);
  gs_engineio *session = &recorder.session;
  const uint8_t *text = (const uint8_t *)"4ab";
  gs_engineio_feed(session, text, 3, true, false, false, START_MS);
  gs_engineio_feed(session, text, 1, true, false, false, START_MS);
  gs_engineio_feed(session, text + 2, 1, false, true, false, START_MS);
  assert_log(&recorder, "message text b\n");
  recorder_free(&recorder);
}

static void the_handshake_is_not_kept_after_on_open(void **state) {
  (void)state;
  struct recorder recorder;
  recorder_init(&recorder, GS_ENGINEIO_AUTO, DEFAULT_PAYLOAD);
  feed_text(&recorder, handshake_v3, START_MS);
  feed_text(&recorder, "40", START_MS);
  assert_null(recorder.session.handshake.json);
  assert_int_equal(recorder.session.handshake.json_len, 0);
  assert_null(recorder.session.open.data);
  recorder_free(&recorder);
}

static void each_piece_of_a_slow_message_counts_as_life(void **state) {
  (void)state;
  struct recorder recorder;
  open_session(&recorder, GS_ENGINEIO_V4);
  gs_engineio *session = &recorder.session;
  uint64_t now_ms = START_MS;
  for (int i = 0; i < 10; i++) {
    now_ms += 44999;
    gs_engineio_feed(session, (const uint8_t *)"4", 1, i == 0, i == 9, false,
                     now_ms);
    gs_engineio_tick(session, now_ms);
  }
  assert_log(&recorder, "message text 444444444\n");
  recorder_free(&recorder);
}

static void a_message_in_one_piece_is_not_copied(void **state) {
  (void)state;
  struct recorder recorder;
  open_session(&recorder, GS_ENGINEIO_V4);
  feed_text(&recorder, "4hello", START_MS);
  assert_log(&recorder, "message text hello\n");
  assert_null(recorder.session.partial.data);
  recorder_free(&recorder);
}

static void compression_is_asked_for_messages_only(void **state) {
  (void)state;
  struct recorder recorder;
  open_session(&recorder, GS_ENGINEIO_V4);
  gs_engineio *session = &recorder.session;
  assert_int_equal(
      gs_engineio_send(session, (const uint8_t *)"a", 1, false, true), 0);
  feed_text(&recorder, "2", START_MS);
  assert_log(&recorder, "send text 4a compressed\nsend text 3\nping\n");
  recorder_free(&recorder);
}

static void the_deadline_is_the_heartbeat_and_nothing_else(void **state) {
  (void)state;
  struct recorder recorder;
  recorder_init(&recorder, GS_ENGINEIO_AUTO, DEFAULT_PAYLOAD);
  gs_engineio *session = &recorder.session;
  assert_int_equal(gs_engineio_deadline(session), 0);
  feed_text(&recorder, handshake_v3, START_MS);
  assert_int_equal(gs_engineio_deadline(session),
                   START_MS + GS_ENGINEIO_DETECT_MS);
  gs_engineio_tick(session, START_MS + GS_ENGINEIO_DETECT_MS);
  assert_int_equal(gs_engineio_deadline(session), START_MS + 30000);
  feed_text(&recorder, "2", START_MS + 25000);
  assert_int_equal(gs_engineio_deadline(session), START_MS + 55000);
  gs_engineio_close(session);
  assert_int_equal(gs_engineio_deadline(session), 0);
  recorder_free(&recorder);
}

static void revision_3_wants_one_tick_a_ping(void **state) {
  (void)state;
  struct recorder recorder;
  recorder_init(&recorder, GS_ENGINEIO_V3, DEFAULT_PAYLOAD);
  gs_engineio *session = &recorder.session;
  feed_text(&recorder, handshake_v3, START_MS);
  for (uint64_t i = 1; i <= 10; i++) {
    uint64_t ping_ms = START_MS + i * 25000;
    assert_int_equal(gs_engineio_deadline(session), ping_ms);
    gs_engineio_tick(session, ping_ms);
    assert_int_equal(gs_engineio_deadline(session), ping_ms + 5000);
    feed_text(&recorder, "3", ping_ms + 10);
  }
  assert_int_equal(recorder.closes, 0);
  recorder_free(&recorder);
}

static void heartbeats_of_fifty_days_do_not_overflow(void **state) {
  (void)state;
  struct recorder recorder;
  recorder_init(&recorder, GS_ENGINEIO_V4, DEFAULT_PAYLOAD);
  feed_text(&recorder,
            "0{\"sid\":\"s\",\"pingInterval\":4294967295,"
            "\"pingTimeout\":4294967295}",
            START_MS);
  assert_int_equal(gs_engineio_deadline(&recorder.session),
                   START_MS + 2 * (uint64_t)UINT32_MAX);
  recorder_free(&recorder);
}

/* Callbacks that close the session */

static const char *close_at; /* the event whose callback closes */

static void closing_on_event(struct recorder *recorder, const char *event) {
  if (strcmp(event, close_at) == 0) gs_engineio_close(&recorder->session);
}

static void closing_on_open(void *user, const gs_handshake *handshake) {
  recorder_on_open(user, handshake);
  closing_on_event(user, "open");
}

static void closing_on_message(void *user, const uint8_t *data, size_t len,
                               bool binary) {
  closing_on_event(user, "message");
  recorder_on_message(user, data, len, binary);
}

static void closing_on_send(void *user, const uint8_t *header,
                            size_t header_len, const uint8_t *body, size_t len,
                            bool binary, bool compress) {
  recorder_on_send(user, header, header_len, body, len, binary, compress);
  closing_on_event(user, "send");
}

static void closing_on_ping(void *user) {
  recorder_on_ping(user);
  closing_on_event(user, "ping");
}

static void closing_on_close(void *user, int error, const char *text) {
  recorder_on_close(user, error, text);
  closing_on_event(user, "close");
}

static const gs_engineio_callbacks closing_callbacks = {
    .parse = recorder_parse,
    .on_open = closing_on_open,
    .on_message = closing_on_message,
    .on_send = closing_on_send,
    .on_ping = closing_on_ping,
    .on_close = closing_on_close,
};

static void assert_closing(const char *event, size_t piece,
                           const char *expected) {
  struct recorder recorder;
  recorder_init(&recorder, GS_ENGINEIO_AUTO, DEFAULT_PAYLOAD);
  recorder.session.callbacks = &closing_callbacks;
  close_at = event;
  const char *input[] = {handshake_v3, "40", "3", "4a", "1"};
  for (size_t i = 0; i < sizeof input / sizeof *input; i++) {
    recorder_feed(&recorder, (const uint8_t *)input[i], strlen(input[i]), false,
                  piece, START_MS);
    if (i == 1) gs_engineio_tick(&recorder.session, START_MS + 25000);
  }
  /* The handshake is the same in all of them. */
  const char *log = strchr(recorder.log, '\n') + 1;
  assert_string_equal(log, expected);
  assert_int_equal(recorder.closes, 1);
  recorder_free(&recorder);
}

static void a_callback_may_close_the_session(void **state) {
  (void)state;
  for (size_t piece = 0; piece < 2; piece++) {
    assert_closing("open", piece, "send text 1\nclose OK: closed\n");
    assert_closing("message", piece,
                   "send text 1\nclose OK: closed\nmessage text 0\n");
    assert_closing("send", piece,
                   "message text 0\nsend text 2\nsend text 1\n"
                   "close OK: closed\n");
    assert_closing("ping", piece,
                   "message text 0\nsend text 2\nping\nsend text 1\n"
                   "close OK: closed\n");
    assert_closing("close", piece,
                   "message text 0\nsend text 2\nping\nmessage text a\n"
                   "close OK: the server closed the session\n");
  }
}

static void a_send_that_closes_is_not_called_again_by_our_close(void **state) {
  (void)state;
  struct recorder recorder;
  open_session(&recorder, GS_ENGINEIO_V4);
  recorder.session.callbacks = &closing_callbacks;
  close_at = "send";
  gs_engineio_close(&recorder.session);
  assert_log(&recorder, "send text 1\nclose OK: closed\n");
  recorder_free(&recorder);
}

static void a_pong_that_closes_is_followed_by_no_ping_event(void **state) {
  (void)state;
  struct recorder recorder;
  open_session(&recorder, GS_ENGINEIO_V4);
  recorder.session.callbacks = &closing_callbacks;
  close_at = "send";
  feed_text(&recorder, "2", START_MS);
  assert_log(&recorder, "send text 3\nsend text 1\nclose OK: closed\n");
  recorder_free(&recorder);
}

/* Memory */

struct counter {
  int closes;
  int error;
};

static int counter_parse(void *user, gs_handshake *out) {
  (void)user;
  out->ping_interval_ms = 25000;
  out->ping_timeout_ms = 5000;
  return 0;
}

static void counter_on_open(void *user, const gs_handshake *handshake) {
  (void)user;
  (void)handshake;
}

static void counter_on_message(void *user, const uint8_t *data, size_t len,
                               bool binary) {
  (void)user;
  (void)data;
  (void)len;
  (void)binary;
}

static void counter_on_close(void *user, int error, const char *text) {
  struct counter *counter = user;
  (void)text;
  counter->closes++;
  counter->error = error;
}

static bool session_without_memory(void) {
  static const gs_engineio_callbacks callbacks = {
      .parse = counter_parse,
      .on_open = counter_on_open,
      .on_message = counter_on_message,
      .on_close = counter_on_close,
  };
  static const uint8_t message[4096] = "4";
  struct counter counter = {0};
  gs_engineio session;
  gs_engineio_init(&session, GS_ENGINEIO_AUTO, sizeof message, &callbacks,
                   &counter);
  gs_engineio_feed(&session, (const uint8_t *)"0{", 2, true, false, false, 1);
  gs_engineio_feed(&session, (const uint8_t *)"}", 1, false, true, false, 1);
  gs_engineio_feed(&session, (const uint8_t *)"40", 2, true, true, false, 2);
  gs_engineio_feed(&session, message, 1024, true, false, false, 3);
  gs_engineio_feed(&session, message, 3072, false, true, false, 3);
  bool failed = session.state == GS_ENGINEIO_CLOSED;
  assert_int_equal(counter.closes, failed);
  assert_int_equal(counter.error, failed ? GS_ERR_NOMEM : 0);
  gs_engineio_free(&session);
  return !failed;
}

static void running_out_of_memory_closes_the_session(void **state) {
  (void)state;
  check_each_allocation(session_without_memory);
}

static int parse_without_memory(void *user, gs_handshake *out) {
  (void)user;
  (void)out;
  return GS_ERR_NOMEM;
}

static void a_parser_out_of_memory_is_not_a_broken_protocol(void **state) {
  (void)state;
  gs_engineio_callbacks callbacks = recorder_callbacks;
  callbacks.parse = parse_without_memory;
  struct recorder recorder;
  recorder_init(&recorder, GS_ENGINEIO_V4, DEFAULT_PAYLOAD);
  recorder.session.callbacks = &callbacks;
  feed_text(&recorder, handshake_v4, START_MS);
  assert_log(&recorder, "close NOMEM: out of memory\n");
  recorder_free(&recorder);
}

static void a_freed_session_does_nothing(void **state) {
  (void)state;
  struct recorder recorder;
  open_session(&recorder, GS_ENGINEIO_V4);
  gs_engineio_free(&recorder.session);
  feed_text(&recorder, "4a", START_MS);
  gs_engineio_tick(&recorder.session, START_MS + 100000);
  gs_engineio_close(&recorder.session);
  assert_log(&recorder, "");
  recorder_free(&recorder);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_large_control_packet_is_refused_before_it_is_stored),
      cmocka_unit_test(a_control_packet_may_have_all_the_bytes_it_is_allowed),
      cmocka_unit_test(the_open_packet_may_be_larger_than_max_payload),
      cmocka_unit_test(a_large_message_leaves_no_large_buffer_behind),
      cmocka_unit_test(empty_pieces_change_nothing),
      cmocka_unit_test(a_message_that_never_ended_is_forgotten),
      cmocka_unit_test(the_handshake_is_not_kept_after_on_open),
      cmocka_unit_test(each_piece_of_a_slow_message_counts_as_life),
      cmocka_unit_test(a_message_in_one_piece_is_not_copied),
      cmocka_unit_test(compression_is_asked_for_messages_only),
      cmocka_unit_test(the_deadline_is_the_heartbeat_and_nothing_else),
      cmocka_unit_test(revision_3_wants_one_tick_a_ping),
      cmocka_unit_test(heartbeats_of_fifty_days_do_not_overflow),
      cmocka_unit_test(a_callback_may_close_the_session),
      cmocka_unit_test(a_send_that_closes_is_not_called_again_by_our_close),
      cmocka_unit_test(a_pong_that_closes_is_followed_by_no_ping_event),
      cmocka_unit_test(running_out_of_memory_closes_the_session),
      cmocka_unit_test(a_parser_out_of_memory_is_not_a_broken_protocol),
      cmocka_unit_test(a_freed_session_does_nothing),
  };
  return cmocka_run_group_tests_name("engineio", tests, NULL, NULL);
}
