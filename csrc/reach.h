/* Why a server was not reached, in one line that says what to look at: text
 * in, text out, no I/O. Websockets and HTTP share it, so that one cause reads
 * the same wherever it strikes. */
#ifndef GS_REACH_H
#define GS_REACH_H

#include "gs.h"

/* gs_reach_explain_lookup writes that |host| was not found; |words| is what
 * the resolver said. [any] */
void gs_reach_explain_lookup(const char *host, const char *words, char *text,
                             size_t text_size);

/* gs_reach_explain_dial writes that no connection to |host| was made.
 * |sys_errno| is the reason, or 0 if the system gave none. [any] */
void gs_reach_explain_dial(const char *host, int port, int sys_errno,
                           char *text, size_t text_size);

/* gs_reach_explain_local writes that connections cannot come from |address|.
 * [any] */
void gs_reach_explain_local(const char *address, int sys_errno, char *text,
                            size_t text_size);

/* gs_reach_explain_proxy writes that a proxy did not let us through; |status|
 * is that of its answer, or 0 without one. [any] */
void gs_reach_explain_proxy(int status, char *text, size_t text_size);

#endif
