/* csrc/engine.c and all that lives on its loop, out of memory: each allocation
 * of the core fails in its turn, on whichever thread it is. Then a start says
 * so, or what was begun is answered exactly once, and nothing is left.
 *
 * The unit tests fail allocations of one thread and one file each; here it is
 * connection.c, dial.c, websocket.c, link.c, clockwatch.c, probe.c,
 * proxy_probe.c, outgoing.c and their queues, as they work together. */
#define _GNU_SOURCE
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine.h"
#include "errors.h"
#include "events.h"
#include "fields.h"
#include "link.h"
#include "listen.h"
#include "thread_memory.h"

enum { ATTEMPTS_MAX = 500 };

/* ---- A server: websockets with one message, or an HTTP answer ---- */

static int server_port; /* 0 until it listens */

static void server_write(int fd, const char *text, size_t len) {
  while (len) {
    ssize_t written = write(fd, text, len);
    if (written <= 0) return;
    text += written;
    len -= (size_t)written;
  }
}

static void server_send_frame(int fd, const char *text) {
  char frame[128] = {(char)0x81, (char)strlen(text)};
  snprintf(frame + 2, sizeof frame - 2, "%s", text);
  server_write(fd, frame, strlen(text) + 2);
}

/* server_upgrade answers a key as RFC 6455, section 4.2.2, says. */
static void server_upgrade(int fd, const char *key) {
  char text[256], accept[64];
  unsigned char digest[SHA_DIGEST_LENGTH];
  snprintf(text, sizeof text, "%.24s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
  SHA1((unsigned char *)text, strlen(text), digest);
  EVP_EncodeBlock((unsigned char *)accept, digest, sizeof digest);
  snprintf(text, sizeof text,
           "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
           "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
           accept);
  server_write(fd, text, strlen(text));
  server_send_frame(fd,
                    "0{\"sid\":\"s\",\"upgrades\":[],\"pingInterval\":25000,"
                    "\"pingTimeout\":20000}");
  server_send_frame(fd, "4hello");
}

static void *server_serve(void *user) {
  static const char ANSWER[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  int fd = (int)(intptr_t)user;
  char head[4096];
  size_t len = 0;
  ssize_t count;
  do {
    count = read(fd, head + len, sizeof head - 1 - len);
    if (count > 0) len += (size_t)count;
    head[len] = '\0';
    /* What speaks TLS (a handshake record) is hung up on. */
    if (head[0] == 0x16) break;
  } while (count > 0 && !strstr(head, "\r\n\r\n") && len < sizeof head - 1);
  const char *key = strcasestr(head, "sec-websocket-key: ");
  if (key) {
    server_upgrade(fd, key + strlen("sec-websocket-key: "));
  } else if (strncmp(head, "GET ", 4) == 0) {
    server_write(fd, ANSWER, sizeof ANSWER - 1);
  }
  /* The others end by themselves; a close frame is answered by hanging up. */
  bool goes_on = strstr(head, "\r\n\r\n") != NULL;
  while (goes_on)
    goes_on = read(fd, head, sizeof head) > 0 && head[0] != '\x88';
  close(fd);
  return NULL;
}

static void *server_run(void *user) {
  int listener = (int)(intptr_t)user, fd;
  while ((fd = accept(listener, NULL, NULL)) >= 0) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, server_serve, (void *)(intptr_t)fd)) {
      abort();
    }
    pthread_detach(thread);
  }
  return NULL;
}

static int server_start(void **state) {
  (void)state;
  pthread_t thread;
  int fd = listen_at("127.0.0.1", &server_port, 64);
  assert_int_equal(
      pthread_create(&thread, NULL, server_run, (void *)(intptr_t)fd), 0);
  return pthread_detach(thread);
}

/* ---- What is tried ---- */

typedef struct {
  const char *host;
  bool tls, is_request, is_refused, has_proxy;
} plan;

static void put_options(gs_buf *fields, const plan *it) {
  char url[64];
  int port = it->is_refused ? 1 : server_port;
  gs_buf_init(fields, GS_MAX_CONTROL);
  snprintf(url, sizeof url, "http://127.0.0.1:%d/", port);
  assert_int_equal(gs_fields_put_text(fields, "host", it->host), 0);
  assert_int_equal(gs_fields_put_number(fields, "port", port), 0);
  assert_int_equal(gs_fields_put_bool(fields, "tls", it->tls), 0);
  assert_int_equal(gs_fields_put_text(fields, "path", "/"), 0);
  if (it->is_request) {
    assert_int_equal(gs_fields_put_text(fields, "url", url), 0);
  }
  if (it->has_proxy) {
    assert_int_equal(gs_fields_put_text(fields, "proxy", "http://127.0.0.1:1"),
                     0);
  }
}

/* next_event returns false where none comes any more. */
static bool next_event(gs_engine *engine, gs_record *event) {
  struct pollfd wait = {.fd = gs_engine_fd(engine), .events = POLLIN};
  while (!gs_engine_next(engine, event)) {
    if (poll(&wait, 1, PATIENCE_MS) != 1) return false;
  }
  return true;
}

