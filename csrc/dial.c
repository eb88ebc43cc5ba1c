#include "dial.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "errors.h"
#include "fields.h"
#include "probe.h"
#include "proxy.h"
#include "proxy_probe.h"
#include "reach.h"
#include "resolve.h"

enum {
  DIAL_ADDRESSES = 8,    /* tried of one name */
  DIAL_ATTEMPT_MS = 250, /* an address gets at least this long */
};

typedef enum dial_state { DIAL_LOOKUP, DIAL_TRYING, DIAL_PROBING } dial_state;

struct gs_dial {
  gs_dial_means means;
  const gs_dial_callbacks *callbacks;
  void *user;
  dial_state state;
  gs_buf fields; /* the options */
  bool proxied;
  gs_proxy proxy;
  const char *host; /* whom to dial: the server or its proxy */
  int port;
  gs_resolve *resolve;
  gs_probe *probe;
  gs_proxy_probe *proxy_probe;
  gs_websocket *websocket;
  char addresses[DIAL_ADDRESSES][64];
  int address_count, address_next;
  uint64_t give_up_ms, attempt_until_ms;
};

static const char *dial_text(const gs_dial *dial, const char *key) {
  return gs_fields_get_text(dial->fields.data, dial->fields.len, key, NULL);
}

static bool dial_bool(const gs_dial *dial, const char *key, bool otherwise) {
  return gs_fields_get_bool(dial->fields.data, dial->fields.len, key,
                            otherwise);
}

static int dial_port(const gs_dial *dial) {
  return (int)gs_fields_get_number(dial->fields.data, dial->fields.len, "port",
                                   0);
}

gs_phase gs_dial_phase(const gs_dial *dial) {
  if (dial->state == DIAL_LOOKUP) return GS_PHASE_DNS;
  if (dial->proxy_probe) return GS_PHASE_PROXY;
  if (!dial->websocket) return GS_PHASE_TCP;
  return gs_websocket_phase(dial->websocket);
}

static void dial_fail(gs_dial *dial, int error, const char *text,
                      int sys_errno) {
  gs_websocket_failure failure = {.error = error,
                                  .phase = gs_dial_phase(dial),
                                  .text = text ? text : gs_error_text(error),
                                  .sys_errno = sys_errno};
  dial->callbacks->on_fail(dial->user, &failure);
}

/* dial_fail_to_reach ends a dial that found no way to the server or, and then
 * it says so, to its proxy. */
static void dial_fail_to_reach(gs_dial *dial, int error, const char *words,
                               int sys_errno) {
  char text[600];
  snprintf(text, sizeof text, "%s%s",
           dial->proxied ? "the proxy cannot be reached: " : "", words);
  dial_fail(dial, error, text, sys_errno);
}

/* dial_explain words a TCP failure. */
static void dial_explain(gs_dial *dial, int sys_errno) {
  char words[512];
  gs_reach_explain_dial(dial->host, dial->port, sys_errno, words, sizeof words);
  dial_fail_to_reach(dial, GS_ERR_CONNECT, words, sys_errno);
}

static void dial_on_probed(void *user, int sys_errno) {
  gs_dial *dial = user;
  dial->probe = NULL;
  dial_explain(dial, sys_errno);
}

/* dial_unreachable ends a dial whose last address failed. */
static void dial_unreachable(gs_dial *dial, int sys_errno) {
  if (sys_errno || dial->address_count == 0) {
    dial_explain(dial, sys_errno);
    return;
  }
  dial->state = DIAL_PROBING;
  dial->attempt_until_ms = 0;
  dial->probe =
      gs_probe_start(dial->means.loop, dial->addresses[dial->address_count - 1],
                     dial->port, dial_on_probed, dial);
  if (!dial->probe) dial_explain(dial, 0);
}

static void dial_next(gs_dial *dial);

static void dial_on_open(void *user) {
  gs_dial *dial = user;
  gs_websocket *websocket = dial->websocket;
  dial->websocket = NULL;
  dial->callbacks->on_up(dial->user, websocket);
}

static void dial_on_proxy_answer(void *user, int status) {
  gs_dial *dial = user;
  char text[512];
  gs_websocket_failure failure = {
      .error = GS_ERR_PROXY, .phase = GS_PHASE_PROXY, .text = text};
  dial->proxy_probe = NULL;
  gs_reach_explain_proxy(status, text, sizeof text);
  dial->callbacks->on_fail(dial->user, &failure);
}

/* dial_ask_proxy asks a proxy that did not let us through for its reason.
 * Returns false if that cannot be done. */
static bool dial_ask_proxy(gs_dial *dial) {
  dial->state = DIAL_PROBING;
  dial->attempt_until_ms = 0;
  dial->proxy_probe = gs_proxy_probe_start(
      dial->means.loop, dial->addresses[dial->address_next - 1], &dial->proxy,
      dial_port(dial), dial_on_proxy_answer, dial);
  return dial->proxy_probe != NULL;
}

