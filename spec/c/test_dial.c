/* csrc/dial.c: a name with several addresses, of either family. This file is
 * the resolver too. Links: everything but lua_*.c and resolve.c */
#include "dial.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "check.h"
#include "clock.h"
#include "errors.h"
#include "fields.h"
#include "listen.h"
#include "resolve.h"

enum { PATIENCE_MS = 20000, TURN_MS = 2, BACKLOG_FILLERS = 4 };

/* ---- the resolver: tells |answers| from a timer ---- */

struct gs_resolve {
  uv_timer_t timer;
  gs_resolve_callback callback; /* NULL once cancelled */
  void *user;
};

static const char *answers[4];

static void resolve_on_close(uv_handle_t *handle) { free(handle->data); }

static void resolve_on_timer(uv_timer_t *timer) {
  struct addrinfo list[4] = {0};
  struct sockaddr_storage addresses[4] = {0};
  gs_resolve *resolve = timer->data;
  gs_resolve_callback callback = resolve->callback;
  for (size_t i = 0; i < 4 && answers[i]; i++) {
    bool is_ipv6 = strchr(answers[i], ':') != NULL;
    list[i].ai_family = is_ipv6 ? AF_INET6 : AF_INET;
    list[i].ai_socktype = SOCK_STREAM;
    list[i].ai_addr = (struct sockaddr *)&addresses[i];
    list[i].ai_addrlen =
        is_ipv6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    if (is_ipv6) {
      uv_ip6_addr(answers[i], 0, (struct sockaddr_in6 *)&addresses[i]);
    } else {
      uv_ip4_addr(answers[i], 0, (struct sockaddr_in *)&addresses[i]);
    }
    if (i > 0) list[i - 1].ai_next = &list[i];
  }
  resolve->callback = NULL;
  uv_close((uv_handle_t *)timer, resolve_on_close);
  if (callback) callback(resolve->user, 0, "", list);
}

gs_resolve *gs_resolve_start(uv_loop_t *loop, const char *host,
                             gs_resolve_callback callback, void *user) {
  gs_resolve *resolve = calloc(1, sizeof *resolve);
  assert_string_equal(host, "both.test");
  assert_non_null(resolve);
  resolve->callback = callback;
  resolve->user = user;
  resolve->timer.data = resolve;
  uv_timer_init(loop, &resolve->timer);
  uv_timer_start(&resolve->timer, resolve_on_timer, 0, 0);
  return resolve;
}

void gs_resolve_cancel(gs_resolve *resolve) {
  if (resolve) resolve->callback = NULL;
}

/* ---- what the tests share ---- */

static uv_loop_t loop;
static gs_dial_means means;
static gs_dial *dial;
static int failures, last_error, last_errno;
static char last_text[512];

static void on_up(void *user, gs_websocket *websocket) {
  (void)user, (void)websocket;
  fail_msg("nobody here upgrades");
}

static void on_fail(void *user, const gs_websocket_failure *failure) {
  (void)user;
  failures++;
  last_error = failure->error;
  last_errno = failure->sys_errno;
  snprintf(last_text, sizeof last_text, "%s", failure->text);
}

static const gs_dial_callbacks callbacks = {.on_up = on_up, .on_fail = on_fail};

static int set_up(void **state) {
  (void)state;
  char text[256] = "";
  failures = 0;
  if (uv_loop_init(&loop)) return -1;
  means.loop = &loop;
  means.websockets = gs_websocket_context_new(&loop, text, sizeof text);
  means.tls = gs_tls_cache_new();
  return means.websockets && means.tls ? 0 : -1;
}

/* tear_down checks that nothing is left on the loop. */
static int tear_down(void **state) {
  (void)state;
  gs_dial_free(dial), dial = NULL;
  gs_websocket_context_stop(means.websockets);
  uv_run(&loop, UV_RUN_DEFAULT);
  gs_websocket_context_free(means.websockets);
  gs_tls_cache_free(means.tls);
  uv_run(&loop, UV_RUN_DEFAULT);
  return uv_loop_close(&loop);
}