/* command tries once more where memory was short, as a script would. */
static void command(gs_engine *engine, uint16_t kind, const void *data,
                    size_t len) {
  int err = gs_engine_command(engine, kind, 0, 1, NULL, 0, data, len);
  if (err) {
    assert_int_equal(err, GS_ERR_NOMEM);
    err = gs_engine_command(engine, kind, 0, 1, NULL, 0, data, len);
  }
  assert_int_equal(err, 0);
}

/* await_gone takes events until nothing is left of the connection. */
static void await_gone(gs_engine *engine) {
  static const int NORMAL = 1000;
  int closed = 0;
  gs_record event = {0};
  while (event.kind != GS_EVENT_GONE) {
    assert_true(next_event(engine, &event));
    if (event.kind == GS_EVENT_OPEN) command(engine, GS_COMMAND_SEND, "x", 1);
    if (event.kind == GS_EVENT_MESSAGE) {
      command(engine, GS_COMMAND_CLOSE, &NORMAL, sizeof NORMAL);
    }
    closed += event.kind == GS_EVENT_CLOSED;
  }
  assert_int_equal(closed, 1);
}

static void connect_once(gs_engine *engine, const gs_buf *fields) {
  gs_link *link = gs_link_new(1, GS_MAX_QUEUE);
  if (!link) return;
  gs_link *held = gs_link_retain(link);
  int err = gs_engine_command(engine, GS_COMMAND_OPEN, 0, 1, &held, sizeof held,
                              fields->data, fields->len);
  if (err) {
    assert_int_equal(err, GS_ERR_NOMEM);
    gs_link_release(held);
  } else {
    await_gone(engine);
  }
  gs_link_release(link);
}

static void request_once(gs_engine *engine, const gs_buf *fields) {
  gs_record event;
  int err = gs_engine_command(engine, GS_COMMAND_REQUEST, 0, 1, NULL, 0,
                              fields->data, fields->len);
  if (err) {
    assert_int_equal(err, GS_ERR_NOMEM);
    return;
  }
  assert_true(next_event(engine, &event));
  assert_int_equal(event.kind, GS_EVENT_RESPONSE);
}

static void attempt(const plan *it, const gs_buf *fields) {
  char text[256] = "";
  gs_engine *engine = gs_engine_new(text, sizeof text);
  if (!engine) {
    assert_string_not_equal(text, "");
    return;
  }
  if (it->is_request) {
    request_once(engine, fields);
  } else {
    connect_once(engine, fields);
  }
  gs_engine_free(engine);
}

/* each_allocation fails them one after the other, until none is left. */
static void each_allocation(const plan *it) {
  bool done = false;
  long before = live;
  for (long n = 1; !done && n < ATTEMPTS_MAX; n++) {
    gs_buf fields;
    put_options(&fields, it);
    atomic_store(&has_failed, false);
    atomic_store(&fail_in, n);
    attempt(it, &fields);
    atomic_store(&fail_in, 0);
    gs_buf_free(&fields);
    until_live(before);
    done = !atomic_load(&has_failed);
  }
  assert_true(done);
}

static void a_connection_ends_once(void **state) {
  (void)state;
  each_allocation(&(plan){.host = "127.0.0.1"});
}

static void a_connection_by_name_ends_once(void **state) {
  (void)state;
  each_allocation(&(plan){.host = "localhost"});
}

static void a_tls_handshake_ends_once(void **state) {
  (void)state;
  each_allocation(&(plan){.host = "127.0.0.1", .tls = true});
}

static void a_refused_connection_ends_once(void **state) {
  (void)state;
  each_allocation(&(plan){.host = "127.0.0.1", .is_refused = true});
}

static void a_connection_through_a_proxy_ends_once(void **state) {
  (void)state;
  each_allocation(&(plan){.host = "127.0.0.1", .has_proxy = true});
}

static void a_request_is_answered_once(void **state) {
  (void)state;
  each_allocation(&(plan){.host = "127.0.0.1", .is_request = true});
}

/* The command to stop needs a new chunk of the queue where the last one is
 * full: nobody would be left to end the thread. */
static void stopping_needs_no_memory(void **state) {
  (void)state;
  char *data = calloc(1, GS_CHUNK_BYTES);
  assert_non_null(data);
  int failures = 0;
  for (size_t less = 0; less <= 256; less += 8) {
    long before = live;
    char text[256];
    gs_engine *engine = gs_engine_new(text, sizeof text);
    assert_non_null(engine);
    command(engine, GS_COMMAND_SEND, data, GS_CHUNK_BYTES - less);
    atomic_store(&has_failed, false);
    atomic_store(&fail_in, 1);
    gs_engine_free(engine);
    atomic_store(&fail_in, 0);
    failures += atomic_load(&has_failed);
    until_live(before);
  }
  assert_true(failures > 0);
  free(data);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_connection_ends_once),
      cmocka_unit_test(a_connection_by_name_ends_once),
      cmocka_unit_test(a_tls_handshake_ends_once),
      cmocka_unit_test(a_refused_connection_ends_once),
      cmocka_unit_test(a_connection_through_a_proxy_ends_once),
      cmocka_unit_test(a_request_is_answered_once),
      cmocka_unit_test(stopping_needs_no_memory),
  };
  signal(SIGPIPE, SIG_IGN); /* a peer of this test hangs up on its own server */
  return cmocka_run_group_tests(tests, server_start, NULL);
}
