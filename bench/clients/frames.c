/* A lower bound: reads websocket frames with nothing but recv() and a look at
 * their heads. It checks, decodes and calls nothing.
 *
 *   frames burst http://127.0.0.1:PORT COUNT */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dial.h"
#include "measure.h"

static uint8_t buffer[1 << 16];

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  int fd = dial(argv[2]);
  long count = strtol(argv[3], NULL, 10);
  size_t have = 0, skip = 0;
  long frames = -2; /* the open packet and the join come first */
  bool upgraded = false;
  double cpu = 0, wall = 0;
  while (frames < count) {
    ssize_t got = read(fd, buffer + have, sizeof buffer - have);
    if (got <= 0) return 1;
    have += (size_t)got;
    size_t at = 0;
    if (!upgraded) {
      uint8_t *end = memmem(buffer, have, "\r\n\r\n", 4);
      if (!end) continue;
      upgraded = true;
      at = (size_t)(end - buffer) + 4;
    }
    while (at < have) {
      if (skip) {
        size_t now = skip < have - at ? skip : have - at;
        skip -= now;
        at += now;
        if (skip) break;
        frames++;
        if (frames == -1) send_text(fd, "40");
        if (frames == 0) {
          cpu = cpu_us();
          wall = wall_us();
          send_text(fd, "42[\"go\"]");
        }
        continue;
      }
      size_t size = buffer[at + 1 < have ? at + 1 : at] & 127;
      size_t head = size == 126 ? 4 : size == 127 ? 10 : 2;
      if (have - at < head || have - at < 2) break;
      if (head > 2) {
        size = 0;
        for (size_t i = 2; i < head; i++) size = size << 8 | buffer[at + i];
      }
      at += head;
      skip = size;
    }
    memmove(buffer, buffer + at, have - at);
    have -= at;
  }
  report(count, cpu, wall);
  return 0;
}
