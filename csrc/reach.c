#include "reach.h"

#include <errno.h>
#include <stdio.h>
#include <uv.h>

void gs_reach_explain_lookup(const char *host, const char *words, char *text,
                             size_t text_size) {
  snprintf(text, text_size,
           "the host name %s could not be resolved: %s: is it right, and the "
           "network up?",
           host, words);
}

static const char *reach_advice(int sys_errno) {
  switch (sys_errno) {
    case ECONNREFUSED:
      return ": is the server running, and the port right?";
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTUNREACH:
      return ": is the network up?";
    case ETIMEDOUT:
      return ": is a firewall between?";
    default:
      return "";
  }
}

void gs_reach_explain_dial(const char *host, int port, int sys_errno,
                           char *text, size_t text_size) {
  char words[128] = "the connection was not made";
  if (sys_errno) {
    uv_strerror_r(uv_translate_sys_error(sys_errno), words, sizeof words);
  }
  snprintf(text, text_size, "could not connect to %s port %d: %s%s", host, port,
           words, reach_advice(sys_errno));
}

void gs_reach_explain_proxy(int status, char *text, size_t text_size) {
  if (status / 100 == 2) {
    snprintf(text, text_size,
             "the connection broke before the proxy had answered; asked once "
             "more, it lets us through");
  } else if (status) {
    snprintf(text, text_size,
             "the proxy refused the connection: it answered with status %d%s",
             status,
             status == 407 ? ": it wants a user name and a password, or others "
                             "than those of its URL"
                           : "");
  } else {
    snprintf(text, text_size,
             "the proxy closed the connection without an answer: is it an HTTP "
             "proxy, and the port right?");
  }
}

void gs_reach_explain_local(const char *address, int sys_errno, char *text,
                            size_t text_size) {
  char words[128];
  uv_strerror_r(uv_translate_sys_error(sys_errno), words, sizeof words);
  snprintf(text, text_size,
           "local_address %s cannot be used: %s: is it one of this machine's?",
           address, words);
}
