/* The beginning of a websocket for the bounds that have no library for it. */
#ifndef BENCH_DIAL_H
#define BENCH_DIAL_H

#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* send_text sends one short text frame. */
static void send_text(int fd, const char *text) {
  size_t len = strlen(text);
  uint8_t head[6] = {0x81, (uint8_t)(0x80 | len), 0, 0, 0, 0}; /* a mask of 0 */
  if (write(fd, head, sizeof head) < 0 || write(fd, text, len) < 0) exit(1);
}

/* dial connects to |url| and asks for the upgrade. */
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

#endif
