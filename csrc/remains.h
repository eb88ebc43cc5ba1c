/* What libwebsockets leaves behind when it lets go of a connection, or of the
 * loop: handles of libuv in 4.1, its wake-up descriptor in 4.3. */
#ifndef GS_REMAINS_H
#define GS_REMAINS_H

#include <stdbool.h>
#include <uv.h>

#include "gs.h"

/* gs_remains_close_handles closes those of |loop| that poll for |wsi|, which is
 * gone (NULL: for any), and frees them. [io] */
void gs_remains_close_handles(uv_loop_t *loop, const void *wsi);

/* gs_remains_closing tells whether a handle that polled for |wsi| is about to
 * be closed. [io] */
bool gs_remains_closing(uv_loop_t *loop, const void *wsi);

/* The descriptors that libwebsockets opens with its context: one to be woken
 * by, from 4.2 on one that hears of routes. */
enum { GS_REMAINS_DESCRIPTORS = 4 };
typedef struct gs_remains {
  int count;
  struct {
    int fd, twin; /* a duplicate, or -1 */
  } descriptors[GS_REMAINS_DESCRIPTORS];
} gs_remains;

/* gs_remains_note notes what is polled on |loop|: call it as soon as the
 * context is made, on a loop on which nothing else polls. [io] */
void gs_remains_note(gs_remains *remains, uv_loop_t *loop);

/* gs_remains_hold is called before libwebsockets closes, or forgets, what was
 * noted; gs_remains_close after that closes what is still open. Another thread
 * may have got the same numbers for files of its own meanwhile: these are left
 * alone. [any] */
void gs_remains_hold(gs_remains *remains);
void gs_remains_close(gs_remains *remains);

#endif
