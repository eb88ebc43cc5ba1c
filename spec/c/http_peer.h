/* What the tests of http*.c stand on: a client, a scripted HTTP peer on the
 * client's own loop, and a resolver that knows no network. Everything happens
 * in one thread, so that each test is the same each time. */
#ifndef HTTP_PEER_H
#define HTTP_PEER_H

#include <signal.h>
#include <unistd.h>
#include <uv.h>

#include "check.h"
#include "errors.h"
#include "fields.h"
#include "http.h"
#include "resolve.h"

/* A test that hangs is a test that failed. */
enum { WATCHDOG_SECONDS = 120 };

/* peer_block allocates for the test itself, which must not run out of the
 * memory that the code under test is refused. */
static void *peer_block(size_t size) {
  /* Volatile: to a compiler, calloc looks at no variable of ours. */
  volatile size_t *refused = &check_fail_in;
  size_t fail_in = *refused;
  *refused = 0;
  void *block = calloc(1, size);
  *refused = fail_in;
  if (!block) abort();
  return block;
}

/* ---- The client ---- */

typedef struct answer {
  uint32_t id;
  uint8_t *data; /* fields */
  size_t len;
} answer;

typedef struct client {
  uv_loop_t loop;
  gs_http *http;
  gs_buf options; /* of the request to come */
  answer answers[64];
  int count;
} client;

static void client_on_answer(void *user, uint32_t id, const gs_buf *fields) {
  client *c = user;
  assert_in_range(c->count, 0, 63);
  answer *a = &c->answers[c->count++];
  a->id = id;
  a->len = fields->len;
  a->data = peer_block(fields->len);
  memcpy(a->data, fields->data, fields->len);
}

static void client_open(client *c) {
  memset(c, 0, sizeof *c);
  assert_int_equal(uv_loop_init(&c->loop), 0);
  c->http = gs_http_new(&c->loop, client_on_answer, c);
  assert_non_null(c->http);
  gs_buf_init(&c->options, 1u << 26);
}

static void client_forget(client *c) {
  for (int i = 0; i < c->count; i++) free(c->answers[i].data);
  c->count = 0;
}

/* client_close checks that nothing is left on the loop. */
static void client_close(client *c) {
  gs_http_stop(c->http);
  assert_int_equal(uv_run(&c->loop, UV_RUN_DEFAULT), 0);
  gs_http_free(c->http);
  assert_int_equal(uv_loop_close(&c->loop), 0);
  client_forget(c);
  gs_buf_free(&c->options);
}

static void set_text(client *c, const char *key, const char *text) {
  assert_int_equal(gs_fields_put_text(&c->options, key, text), 0);
}

static void set_number(client *c, const char *key, double number) {
  assert_int_equal(gs_fields_put_number(&c->options, key, number), 0);
}

CHECK_UNUSED static void set_flag(client *c, const char *key, bool flag) {
  assert_int_equal(gs_fields_put_bool(&c->options, key, flag), 0);
}

static void set_url(client *c, const char *scheme, const char *host, int port,
                    const char *rest) {
  char url[512];
  snprintf(url, sizeof url, "%s://%s:%d%s", scheme, host, port, rest);
  set_text(c, "url", url);
}

/* client_start begins the request that the set_ functions described. */
static void client_start(client *c, uint32_t id) {
  gs_http_start(c->http, id, c->options.data, c->options.len);
  gs_buf_clear(&c->options);
}

/* client_wait runs the loop until |count| answers have come. */
static void client_wait(client *c, int count) {
  alarm(WATCHDOG_SECONDS);
  while (c->count < count) uv_run(&c->loop, UV_RUN_ONCE);
  alarm(0);
  assert_int_equal(c->count, count);
}

/* client_get starts the request and returns its answer. */
static const answer *client_get(client *c) {
  int before = c->count;
  client_start(c, (uint32_t)before + 1000);
  client_wait(c, before + 1);
  assert_int_equal(c->answers[before].id, before + 1000);
  return &c->answers[before];
}

static const char *get_text(const answer *a, const char *key) {
  return gs_fields_get_text(a->data, a->len, key, "(absent)");
}

static int get_number(const answer *a, const char *key) {
  return (int)gs_fields_get_number(a->data, a->len, key, -1);
}

static void assert_failed(const answer *a, int error, const char *phase) {
  if (strcmp(get_text(a, "code"), gs_error_name(error)) != 0) {
    print_error("message: %s\n", get_text(a, "message"));
  }
  assert_string_equal(get_text(a, "code"), gs_error_name(error));
  assert_string_equal(get_text(a, "kind"), gs_error_kind(error));
  assert_string_equal(get_text(a, "phase"), phase);
  assert_null(strpbrk(get_text(a, "message"), "\r\n"));
  assert_true(strlen(get_text(a, "message")) > 5);
}

