/* What cppcheck must know of headers that it is not given: without these macros
 * it gives up on websocket.c and lookup.c. */
#define LIST_HEAD(name, type) \
  struct name {               \
    struct type *lh_first;    \
  }
#define LIST_FOREACH(at, head, field) \
  for (at = (head)->lh_first; at; at = at->field.le_next)
#define TAILQ_HEAD(name, type) \
  struct name {                \
    struct type *tqh_first;    \
  }
#define TAILQ_HEAD_INITIALIZER(head) \
  { NULL }
#define TAILQ_FOREACH(at, head, field) \
  for (at = (head)->tqh_first; at; at = at->field.tqe_next)

/* It cannot tell whether a header is there. */
#define GS_WITHOUT_HEADERS
