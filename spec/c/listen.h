/* A listening socket for tests of what connects. After cmocka.h. */
#ifndef GS_SPEC_LISTEN_H
#define GS_SPEC_LISTEN_H

#include <arpa/inet.h>
#include <uv.h>

/* listen_at returns a socket that listens at |address|, an IP; |*port| 0 takes
 * a free one, and says which. Nothing is accepted. The caller closes. */
static int listen_at(const char *address, int *port, int backlog) {
  struct sockaddr_storage storage = {0};
  struct sockaddr *at = (struct sockaddr *)&storage;
  bool is_ipv6 = strchr(address, ':') != NULL;
  socklen_t len =
      is_ipv6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
  if (is_ipv6) {
    uv_ip6_addr(address, *port, (struct sockaddr_in6 *)&storage);
  } else {
    uv_ip4_addr(address, *port, (struct sockaddr_in *)&storage);
  }
  int fd = socket(storage.ss_family, SOCK_STREAM, 0);
  assert_true(fd >= 0);
  assert_int_equal(bind(fd, at, len), 0);
  assert_int_equal(listen(fd, backlog), 0);
  assert_int_equal(getsockname(fd, at, &len), 0);
  *port = ntohs(is_ipv6 ? ((struct sockaddr_in6 *)at)->sin6_port
                        : ((struct sockaddr_in *)at)->sin_port);
  return fd;
}

#endif