static void dial_on_end(void *user, const gs_websocket_failure *failure) {
  gs_dial *dial = user;
  dial->websocket = NULL;
  if (failure->phase == GS_PHASE_TCP) {
    dial_next(dial);
  } else if (failure->error != GS_ERR_PROXY || !dial_ask_proxy(dial)) {
    dial->callbacks->on_fail(dial->user, failure);
  }
}

/* Before on_open nothing else can come. */
static const gs_websocket_callbacks dial_websocket_callbacks = {
    .on_open = dial_on_open,
    .on_end = dial_on_end,
};

static SSL_CTX *dial_tls(const gs_dial *dial, char *text, size_t text_size) {
  gs_tls_options options = {
      .ca_file = dial_text(dial, "ca_file"),
      .ca_path = dial_text(dial, "ca_path"),
      .crl_file = dial_text(dial, "crl_file"),
      .cert = dial_text(dial, "cert"),
      .key = dial_text(dial, "key"),
      .verify = dial_bool(dial, "verify", true),
  };
  return gs_tls_context(dial->means.tls, &options, text, text_size);
}

/* dial_address tries one address. Returns false if it fails at once. */
static bool dial_address(gs_dial *dial, const char *address, SSL_CTX *tls,
                         int *sys_errno) {
  char proxy[400], proxy_key[400];
  gs_websocket_options options = {
      .address = address,
      .port = dial->port,
      .proxy_key = "",
      .tls = tls,
      .tls_name = dial_text(dial, "server_name"),
      .verify = dial_bool(dial, "verify", true),
      .compression = dial_bool(dial, "compression", false),
      .local_address = dial_text(dial, "local_address"),
      .protocols = dial_text(dial, "protocols"),
      .path = dial_text(dial, "path"),
      .headers = dial_text(dial, "headers"),
  };
  if (!options.tls_name) options.tls_name = dial_text(dial, "host");
  if (!options.headers) options.headers = "";
  if (dial->proxied) {
    gs_proxy_locate(&dial->proxy, address, proxy, sizeof proxy);
    gs_proxy_locate(&dial->proxy, dial->host, proxy_key, sizeof proxy_key);
    options.proxy = proxy;
    options.proxy_key = proxy_key;
    options.proxy_target = dial->proxy.target;
    options.proxy_target_port = dial_port(dial);
  }
  dial->websocket =
      gs_websocket_dial(dial->means.websockets, &options,
                        &dial_websocket_callbacks, dial, sys_errno);
  if (dial->proxied) {
    explicit_bzero(proxy, sizeof proxy);
    explicit_bzero(proxy_key, sizeof proxy_key);
  }
  return dial->websocket != NULL;
}

/* dial_has_local tells whether connections can come from the option
 * local_address: libwebsockets fails without a reason where they cannot. */
static bool dial_has_local(gs_dial *dial) {
  char text[512] = "local_address is not an IP address";
  const char *local = dial_text(dial, "local_address");
  int sys_errno = local ? gs_probe_local(local) : 0;
  if (sys_errno == 0) return true;
  if (sys_errno != EINVAL) {
    gs_reach_explain_local(local, sys_errno, text, sizeof text);
  }
  dial_fail(dial, sys_errno == EINVAL ? GS_ERR_OPTION : GS_ERR_CONNECT, text,
            sys_errno == EINVAL ? 0 : sys_errno);
  return false;
}

/* dial_next tries the next address, or gives up. The time left is divided
 * among those that are left, so that a black hole does not eat it all. */
static void dial_next(gs_dial *dial) {
  char text[512];
  SSL_CTX *tls = NULL;
  int sys_errno = 0;
  dial->state = DIAL_TRYING;
  if (!dial_has_local(dial)) return;
  if (dial_bool(dial, "tls", false)) {
    tls = dial_tls(dial, text, sizeof text);
    if (!tls) {
      dial_fail(dial, GS_ERR_OPTION, text, 0);
      return;
    }
  }
  while (dial->address_next < dial->address_count) {
    int left = dial->address_count - dial->address_next;
    const char *address = dial->addresses[dial->address_next++];
    uint64_t now = gs_clock_ms();
    dial->attempt_until_ms = 0;
    if (left > 1 && dial->give_up_ms > now) {
      uint64_t share = (dial->give_up_ms - now) / (unsigned)left;
      dial->attempt_until_ms =
          now + (share > DIAL_ATTEMPT_MS ? share : DIAL_ATTEMPT_MS);
    }
    if (dial_address(dial, address, tls, &sys_errno)) return;
  }
  dial_unreachable(dial, sys_errno);
}

/* dial_add_address appends the numeric form of |info|'s address. */
static void dial_add_address(gs_dial *dial, const struct addrinfo *info) {
  char *text = dial->addresses[dial->address_count];
  socklen_t size = sizeof dial->addresses[0];
  int err = getnameinfo(info->ai_addr, info->ai_addrlen, text, size, NULL, 0,
                        NI_NUMERICHOST);
  if (err == 0) dial->address_count++;
}

