/* What the Engine.IO open packet's JSON says, taken out of a JSON parser's
 * events: no parser itself, no I/O. The owner of a parser matches
 * gs_handshake_paths, hands over each value, and asks at the end whether all
 * that is needed was there. [io] throughout. */
#ifndef GS_HANDSHAKE_H
#define GS_HANDSHAKE_H

#include <stdbool.h>

#include "engineio.h"

enum { GS_HANDSHAKE_PATHS = 4 };
extern const char *const gs_handshake_paths[GS_HANDSHAKE_PATHS];

typedef struct gs_handshake_reader {
  gs_handshake *handshake;
  unsigned seen; /* a bit for each path */
} gs_handshake_reader;

/* gs_handshake_begin empties |handshake|'s sid and reads into it. */
void gs_handshake_begin(gs_handshake_reader *reader, gs_handshake *handshake);

/* gs_handshake_text takes a piece of a string at |path| (an index), and
 * gs_handshake_number a number's digits. Others than the path's are ignored. */
void gs_handshake_text(gs_handshake_reader *reader, int path, const char *text,
                       size_t len);
void gs_handshake_number(gs_handshake_reader *reader, int path,
                         const char *digits);

/* gs_handshake_complete returns false if sid, pingInterval or pingTimeout is
 * missing. */
bool gs_handshake_complete(const gs_handshake_reader *reader);

#endif