static void assert_ok(const answer *a, int status, const char *body) {
  if (get_number(a, "status") != status) {
    print_error("message: %s\n", get_text(a, "message"));
  }
  assert_int_equal(get_number(a, "status"), status);
  assert_string_equal(get_text(a, "body"), body);
}

/* ---- The peer ---- */

typedef enum what_then { KEEP, CLOSE, RESET } what_then;

/* One answer; |text| NULL stays silent. |any_bytes|: do not wait for a whole
 * request, for what comes is not HTTP. */
typedef struct reply {
  const char *text;
  size_t len; /* 0: strlen */
  what_then then;
  bool any_bytes;
} reply;

typedef struct peer {
  uv_tcp_t listener;
  char ip[16];
  int port;
  const reply *script; /* one for each request, the last one again and again */
  int script_len;
  int connections;
  int requests;
  bool deaf; /* reads nothing */
  struct peer_link *links;
  char seen[1u << 16]; /* all that came, NUL-terminated */
  size_t seen_len;
} peer;

typedef struct peer_link {
  uv_tcp_t tcp;
  uv_write_t write;
  peer *peer;
  struct peer_link *next, **previous;
  const reply *now;
  size_t pending; /* bytes of a request that is not whole */
} peer_link;

static void peer_on_link_close(uv_handle_t *handle) { free(handle->data); }

static void peer_drop(peer_link *link, bool reset) {
  if (uv_is_closing((uv_handle_t *)&link->tcp)) return;
  *link->previous = link->next;
  if (link->next) link->next->previous = link->previous;
  if (reset) {
    uv_tcp_close_reset(&link->tcp, peer_on_link_close);
  } else {
    uv_close((uv_handle_t *)&link->tcp, peer_on_link_close);
  }
}

static void peer_on_written(uv_write_t *write, int status) {
  peer_link *link = write->data;
  (void)status;
  if (link->now->then != KEEP) peer_drop(link, link->now->then == RESET);
}

static void peer_reply(peer_link *link) {
  peer *p = link->peer;
  int index = p->requests < p->script_len ? p->requests : p->script_len - 1;
  link->now = &p->script[index];
  p->requests++;
  if (!link->now->text) {
    if (link->now->then != KEEP) peer_drop(link, link->now->then == RESET);
    return;
  }
  size_t len = link->now->len ? link->now->len : strlen(link->now->text);
  uv_buf_t out = uv_buf_init((char *)link->now->text, (unsigned)len);
  link->write.data = link;
  uv_write(&link->write, (uv_stream_t *)&link->tcp, &out, 1, peer_on_written);
}

/* peer_whole tells whether the pending bytes are a whole request. */
static bool peer_whole(const peer_link *link) {
  const peer *p = link->peer;
  int index = p->requests < p->script_len ? p->requests : p->script_len - 1;
  if (p->script[index].any_bytes) return true;
  const char *text = p->seen + p->seen_len - link->pending;
  const char *end = strstr(text, "\r\n\r\n");
  const char *length = strstr(text, "Content-Length: ");
  if (!end) return false;
  size_t body = length && length < end ? strtoul(length + 16, NULL, 10) : 0;
  return link->pending - (size_t)(end + 4 - text) >= body;
}

static void peer_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *out) {
  peer *p = ((peer_link *)handle->data)->peer;
  (void)hint;
  *out = uv_buf_init(p->seen + p->seen_len,
                     (unsigned)(sizeof p->seen - 1 - p->seen_len));
}

static void peer_on_read(uv_stream_t *stream, ssize_t len,
                         const uv_buf_t *buf) {
  peer_link *link = stream->data;
  peer *p = link->peer;
  (void)buf;
  if (len < 0) {
    peer_drop(link, false);
    return;
  }
  p->seen_len += (size_t)len;
  p->seen[p->seen_len] = 0;
  link->pending += (size_t)len;
  if (!peer_whole(link)) return;
  link->pending = 0;
  peer_reply(link);
}

static void peer_on_connection(uv_stream_t *listener, int status) {
  peer *p = listener->data;
  assert_int_equal(status, 0);
  peer_link *link = peer_block(sizeof *link);
  link->peer = p;
  link->previous = &p->links;
  link->next = p->links;
  if (link->next) link->next->previous = &link->next;
  p->links = link;
  uv_tcp_init(listener->loop, &link->tcp);
  link->tcp.data = link;
  assert_int_equal(uv_accept(listener, (uv_stream_t *)&link->tcp), 0);
  p->connections++;
  if (!p->deaf) {
    uv_read_start((uv_stream_t *)&link->tcp, peer_alloc, peer_on_read);
  }
}

