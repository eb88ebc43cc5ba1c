/* Named values in one flat byte string: how options go to the I/O thread and
 * how everything but a message comes back. One encoding for both directions
 * means that no pointer and no struct with an owner crosses the threads.
 *
 * A field is: type (1 byte, gs_field_type), length of the key (1 byte, its NUL
 * included), key, NUL, length of the value (4 bytes, native order), value, NUL.
 * Values are NUL-terminated beyond their length, so a reader may use them as C
 * strings without a copy. */
#ifndef GS_FIELDS_H
#define GS_FIELDS_H

#include <stdbool.h>

#include "buf.h"

typedef enum gs_field_type {
  GS_FIELD_STRING = 's',
  GS_FIELD_NUMBER = 'n', /* a double */
  GS_FIELD_BOOL = 'b',   /* one byte, 0 or 1 */
} gs_field_type;

typedef struct gs_field {
  gs_field_type type;
  const char *key;
  const char *string; /* of a string: NUL-terminated, else NULL */
  size_t len;         /* of |string|, in bytes, without the NUL */
  double number;      /* of a number, or 0 or 1 of a bool */
} gs_field;

/* The put functions append one field. Return 0, GS_ERR_NOMEM or
 * GS_ERR_TOO_BIG (also for a key of more than 200 bytes). [any] */
GS_NODISCARD int gs_fields_put_string(gs_buf *buf, const char *key,
                                      const void *data, size_t len);
GS_NODISCARD int gs_fields_put_text(gs_buf *buf, const char *key,
                                    const char *text);
GS_NODISCARD int gs_fields_put_number(gs_buf *buf, const char *key,
                                      double number);
GS_NODISCARD int gs_fields_put_bool(gs_buf *buf, const char *key, bool value);

/* gs_fields_next reads the field at |*offset| and moves |*offset| behind it.
 * Returns false at the end, or where the bytes are no field. [any] */
bool gs_fields_next(const void *fields, size_t len, size_t *offset,
                    gs_field *field);

/* The get functions return the named value, or |otherwise| where it is absent
 * or of another type. A string lives as long as |fields|. [any] */
const char *gs_fields_get_text(const void *fields, size_t len, const char *key,
                               const char *otherwise);
double gs_fields_get_number(const void *fields, size_t len, const char *key,
                            double otherwise);
bool gs_fields_get_bool(const void *fields, size_t len, const char *key,
                        bool otherwise);

/* gs_fields_find returns true and fills |*field| if |key| is there. [any] */
bool gs_fields_find(const void *fields, size_t len, const char *key,
                    gs_field *field);

#endif
