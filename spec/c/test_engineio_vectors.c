/* Unit test of csrc/engineio.c: the wire cases of spec/vectors/engineio.txt,
 * each with whole messages, with messages cut in two at every byte, and byte
 * by byte.
 * Links csrc/engineio.c csrc/base64.c csrc/buf.c csrc/errors.c (and see
 * check.h). Run it from the project's root, or with the file's name as its
 * argument. */
#include "engineio.h"

#include <ctype.h>

#include "check.h"
#include "recorder.h"

static const char *vectors_path = "spec/vectors/engineio.txt";

enum { LINE_MAX_BYTES = 1024, START_MS = 1000000, DEFAULT_PAYLOAD = 1000 };

/* How messages are cut: into pieces of |piece| bytes, or if |cut| is not 0
 * into two, the first of |cut| bytes. Neither: whole. */
struct cutting {
  size_t piece;
  size_t cut;
};

struct player {
  struct recorder recorder;
  struct cutting cutting;
  uint64_t now_ms;
  bool running; /* between a case line and the next */
  char name[LINE_MAX_BYTES];
  char expected[8 * LINE_MAX_BYTES]; /* events after the step at |step_line| */
  int step_line;
  size_t longest; /* message of the file, in bytes */
  int cases;
};

static void player_fail(const struct player *player, int line,
                        const char *text) {
  fail_msg("%s:%d: %s (case \"%s\", pieces of %zu, cut at %zu)", vectors_path,
           line, text, player->name, player->cutting.piece,
           player->cutting.cut);
}

/* player_settle compares what came of the last step with the file. */
static void player_settle(struct player *player) {
  struct recorder *recorder = &player->recorder;
  if (!player->running) return;
  if (strcmp(recorder->log, player->expected) != 0) {
    print_error("expected:\n%sgot:\n%s", player->expected, recorder->log);
    player_fail(player, player->step_line, "other events than expected");
  }
  player->expected[0] = '\0';
  recorder->log[0] = '\0';
  recorder->len = 0;
}

static void player_finish(struct player *player) {
  if (!player->running) return;
  player_settle(player);
  gs_engineio_close(&player->recorder.session);
  if (player->recorder.closes != 1) {
    player_fail(player, player->step_line, "on_close was not called once");
  }
  if (player->recorder.opens > 1) {
    player_fail(player, player->step_line, "on_open was called twice");
  }
  recorder_free(&player->recorder);
  player->running = false;
}

static void player_begin(struct player *player, const char *name) {
  player_finish(player);
  snprintf(player->name, sizeof player->name, "%s", name);
  recorder_init(&player->recorder, GS_ENGINEIO_AUTO, DEFAULT_PAYLOAD);
  player->now_ms = START_MS;
  player->running = true;
  player->cases++;
}

/* player_restart applies a setting, before the first step of a case. */
static void player_restart(struct player *player, int version,
                           size_t max_payload) {
  recorder_free(&player->recorder);
  recorder_init(&player->recorder, version, max_payload);
}

static int hex_digit(int c) {
  if (isdigit(c)) return c - '0';
  return isxdigit(c) ? tolower(c) - 'a' + 10 : -1;
}

/* parse_text reads DATA in place and returns its length. */
static size_t parse_text(char *text) {
  char *out = text;
  for (const char *at = text; *at;) {
    bool escape = at[0] == '\\' && at[1] == 'x';
    if (escape) {
      *out++ = (char)(hex_digit(at[2]) << 4 | hex_digit(at[3]));
      at += 4;
    } else {
      *out++ = *at++;
    }
  }
  return (size_t)(out - text);
}

/* parse_hex reads HEX in place and returns its length. */
static size_t parse_hex(char *text) {
  char *out = text;
  const char *at = text;
  while (*at) {
    if (*at == ' ') {
      at++;
      continue;
    }
    *out++ = (char)(hex_digit(at[0]) << 4 | hex_digit(at[1]));
    at += 2;
  }
  return (size_t)(out - text);
}

static void player_feed(struct player *player, const uint8_t *data, size_t len,
                        bool binary) {
  struct cutting cutting = player->cutting;
  struct recorder *recorder = &player->recorder;
  if (len > player->longest) player->longest = len;
  if (cutting.cut == 0 || cutting.cut > len) {
    recorder_feed(recorder, data, len, binary, cutting.piece, player->now_ms);
    return;
  }
  uint8_t *one = check_copy(data, cutting.cut);
  uint8_t *two = check_copy(data + cutting.cut, len - cutting.cut);
  gs_engineio_feed(&recorder->session, one, cutting.cut, true, false, binary,
                   player->now_ms);
  gs_engineio_feed(&recorder->session, two, len - cutting.cut, false, true,
                   binary, player->now_ms);
  free(one);
  free(two);
}

