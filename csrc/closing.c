#include "closing.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>

#include "errors.h"
#include "utf8.h"

enum { CLOSING_REASON_MAX = 123 }; /* bytes, of a control frame */

int gs_closing_explain(const uint8_t *data, size_t len, char *text,
                       size_t text_size) {
  char reason[CLOSING_REASON_MAX + 1] = "";
  size_t reason_len = 0;
  if (len < 2) {
    snprintf(text, text_size,
             "the server closed the websocket without saying why");
    return 0;
  }
  for (size_t i = 2; i < len && reason_len < CLOSING_REASON_MAX; i++) {
    bool control = data[i] < ' ' || data[i] == 0x7f;
    reason[reason_len++] = control ? ' ' : (char)data[i];
  }
  if (!gs_utf8_valid(reason, reason_len)) reason_len = 0;
  reason[reason_len] = '\0';
  int code = data[0] << 8 | data[1];
  snprintf(text, text_size, "the server closed the websocket with code %d%s%s",
           code, reason_len ? ": " : "", reason);
  return code;
}

void gs_closing_write(int code, uint8_t payload[2]) {
  payload[0] = (uint8_t)(code >> 8);
  payload[1] = (uint8_t)code;
}

int gs_closing_explain_loss(int fd, const char **text) {
  char byte;
  ssize_t waiting = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  bool usable = waiting > 0 || (waiting < 0 && errno == EAGAIN);
  if (!usable) {
    *text = "the connection was lost without a close frame";
    return GS_ERR_NETWORK;
  }
  *text = "a frame came that breaks the websocket protocol";
  return GS_ERR_PROTOCOL;
}
