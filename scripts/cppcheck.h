/* What cppcheck must know of headers that it is not given: without the macro
 * it gives up on websocket.c. */
#define LIST_HEAD(name, type) \
  struct name {               \
    struct type *lh_first;    \
  }

/* It cannot tell whether a header is there. */
#define GS_WITHOUT_HEADERS