/* peer_open listens on |ip|; |port| 0 takes a free one. */
static void peer_open(peer *p, client *c, const char *ip, int port,
                      const reply *script, int script_len) {
  struct sockaddr_in address;
  int size = sizeof address;
  memset(p, 0, sizeof *p);
  snprintf(p->ip, sizeof p->ip, "%s", ip);
  p->script = script;
  p->script_len = script_len;
  uv_ip4_addr(ip, port, &address);
  uv_tcp_init(&c->loop, &p->listener);
  p->listener.data = p;
  assert_int_equal(
      uv_tcp_bind(&p->listener, (const struct sockaddr *)&address, 0), 0);
  assert_int_equal(
      uv_listen((uv_stream_t *)&p->listener, 64, peer_on_connection), 0);
  uv_tcp_getsockname(&p->listener, (struct sockaddr *)&address, &size);
  p->port = ntohs(address.sin_port);
}

static void peer_close(peer *p) {
  while (p->links) peer_drop(p->links, false);
  uv_close((uv_handle_t *)&p->listener, NULL);
}

/* ---- The resolver, instead of resolve.c ---- */

/* What the next lookups find: addresses with spaces between, "" for an error,
 * NULL for a resolver that hangs. */
static const char *resolver_finds = "127.0.0.1";
static int resolver_lookups;
static char resolver_host[256];

struct gs_resolve {
  uv_timer_t timer;
  gs_resolve_callback callback;
  void *user;
};

static void resolver_on_close(uv_handle_t *handle) { free(handle->data); }

static void resolver_on_timer(uv_timer_t *timer) {
  gs_resolve *resolve = timer->data;
  struct sockaddr_storage places[4];
  struct addrinfo list[4];
  char text[256];
  int count = 0;
  snprintf(text, sizeof text, "%s", resolver_finds);
  memset(list, 0, sizeof list);
  for (char *ip = strtok(text, " "); ip; ip = strtok(NULL, " "), count++) {
    assert_in_range(count, 0, 3);
    struct sockaddr *place = (struct sockaddr *)&places[count];
    if (strchr(ip, ':')) {
      assert_int_equal(uv_ip6_addr(ip, 0, (struct sockaddr_in6 *)place), 0);
    } else {
      assert_int_equal(uv_ip4_addr(ip, 0, (struct sockaddr_in *)place), 0);
    }
    list[count].ai_family = place->sa_family;
    list[count].ai_addr = place;
    list[count].ai_addrlen = place->sa_family == AF_INET6
                                 ? sizeof(struct sockaddr_in6)
                                 : sizeof(struct sockaddr_in);
    if (count) list[count - 1].ai_next = &list[count];
  }
  gs_resolve_callback callback = resolve->callback;
  void *user = resolve->user;
  uv_close((uv_handle_t *)timer, resolver_on_close);
  if (count) {
    callback(user, 0, "", list);
  } else {
    callback(user, GS_ERR_DNS, "unknown node or service", NULL);
  }
}

gs_resolve *gs_resolve_start(uv_loop_t *loop, const char *host,
                             gs_resolve_callback callback, void *user) {
  gs_resolve *resolve = peer_block(sizeof *resolve);
  resolver_lookups++;
  snprintf(resolver_host, sizeof resolver_host, "%s", host);
  resolve->callback = callback;
  resolve->user = user;
  uv_timer_init(loop, &resolve->timer);
  resolve->timer.data = resolve;
  if (resolver_finds) {
    uv_timer_start(&resolve->timer, resolver_on_timer, 0, 0);
  }
  return resolve;
}

void gs_resolve_cancel(gs_resolve *resolve) {
  if (resolve) uv_close((uv_handle_t *)&resolve->timer, resolver_on_close);
}

/* ---- Both together ---- */

#define ANSWER(body_len, body) \
  "HTTP/1.1 200 OK\r\nContent-Length: " #body_len "\r\n\r\n" body
#define SCRIPT(script) script, sizeof(script) / sizeof *(script)

/* One client and one peer at 127.0.0.1. */
static client c;
static peer p;

static void begin(const reply *script, size_t len) {
  resolver_finds = "127.0.0.1";
  resolver_lookups = 0;
  client_open(&c);
  peer_open(&p, &c, "127.0.0.1", 0, script, (int)len);
}

static void end(void) {
  peer_close(&p);
  client_close(&c);
}

static void set_peer_url(const char *scheme, const char *rest) {
  set_url(&c, scheme, "127.0.0.1", p.port, rest);
}

/* get asks the peer for |rest| with the options set so far. */
CHECK_UNUSED static const answer *get(const char *rest) {
  set_peer_url("http", rest);
  return client_get(&c);
}

#endif
