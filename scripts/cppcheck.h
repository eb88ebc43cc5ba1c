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
/* Of which each version of clang-format has a view of its own. */
/* clang-format off */
#define TAILQ_HEAD_INITIALIZER(head) { NULL }
/* clang-format on */
#define TAILQ_FOREACH(at, head, field) \
  for (at = (head)->tqh_first; at; at = at->field.tqe_next)

/* It cannot tell whether a header is there. */
#define GS_WITHOUT_HEADERS

/* New enough for us: cppcheck since 2.14 believes an #error. */
#define LIBCURL_VERSION_NUM 0x7fffffff
#define LWS_LIBRARY_VERSION_NUMBER 0x7fffffff
#define OPENSSL_VERSION_NUMBER 0x7fffffff
#define UV_VERSION_HEX 0x7fffffff
