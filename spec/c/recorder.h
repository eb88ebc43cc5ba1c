/* An owner of an Engine.IO session that writes down what it is told, one event
 * a line, in the words of spec/vectors/engineio.txt. Shared by the unit test
 * and the fuzz target. */
#ifndef GS_SPEC_RECORDER_H
#define GS_SPEC_RECORDER_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engineio.h"
#include "errors.h"

struct recorder {
  gs_engineio session;
  char *log; /* NUL-terminated */
  size_t len;
  size_t capacity;
  int opens;
  int closes;
  int error;           /* of on_close */
  size_t len_at_close; /* of |log|, with on_close's line */
};

static inline void recorder_reserve(struct recorder *recorder, size_t more) {
  if (recorder->len + more <= recorder->capacity) return;
  recorder->capacity = (recorder->len + more) * 2;
  recorder->log = realloc(recorder->log, recorder->capacity);
  if (!recorder->log) abort();
}

__attribute__((format(printf, 2, 3))) static inline void recorder_write(
    struct recorder *recorder, const char *format, ...) {
  va_list args;
  recorder_reserve(recorder, 512);
  va_start(args, format);
  int len = vsnprintf(recorder->log + recorder->len, 512, format, args);
  va_end(args);
  if (len < 0 || len >= 512) abort();
  recorder->len += (size_t)len;
}

static inline void recorder_write_text(struct recorder *recorder,
                                       const uint8_t *data, size_t len) {
  recorder_reserve(recorder, len * 4 + 1);
  for (size_t i = 0; i < len; i++) {
    bool plain = data[i] >= ' ' && data[i] < 0x7f && data[i] != '\\';
    recorder_write(recorder, plain ? "%c" : "\\x%02x", data[i]);
  }
}

static inline void recorder_write_hex(struct recorder *recorder,
                                      const uint8_t *data, size_t len) {
  recorder_reserve(recorder, len * 3 + 1);
  for (size_t i = 0; i < len; i++) recorder_write(recorder, " %02x", data[i]);
}

static inline void recorder_write_data(struct recorder *recorder,
                                       const uint8_t *data, size_t len,
                                       bool binary) {
  if (binary) {
    recorder_write_hex(recorder, data, len);
  } else if (len) {
    recorder_write(recorder, " ");
    recorder_write_text(recorder, data, len);
  }
}

static inline const char *recorder_find(const char *json, const char *key) {
  const char *at = strstr(json, key);
  return at ? at + strlen(key) : NULL;
}

static inline uint32_t recorder_number(const char *json, const char *key) {
  const char *at = recorder_find(json, key);
  double number = at ? strtod(at, NULL) : 0;
  return number > 0 && number <= UINT32_MAX ? (uint32_t)number : 0;
}

/* recorder_parse knows as much JSON as the reference server writes. */
static inline int recorder_parse(void *user, gs_handshake *out) {
  (void)user;
  if (out->json_len < 2 || out->json[0] != '{' ||
      out->json[out->json_len - 1] != '}') {
    return GS_ERR_PROTOCOL;
  }
  char *json = strndup(out->json, out->json_len);
  if (!json) return GS_ERR_NOMEM;
  out->ping_interval_ms = recorder_number(json, "\"pingInterval\":");
  out->ping_timeout_ms = recorder_number(json, "\"pingTimeout\":");
  out->max_payload = recorder_number(json, "\"maxPayload\":");
  const char *sid = recorder_find(json, "\"sid\":\"");
  if (sid) {
    snprintf(out->sid, sizeof out->sid, "%.*s", (int)strcspn(sid, "\""), sid);
  }
  free(json);
  return 0;
}

static inline void recorder_on_open(void *user, const gs_handshake *handshake) {
  struct recorder *recorder = user;
  recorder->opens++;
  recorder_write(recorder, "open %d sid=", handshake->version);
  recorder_write_text(recorder, (const uint8_t *)handshake->sid,
                      strlen(handshake->sid));
  recorder_write(recorder,
                 " interval=%" PRIu32 " timeout=%" PRIu32 " max=%" PRIu64
                 " json=",
                 handshake->ping_interval_ms, handshake->ping_timeout_ms,
                 handshake->max_payload);
  recorder_write_text(recorder, (const uint8_t *)handshake->json,
                      handshake->json_len);
  recorder_write(recorder, "\n");
}

static inline void recorder_on_message(void *user, const uint8_t *data,
                                       size_t len, bool binary) {
  struct recorder *recorder = user;
  recorder_write(recorder, "message %s", binary ? "binary" : "text");
  recorder_write_data(recorder, data, len, binary);
  recorder_write(recorder, "\n");
}

static inline void recorder_on_send(void *user, const uint8_t *header,
                                    size_t header_len, const uint8_t *body,
                                    size_t len, bool binary, bool compress) {
  struct recorder *recorder = user;
  recorder_write(recorder, "send %s", binary ? "binary" : "text");
  if (!binary) recorder_write(recorder, " ");
  if (binary) {
    recorder_write_hex(recorder, header, header_len);
    recorder_write_hex(recorder, body, len);
  } else {
    recorder_write_text(recorder, header, header_len);
    recorder_write_text(recorder, body, len);
  }
  recorder_write(recorder, compress ? " compressed\n" : "\n");
}

static inline void recorder_on_ping(void *user) {
  recorder_write(user, "ping\n");
}

static inline void recorder_on_close(void *user, int error, const char *text) {
  struct recorder *recorder = user;
  recorder->closes++;
  recorder->error = error;
  recorder_write(recorder, "close %s: %s\n",
                 error ? gs_error_name(error) : "OK", text);
  recorder->len_at_close = recorder->len;
}

static const gs_engineio_callbacks recorder_callbacks = {
    .parse = recorder_parse,
    .on_open = recorder_on_open,
    .on_message = recorder_on_message,
    .on_send = recorder_on_send,
    .on_ping = recorder_on_ping,
    .on_close = recorder_on_close,
};

static inline void recorder_init(struct recorder *recorder, int version,
                                 size_t max_payload) {
  memset(recorder, 0, sizeof *recorder);
  recorder_write(recorder, "%s", "");
  gs_engineio_init(&recorder->session, version, max_payload,
                   &recorder_callbacks, recorder);
}

static inline void recorder_free(struct recorder *recorder) {
  gs_engineio_free(&recorder->session);
  free(recorder->log);
  recorder->log = NULL;
}

/* recorder_feed feeds a message in pieces of |piece| bytes, each in a block of
 * just its size; |piece| 0: whole. An empty message is one piece. */
static inline void recorder_feed(struct recorder *recorder, const uint8_t *data,
                                 size_t len, bool binary, size_t piece,
                                 uint64_t now_ms) {
  size_t at = 0;
  do {
    size_t part = piece && piece < len - at ? piece : len - at;
    uint8_t *copy = part ? malloc(part) : NULL;
    if (part && !copy) abort();
    if (part) memcpy(copy, data + at, part);
    bool first = at == 0;
    at += part;
    gs_engineio_feed(&recorder->session, copy, part, first, at == len, binary,
                     now_ms);
    free(copy);
  } while (at < len);
}

#endif
