#include "proxy_probe.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe.h"

enum { STATUS_LINE_BYTES = 12 }; /* "HTTP/1.1 407" */

struct gs_proxy_probe {
  uv_tcp_t tcp;
  uv_connect_t connect;
  uv_write_t write;
  gs_proxy_probe_callback callback; /* NULL once it was called or cancelled */
  void *user;
  char request[600]; /* has the password */
  char answer[STATUS_LINE_BYTES + 1];
  size_t answer_len;
};

static void probe_on_close(uv_handle_t *handle) {
  gs_proxy_probe *probe = handle->data;
  explicit_bzero(probe->request, sizeof probe->request);
  free(probe);
}

static void probe_close(gs_proxy_probe *probe) {
  probe->callback = NULL;
  if (!uv_is_closing((uv_handle_t *)&probe->tcp)) {
    uv_close((uv_handle_t *)&probe->tcp, probe_on_close);
  }
}

static void probe_answer(gs_proxy_probe *probe, int status) {
  gs_proxy_probe_callback callback = probe->callback;
  probe_close(probe);
  if (callback) callback(probe->user, status);
}

/* probe_status returns the status of the status line, or 0 if it is none. */
static int probe_status(const char *line) {
  if (strncmp(line, "HTTP/1.", 7) != 0 || line[8] != ' ') return 0;
  long status = strtol(line + 9, NULL, 10);
  return status >= 100 ? (int)status : 0;
}

static void probe_on_room(uv_handle_t *handle, size_t size, uv_buf_t *out) {
  gs_proxy_probe *probe = handle->data;
  (void)size;
  *out = uv_buf_init(probe->answer + probe->answer_len,
                     (unsigned)(STATUS_LINE_BYTES - probe->answer_len));
}

static void probe_on_read(uv_stream_t *stream, ssize_t count,
                          const uv_buf_t *in) {
  gs_proxy_probe *probe = stream->data;
  (void)in;
  if (count > 0) probe->answer_len += (size_t)count;
  if (count < 0 || probe->answer_len == STATUS_LINE_BYTES) {
    probe_answer(probe, probe_status(probe->answer));
  }
}

static void probe_on_written(uv_write_t *write, int status) {
  if (status) probe_answer(write->data, 0);
}

static void probe_on_connect(uv_connect_t *connect, int status) {
  gs_proxy_probe *probe = connect->data;
  uv_stream_t *stream = (uv_stream_t *)&probe->tcp;
  uv_buf_t request =
      uv_buf_init(probe->request, (unsigned)strlen(probe->request));
  if (status || uv_read_start(stream, probe_on_room, probe_on_read) ||
      uv_write(&probe->write, stream, &request, 1, probe_on_written)) {
    probe_answer(probe, 0);
  }
}

/* probe_write_request writes what libwebsockets sent. */
static void probe_write_request(gs_proxy_probe *probe, const gs_proxy *proxy,
                                int target_port) {
  unsigned char auth[GS_PROXY_AUTH_MAX * 4 / 3 + 8] = "";
  EVP_EncodeBlock(auth, (const unsigned char *)proxy->auth,
                  (int)strlen(proxy->auth));
  snprintf(probe->request, sizeof probe->request,
           "CONNECT %s:%d HTTP/1.1\r\nHost: %s:%d\r\n%s%s%s\r\n", proxy->target,
           target_port, proxy->target, target_port,
           *proxy->auth ? "Proxy-Authorization: Basic " : "", auth,
           *proxy->auth ? "\r\n" : "");
  explicit_bzero(auth, sizeof auth);
}

gs_proxy_probe *gs_proxy_probe_start(uv_loop_t *loop, const char *address,
                                     const gs_proxy *proxy, int target_port,
                                     gs_proxy_probe_callback callback,
                                     void *user) {
  struct sockaddr_storage storage;
  struct sockaddr *to = (struct sockaddr *)&storage;
  if (!gs_probe_address(address, proxy->port, &storage)) return NULL;
  gs_proxy_probe *probe = calloc(1, sizeof *probe);
  if (!probe) return NULL;
  if (uv_tcp_init(loop, &probe->tcp)) {
    free(probe);
    return NULL;
  }
  probe->callback = callback;
  probe->user = user;
  probe->tcp.data = probe;
  probe->connect.data = probe;
  probe->write.data = probe;
  probe_write_request(probe, proxy, target_port);
  if (uv_tcp_connect(&probe->connect, &probe->tcp, to, probe_on_connect) == 0) {
    return probe;
  }
  probe_close(probe);
  return NULL;
}

void gs_proxy_probe_cancel(gs_proxy_probe *probe) { probe_close(probe); }