static void player_wait(struct player *player, uint64_t ms) {
  gs_engineio *session = &player->recorder.session;
  uint64_t until_ms = player->now_ms + ms;
  for (;;) {
    uint64_t at_ms = gs_engineio_deadline(session);
    if (!at_ms || at_ms > until_ms) break;
    if (at_ms > player->now_ms) player->now_ms = at_ms;
    gs_engineio_tick(session, player->now_ms);
  }
  player->now_ms = until_ms;
}

/* take_word cuts the first word off |*line| and returns it. */
static char *take_word(char **line) {
  char *word = *line;
  *line += strcspn(*line, " ");
  if (**line) *(*line)++ = '\0';
  return word;
}

/* player_data does "text DATA" or "binary HEX", from the server or from us. */
static bool player_data(struct player *player, char *line, bool ours) {
  bool binary = strcmp(take_word(&line), "binary") == 0;
  size_t len = binary ? parse_hex(line) : parse_text(line);
  const uint8_t *data = (const uint8_t *)line;
  if (!ours) {
    player_feed(player, data, len, binary);
    return true;
  }
  gs_engineio *session = &player->recorder.session;
  bool open = session->state == GS_ENGINEIO_OPEN;
  int err = gs_engineio_send(session, data, len, binary, false);
  return err == (open ? 0 : GS_ERR_CLOSED);
}

static bool player_set(struct player *player, const char *word,
                       const char *value) {
  gs_engineio *session = &player->recorder.session;
  if (strcmp(word, "engine") == 0) {
    int version = strcmp(value, "auto") == 0 ? GS_ENGINEIO_AUTO : atoi(value);
    player_restart(player, version, session->max_payload);
  } else if (strcmp(word, "max_payload") == 0) {
    player_restart(player, session->version, strtoul(value, NULL, 10));
  } else if (strcmp(word, "base64") == 0) {
    gs_engineio_send_base64(session);
  } else {
    return false;
  }
  return true;
}

static bool player_step(struct player *player, const char *word, char *line) {
  gs_engineio *session = &player->recorder.session;
  if (player_set(player, word, line)) return true;
  if (strcmp(word, "<") == 0) return player_data(player, line, false);
  if (strcmp(word, "send") == 0) return player_data(player, line, true);
  if (strcmp(word, "close") == 0) {
    gs_engineio_close(session);
  } else if (strcmp(word, "tick") == 0) {
    gs_engineio_tick(session, player->now_ms);
  } else if (strcmp(word, "wait") == 0) {
    player_wait(player, strtoull(line, NULL, 10));
  } else if (strcmp(word, "suspend") == 0) {
    player->now_ms += strtoull(line, NULL, 10);
  } else {
    return false;
  }
  return true;
}

static void player_line(struct player *player, char *line, int number) {
  line[strcspn(line, "\n")] = '\0';
  if (line[0] == '\0' || line[0] == '#') return;
  char *word = take_word(&line);
  if (strcmp(word, ">") == 0) {
    strncat(player->expected, line,
            sizeof player->expected - strlen(player->expected) - 1);
    strncat(player->expected, "\n",
            sizeof player->expected - strlen(player->expected) - 1);
    return;
  }
  if (strcmp(word, "case") == 0) {
    player_begin(player, line);
    player->step_line = number;
    return;
  }
  player_settle(player);
  player->step_line = number;
  if (!player_step(player, word, line)) {
    player_fail(player, number, "this line does not work");
  }
}

/* play runs every case of the file and returns its longest message. */
static size_t play(struct cutting cutting) {
  static struct player player;
  memset(&player, 0, sizeof player);
  player.cutting = cutting;
  FILE *file = fopen(vectors_path, "r");
  if (!file) fail_msg("cannot open %s: run from the root", vectors_path);
  char line[LINE_MAX_BYTES];
  for (int number = 1; fgets(line, sizeof line, file); number++) {
    player_line(&player, line, number);
  }
  fclose(file);
  player_finish(&player);
  assert_true(player.cases > 40);
  return player.longest;
}

static void vectors_hold_with_whole_messages(void **state) {
  (void)state;
  play((struct cutting){0});
}

static void vectors_hold_byte_by_byte(void **state) {
  (void)state;
  play((struct cutting){.piece = 1});
}

static void vectors_hold_cut_at_every_byte(void **state) {
  (void)state;
  size_t longest = play((struct cutting){0});
  for (size_t cut = 1; cut <= longest; cut++) {
    play((struct cutting){.cut = cut});
  }
}

int main(int argc, char **argv) {
  if (argc > 1) vectors_path = argv[1];
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(vectors_hold_with_whole_messages),
      cmocka_unit_test(vectors_hold_byte_by_byte),
      cmocka_unit_test(vectors_hold_cut_at_every_byte),
  };
  return cmocka_run_group_tests_name("engineio vectors", tests, NULL, NULL);
}
