/* What only one Lua state of a process may have. nginx makes a Lua state for
 * each request where lua_code_cache is off, and tells Lua nothing of it; that
 * another state of the process came first does.
 *
 * A claim lasts as long as the process: its holder may be gone, but the state
 * that comes next is one too many all the same. A child of the process begins
 * without claims. */
#ifndef GS_CLAIM_H
#define GS_CLAIM_H

#include <stdbool.h>
#include <stdint.h>

enum {
  GS_CLAIM_NAME = 32, /* bytes of a name at most */
  GS_CLAIMS = 4,      /* names in use at most: nginx has http and stream */
};

/* gs_claim_owner returns a number that it has never returned before, not 0.
 * [any] */
uint64_t gs_claim_owner(void);

/* gs_claim returns true if |owner| has |name|, or has got it now; false if
 * another has it, or there are too many names. [any] */
bool gs_claim(const char *name, uint64_t owner);

#endif