/* dial_next_of finds the next address of |family|, or of any other. */
static const struct addrinfo *dial_next_of(const struct addrinfo *at,
                                           int family, bool same) {
  while (at && (at->ai_family == family) != same) at = at->ai_next;
  return at;
}

/* dial_on_resolved takes the addresses, the two families in turn, the first as
 * the system sorted them (RFC 8305, section 4). */
static void dial_on_resolved(void *user, int error, const char *text,
                             const struct addrinfo *list) {
  gs_dial *dial = user;
  dial->resolve = NULL;
  if (error) {
    char words[512];
    gs_reach_explain_lookup(dial->host, text, words, sizeof words);
    dial_fail_to_reach(dial, GS_ERR_DNS, words, 0);
    return;
  }
  int family = list->ai_family;
  const struct addrinfo *same = list;
  const struct addrinfo *other = dial_next_of(list, family, false);
  while ((same || other) && dial->address_count < DIAL_ADDRESSES) {
    if (same) {
      dial_add_address(dial, same);
      same = dial_next_of(same->ai_next, family, true);
    }
    if (other && dial->address_count < DIAL_ADDRESSES) {
      dial_add_address(dial, other);
      other = dial_next_of(other->ai_next, family, false);
    }
  }
  dial_next(dial);
}

/* dial_choose_host decides whom to dial: the server, or its proxy. */
static int dial_choose_host(gs_dial *dial, char *text, size_t text_size) {
  const char *proxy = dial_text(dial, "proxy");
  dial->host = dial_text(dial, "host");
  dial->port = dial_port(dial);
  if (!dial->host || !dial->port || !dial_text(dial, "path")) {
    return GS_ERR_OPTION;
  }
  /* Lua refuses them too, with better words: no line may end early here. */
  if (strpbrk(dial_text(dial, "path"), "\r\n ")) return GS_ERR_OPTION;
  const char *protocols = dial_text(dial, "protocols");
  if (protocols && strpbrk(protocols, "\r\n")) return GS_ERR_OPTION;
  if (!proxy) return 0;
  int err = gs_proxy_read(&dial->proxy, proxy, dial->host, text, text_size);
  if (err) return err;
  dial->proxied = true;
  dial->host = dial->proxy.host;
  dial->port = dial->proxy.port;
  return 0;
}

gs_dial *gs_dial_new(const gs_dial_means *means, const void *fields, size_t len,
                     const gs_dial_callbacks *callbacks, void *user) {
  gs_dial *dial = calloc(1, sizeof *dial);
  if (!dial) return NULL;
  dial->means = *means;
  dial->callbacks = callbacks;
  dial->user = user;
  gs_buf_init(&dial->fields, GS_MAX_PAYLOAD);
  if (gs_buf_append(&dial->fields, fields, len) == 0) return dial;
  gs_dial_free(dial);
  return NULL;
}

void gs_dial_start(gs_dial *dial, uint64_t give_up_ms) {
  dial->give_up_ms = give_up_ms;
  char text[256] = "";
  int err = dial_choose_host(dial, text, sizeof text);
  if (err) {
    dial_fail(dial, err, *text ? text : NULL, 0);
    return;
  }
  dial->resolve =
      gs_resolve_start(dial->means.loop, dial->host, dial_on_resolved, dial);
  if (!dial->resolve) dial_fail(dial, GS_ERR_NOMEM, NULL, 0);
}

void gs_dial_free(gs_dial *dial) {
  if (!dial) return;
  if (dial->resolve) gs_resolve_cancel(dial->resolve);
  if (dial->probe) gs_probe_cancel(dial->probe);
  if (dial->proxy_probe) gs_proxy_probe_cancel(dial->proxy_probe);
  if (dial->websocket) gs_websocket_abandon(dial->websocket);
  /* Headers, the path's query and the proxy's URL may hold secrets. */
  if (dial->fields.data) explicit_bzero(dial->fields.data, dial->fields.len);
  explicit_bzero(&dial->proxy, sizeof dial->proxy);
  gs_buf_free(&dial->fields);
  free(dial);
}

uint64_t gs_dial_deadline(const gs_dial *dial) {
  return dial->attempt_until_ms;
}

void gs_dial_tick(gs_dial *dial, uint64_t now_ms) {
  if (!dial->attempt_until_ms || now_ms < dial->attempt_until_ms) return;
  dial->attempt_until_ms = 0;
  /* Past TCP the address is good, and the rest is the owner's time-out's. */
  if (dial->websocket && gs_dial_phase(dial) == GS_PHASE_TCP) {
    gs_websocket_abandon(dial->websocket);
    dial->websocket = NULL;
    dial_next(dial);
  }
}
