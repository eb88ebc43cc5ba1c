/* A lower bound: wslay, which puts messages together and checks UTF-8 as a
 * client must, on a plain socket without a loop. It decodes and calls nothing.
 *
 *   wslay burst http://127.0.0.1:PORT COUNT */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wslay/wslay.h>

#include "dial.h"
#include "measure.h"

static int fd;
static long count, messages = -2; /* the open packet and the join come first */
static double cpu, wall;
static uint8_t buffer[1 << 16];
static size_t have, at;

static ssize_t on_recv(wslay_event_context_ptr context, uint8_t *into,
                       size_t room, int flags, void *user) {
  (void)flags, (void)user;
  if (at == have) {
    wslay_event_set_error(context, WSLAY_ERR_WOULDBLOCK);
    return -1;
  }
  size_t len = have - at < room ? have - at : room;
  memcpy(into, buffer + at, len);
  at += len;
  return (ssize_t)len;
}

static void on_message(wslay_event_context_ptr context,
                       const struct wslay_event_on_msg_recv_arg *message,
                       void *user) {
  (void)context, (void)message, (void)user;
  messages++;
  if (messages == -1) send_text(fd, "40");
  if (messages == 0) {
    cpu = cpu_us();
    wall = wall_us();
    send_text(fd, "42[\"go\"]");
  }
  if (messages == count) {
    report(count, cpu, wall);
    exit(0);
  }
}

/* read_head reads until the head of the answer is complete. */
static bool read_head(void) {
  uint8_t *end = NULL;
  while (!end) {
    ssize_t got = read(fd, buffer + have, sizeof buffer - have);
    if (got <= 0) return false;
    have += (size_t)got;
    end = memmem(buffer, have, "\r\n\r\n", 4);
  }
  at = (size_t)(end - buffer) + 4;
  return true;
}

int main(int argc, char **argv) {
  static const struct wslay_event_callbacks callbacks = {
      .recv_callback = on_recv, .on_msg_recv_callback = on_message};
  wslay_event_context_ptr context;
  if (argc < 4) return 2;
  fd = dial(argv[2]);
  count = strtol(argv[3], NULL, 10);
  if (!read_head()) return 1;
  if (wslay_event_context_client_init(&context, &callbacks, NULL)) return 1;
  wslay_event_config_set_max_recv_msg_length(context, 1 << 24);
  while (wslay_event_recv(context) == 0) {
    ssize_t got = read(fd, buffer, sizeof buffer);
    if (got <= 0) break;
    have = (size_t)got;
    at = 0;
  }
  return 1;
}