static void start(int port, uint64_t give_up_ms) {
  gs_buf fields;
  gs_buf_init(&fields, GS_MAX_CONTROL);
  assert_int_equal(gs_fields_put_text(&fields, "host", "both.test"), 0);
  assert_int_equal(gs_fields_put_text(&fields, "path", "/"), 0);
  assert_int_equal(gs_fields_put_number(&fields, "port", port), 0);
  dial = gs_dial_new(&means, fields.data, fields.len, &callbacks, NULL);
  gs_buf_free(&fields);
  assert_non_null(dial);
  gs_dial_start(dial, give_up_ms);
}

static void turn(void) {
  uv_run(&loop, UV_RUN_NOWAIT);
  poll(NULL, 0, TURN_MS);
}

/* accept_dialled waits for the connection at |fd|, and closes both. */
static void accept_dialled(int fd) {
  uint64_t until = gs_clock_ms() + PATIENCE_MS;
  struct pollfd wait = {.fd = fd, .events = POLLIN};
  while (poll(&wait, 1, TURN_MS) == 0 && failures == 0 &&
         gs_clock_ms() < until) {
    uv_run(&loop, UV_RUN_NOWAIT);
  }
  assert_int_equal(failures, 0);
  assert_true(wait.revents & POLLIN);
  int peer = accept(fd, NULL, NULL);
  assert_true(peer >= 0);
  close(peer);
  close(fd);
}

/* ---- tests ---- */

static void falls_back_from_ipv6_to_ipv4(void **state) {
  (void)state;
  int port = 0, fd = listen_at("127.0.0.1", &port, 8);
  answers[0] = "::1", answers[1] = "127.0.0.1", answers[2] = NULL;
  start(port, 0);
  accept_dialled(fd);
}

static void falls_back_from_ipv4_to_ipv6(void **state) {
  (void)state;
  int port = 0, fd = listen_at("::1", &port, 8);
  answers[0] = "127.0.0.1", answers[1] = "127.0.0.3", answers[2] = "::1";
  answers[3] = NULL;
  start(port, 0);
  accept_dialled(fd);
}

static void leaves_an_address_that_does_not_answer(void **state) {
  (void)state;
  int port = 0, fillers[BACKLOG_FILLERS];
  int full = listen_at("127.0.0.3", &port, 0);
  int fd = listen_at("127.0.0.1", &port, 8);
  struct sockaddr_in hole;
  uv_ip4_addr("127.0.0.3", port, &hole);
  for (int i = 0; i < BACKLOG_FILLERS; i++) { /* the next SYN is dropped */
    fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int err = connect(fillers[i], (struct sockaddr *)&hole, sizeof hole);
    assert_true(err == 0 || errno == EINPROGRESS);
  }
  answers[0] = "127.0.0.3", answers[1] = "127.0.0.1", answers[2] = NULL;
  start(port, gs_clock_ms() + PATIENCE_MS);
  uint64_t until = gs_clock_ms() + PATIENCE_MS;
  while (!gs_dial_deadline(dial) && gs_clock_ms() < until) turn();
  assert_int_not_equal(gs_dial_deadline(dial), 0);
  assert_int_equal(gs_dial_phase(dial), GS_PHASE_TCP);
  gs_dial_tick(dial, gs_dial_deadline(dial)); /* its share is over */
  accept_dialled(fd);
  for (int i = 0; i < BACKLOG_FILLERS; i++) close(fillers[i]);
  close(full);
}

static void names_the_host_where_every_address_refuses(void **state) {
  (void)state;
  int port = 0;
  close(listen_at("127.0.0.1", &port, 8));
  answers[0] = "::1", answers[1] = "127.0.0.1", answers[2] = NULL;
  start(port, 0);
  uint64_t until = gs_clock_ms() + PATIENCE_MS;
  while (failures == 0 && gs_clock_ms() < until) turn();
  assert_int_equal(failures, 1);
  assert_int_equal(last_error, GS_ERR_CONNECT);
  assert_int_equal(last_errno, ECONNREFUSED);
  assert_non_null(strstr(last_text, "both.test port"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(falls_back_from_ipv6_to_ipv4, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(falls_back_from_ipv4_to_ipv6, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(leaves_an_address_that_does_not_answer,
                                      set_up, tear_down),
      cmocka_unit_test_setup_teardown(
          names_the_host_where_every_address_refuses, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
