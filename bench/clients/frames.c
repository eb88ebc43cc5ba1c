/* A lower bound: reads websocket frames with nothing but recv() and a look at
 * their heads. It checks, decodes and calls nothing.
 *
 *   frames burst http://127.0.0.1:PORT COUNT */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "measure.h"

static void send_text(int fd, const char *text) {
  size_t len = strlen(text);
  uint8_t head[6] = {0x81, (uint8_t)(0x80 | len), 0, 0, 0, 0}; /* a mask of 0 */
  if (write(fd, head, sizeof head) < 0 || write(fd, text, len) < 0) exit(1);
}

static int dial(const char *url) {
  struct sockaddr_in to = {.sin_family = AF_INET};
  const char *port = strrchr(url, ':');
  to.sin_port = htons((uint16_t)strtoul(port + 1, NULL, 10));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(fd, (struct sockaddr *)&to, sizeof to)) exit(1);
  static const char request[] =
      "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: a\r\n"
      "Connection: Upgrade\r\nUpgrade: websocket\r\n"
      "Sec-WebSocket-Version: 13\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
  if (write(fd, request, sizeof request - 1) < 0) exit(1);
  return fd;
}

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
