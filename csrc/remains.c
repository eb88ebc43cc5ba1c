#include "remains.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static void remains_on_close(uv_handle_t *handle) { free(handle); }

static void remains_close(uv_handle_t *handle, void *wsi) {
  if (handle->type == UV_POLL && (!wsi || handle->data == wsi) &&
      !uv_is_closing(handle)) {
    uv_close(handle, remains_on_close);
  }
}

void gs_remains_close_handles(uv_loop_t *loop, const void *wsi) {
  uv_walk(loop, remains_close, (void *)wsi);
}

typedef struct remains_search {
  const void *wsi;
  bool found;
} remains_search;

static void remains_match(uv_handle_t *handle, void *user) {
  remains_search *search = user;
  search->found |= handle->type == UV_POLL && handle->data == search->wsi &&
                   uv_is_closing(handle);
}

bool gs_remains_closing(uv_loop_t *loop, const void *wsi) {
  remains_search search = {.wsi = wsi};
  uv_walk(loop, remains_match, &search);
  return search.found;
}

static void remains_note(uv_handle_t *handle, void *user) {
  gs_remains *remains = user;
  uv_os_fd_t fd;
  if (handle->type != UV_POLL || uv_fileno(handle, &fd)) return;
  if (remains->count == GS_REMAINS_DESCRIPTORS) return;
  remains->descriptors[remains->count].fd = fd;
  remains->descriptors[remains->count++].twin = -1;
}

void gs_remains_note(gs_remains *remains, uv_loop_t *loop) {
  uv_walk(loop, remains_note, remains);
}

void gs_remains_hold(gs_remains *remains) {
  for (int i = 0; i < remains->count; i++) {
    remains->descriptors[i].twin =
        fcntl(remains->descriptors[i].fd, F_DUPFD_CLOEXEC, 0);
  }
}

/* remains_same tells whether both are one open file, which has one set of
 * flags: what is changed through the one is seen through the other. */
static bool remains_same(int fd, int twin) {
  bool same = true;
  for (int i = 0; i < 2; i++) {
    int flags = fcntl(twin, F_GETFL) ^ O_NONBLOCK;
    (void)fcntl(twin, F_SETFL, flags);
    same = same && fcntl(fd, F_GETFL) == flags;
  }
  return same;
}

void gs_remains_close(gs_remains *remains) {
  for (int i = 0; i < remains->count; i++) {
    int fd = remains->descriptors[i].fd, twin = remains->descriptors[i].twin;
    if (twin < 0) continue;
    if (remains_same(fd, twin)) close(fd);
    close(twin);
  }
  remains->count = 0;
}
