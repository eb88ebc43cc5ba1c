/* A lower bound: libwebsockets' own websocket client on a libuv loop, which
 * only counts messages. It decodes and calls nothing.
 *
 *   lws burst http://127.0.0.1:PORT COUNT
 *   lws burst https://localhost:PORT COUNT CA */
#include <libwebsockets.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "measure.h"

static long count, messages = -2; /* the open packet and the join come first */
static double cpu, wall;
static const char *waiting; /* text to be sent */

static void on_message(struct lws *wsi) {
  messages++;
  if (messages == -1) waiting = "40";
  if (messages == 0) {
    cpu = cpu_us();
    wall = wall_us();
    waiting = "42[\"go\"]";
  }
  if (waiting) lws_callback_on_writable(wsi);
  if (messages == count) {
    report(count, cpu, wall);
    fflush(stdout);
    _Exit(0);
  }
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason,
                    void *user, void *in, size_t len) {
  (void)user, (void)in, (void)len;
  uint8_t out[LWS_PRE + 64];
  switch (reason) {
    case LWS_CALLBACK_CLIENT_RECEIVE:
      if (lws_is_final_fragment(wsi) && !lws_remaining_packet_payload(wsi)) {
        on_message(wsi);
      }
      return 0;
    case LWS_CALLBACK_CLIENT_WRITEABLE:
      if (!waiting) return 0;
      memcpy(out + LWS_PRE, waiting, strlen(waiting));
      lws_write(wsi, out + LWS_PRE, strlen(waiting), LWS_WRITE_TEXT);
      waiting = NULL;
      return 0;
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
    case LWS_CALLBACK_CLIENT_CLOSED:
      exit(1);
    default:
      return 0;
  }
}

int main(int argc, char **argv) {
  static const struct lws_protocols protocols[] = {
      {.name = "bench", .callback = on_event, .rx_buffer_size = 65536},
      {.name = NULL}};
  if (argc < 4) return 2;
  count = strtol(argv[3], NULL, 10);
  bool tls = argc > 4;
  const char *host = tls ? "localhost" : "127.0.0.1";
  uv_loop_t loop;
  uv_loop_init(&loop);
  void *loops[] = {&loop};
  struct lws_context_creation_info info = {.port = CONTEXT_PORT_NO_LISTEN,
                                           .protocols = protocols,
                                           .options = LWS_SERVER_OPTION_LIBUV,
                                           .client_ssl_ca_filepath = argv[4],
                                           .foreign_loops = loops,
                                           .pt_serv_buf_size = 65536};
  if (tls) info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
  lws_set_log_level(0, NULL);
  struct lws_context *context = lws_create_context(&info);
  struct lws_client_connect_info to = {
      .context = context,
      .address = host,
      .port = (int)strtol(strrchr(argv[2], ':') + 1, NULL, 10),
      .path = "/socket.io/?EIO=4&transport=websocket",
      .host = host,
      .origin = host,
      .ssl_connection = tls ? LCCSCF_USE_SSL : 0,
      .local_protocol_name = "bench"};
  if (!context || !lws_client_connect_via_info(&to)) return 1;
  return uv_run(&loop, UV_RUN_DEFAULT);
}
