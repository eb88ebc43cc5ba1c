#include "utf8.h"

#include <stdint.h>
#include <string.h>

/* utf8_sequence returns the length of the sequence that begins at |at|, or 0
 * (RFC 3629, section 4). */
static size_t utf8_sequence(const uint8_t *at, size_t left) {
  uint8_t low = 0x80, high = 0xbf;
  size_t len;
  if (at[0] < 0x80) return 1;
  if (at[0] >= 0xc2 && at[0] <= 0xdf) {
    len = 2;
  } else if (at[0] >= 0xe0 && at[0] <= 0xef) {
    len = 3;
    if (at[0] == 0xe0) low = 0xa0;
    if (at[0] == 0xed) high = 0x9f;
  } else if (at[0] >= 0xf0 && at[0] <= 0xf4) {
    len = 4;
    if (at[0] == 0xf0) low = 0x90;
    if (at[0] == 0xf4) high = 0x8f;
  } else {
    return 0;
  }
  if (left < len || at[1] < low || at[1] > high) return 0;
  for (size_t i = 2; i < len; i++) {
    if (at[i] < 0x80 || at[i] > 0xbf) return 0;
  }
  return len;
}

bool gs_utf8_valid(const void *data, size_t len) {
  const uint8_t *at = data, *end = at + len;
  while (at < end) {
    uint64_t eight;
    /* Most text is ASCII: eight bytes at a time. */
    if (end - at >= 8) {
      memcpy(&eight, at, sizeof eight);
      if ((eight & 0x8080808080808080u) == 0) {
        at += 8;
        continue;
      }
    }
    size_t sequence = utf8_sequence(at, (size_t)(end - at));
    if (!sequence) return false;
    at += sequence;
  }
  return true;
}
