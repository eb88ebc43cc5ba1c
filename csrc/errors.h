/* The core's error codes, made from errors.def. */
#ifndef GS_ERRORS_H
#define GS_ERRORS_H

enum gs_error {
  GS_OK = 0,
#define X(name, code, kind, text) GS_ERR_##name = code,
#include "errors.def"
#undef X
};

/* gs_error_name returns the name in errors.def (TLS, TIMEOUT ...), which Lua
 * sees in err.code, or "UNKNOWN". [any] */
const char *gs_error_name(int code);

/* gs_error_kind returns the kind of the Lua error object. [any] */
const char *gs_error_kind(int code);

/* gs_error_text returns a sentence without a full stop. [any] */
const char *gs_error_text(int code);

#endif
