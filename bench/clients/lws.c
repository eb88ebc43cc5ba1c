/* A lower bound: libwebsockets' own websocket client on a libuv loop, which
 * only counts messages. It decodes and calls nothing.
 *
 *   lws burst|idle|hot http://127.0.0.1:PORT COUNT
 *   lws burst|idle|hot https://localhost:PORT COUNT CA */
#include <libwebsockets.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "measure.h"

enum { AT_ONCE = 50, WARM = 2000, HOT = 3000 };

/* libwebsockets sets it to zero. */
struct client {
  long messages;       /* the open packet and the join come first */
  const char *waiting; /* text to be sent */
};

static bool is_burst, is_hot;
static long count, made, joined;
static double cpu, wall;
static long before_kb;
static struct lws_client_connect_info to;

static void end(void) {
  fflush(stdout);
  _Exit(0);
}

static void open_next(void) {
  if (made == count) return;
  made++;
  if (!lws_client_connect_via_info(&to)) exit(1);
}

/* on_all_joined is told by the |last| of them. */
static void on_all_joined(struct client *last) {
  printf("{\"connect_us\":%.3f,\"kb\":%.3f", (cpu_us() - cpu) / (double)count,
         (double)(resident_kb() - before_kb) / (double)count);
  if (is_hot) {
    last->waiting = "42[\"go\"]";
  } else {
    puts("}");
    end();
  }
}

static void on_joined(struct client *client) {
  joined++;
  if (is_burst) {
    cpu = cpu_us();
    wall = wall_us();
    client->waiting = "42[\"go\"]";
    return;
  }
  open_next();
  if (joined == count) on_all_joined(client);
}

static void on_event(const struct client *client) {
  long events = client->messages - 2;
  if (is_burst && events == count) {
    report(count, cpu, wall);
    end();
  }
  if (is_hot && events == WARM) cpu = cpu_us();
  if (is_hot && events == WARM + HOT) {
    printf(",\"cpu_us\":%.3f}\n", (cpu_us() - cpu) / HOT);
    end();
  }
}

static void on_message(struct lws *wsi, struct client *client) {
  client->messages++;
  if (client->messages == 1) client->waiting = "40";
  if (client->messages == 2) on_joined(client);
  if (client->messages > 2) on_event(client);
  if (client->waiting) lws_callback_on_writable(wsi);
}

static int on_callback(struct lws *wsi, enum lws_callback_reasons reason,
                       void *user, void *in, size_t len) {
  (void)in, (void)len;
  struct client *client = user;
  uint8_t out[LWS_PRE + 64];
  switch (reason) {
    case LWS_CALLBACK_CLIENT_RECEIVE:
      if (lws_is_final_fragment(wsi) && !lws_remaining_packet_payload(wsi)) {
        on_message(wsi, client);
      }
      return 0;
    case LWS_CALLBACK_CLIENT_WRITEABLE:
      if (!client->waiting) return 0;
      size_t size = strlen(client->waiting);
      memcpy(out + LWS_PRE, client->waiting, size);
      client->waiting = NULL;
      lws_write(wsi, out + LWS_PRE, size, LWS_WRITE_TEXT);
      return 0;
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
    case LWS_CALLBACK_CLIENT_CLOSED:
      exit(1);
    default:
      return 0;
  }
}

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  is_burst = !strcmp(argv[1], "burst");
  is_hot = !strcmp(argv[1], "hot");
  count = strtol(argv[3], NULL, 10);
  bool tls = argc > 4;
  const char *host = tls ? "localhost" : "127.0.0.1";
  struct lws_protocols protocols[] = {
      {.name = "bench",
       .callback = on_callback,
       .per_session_data_size = sizeof(struct client),
       .rx_buffer_size = is_burst ? 65536 : 4096},
      {.name = NULL}};
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
  to = (struct lws_client_connect_info){
      .context = lws_create_context(&info),
      .address = host,
      .port = (int)strtol(strrchr(argv[2], ':') + 1, NULL, 10),
      .path = "/socket.io/?EIO=4&transport=websocket",
      .host = host,
      .origin = host,
      .ssl_connection = tls ? LCCSCF_USE_SSL : 0,
      .local_protocol_name = "bench"};
  if (!to.context) return 1;
  cpu = cpu_us();
  before_kb = resident_kb();
  /* So many at once, as a careful program would. */
  for (int i = 0; i < (is_burst ? 1 : AT_ONCE); i++) open_next();
  return uv_run(&loop, UV_RUN_DEFAULT);
}
