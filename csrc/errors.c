#include "errors.h"

#include <stddef.h>

static const struct error_row {
  int code;
  const char *name, *kind, *text;
} rows[] = {
#define X(name, code, kind, text) {code, #name, kind, text},
#include "errors.def"
#undef X
};

static const struct error_row *error_find(int code) {
  static const struct error_row unknown = {0, "UNKNOWN", "state",
                                           "unknown error"};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    if (rows[i].code == code) return &rows[i];
  }
  return &unknown;
}

const char *gs_error_name(int code) { return error_find(code)->name; }
const char *gs_error_kind(int code) { return error_find(code)->kind; }
const char *gs_error_text(int code) { return error_find(code)->text; }
