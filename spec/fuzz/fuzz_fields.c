/* Fuzz target of csrc/fields.c. Build and run:
 *   clang -g -O1 -fsanitize=fuzzer,address,undefined -Icsrc \
 *     spec/fuzz/fuzz_fields.c csrc/fields.c csrc/buf.c
 *   ./a.out spec/fuzz/corpus/fields
 *
 * The input is read as fields. Asserted: reading ends, stays inside the bytes,
 * and gives strings that end in NUL; the first field of a key is the one that
 * is found by it; what was read can be written again, and reading that gives
 * the same. */
#include "fields.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "errors.h"
#include "require.h"

static int put(gs_buf *out, const gs_field *field) {
  switch (field->type) {
    case GS_FIELD_STRING:
      return gs_fields_put_string(out, field->key, field->string, field->len);
    case GS_FIELD_NUMBER:
      return gs_fields_put_number(out, field->key, field->number);
    case GS_FIELD_BOOL:
      return gs_fields_put_bool(out, field->key, field->number != 0);
  }
  REQUIRE(!"a type of the header");
  return 0;
}

static void check_found(const uint8_t *data, size_t len,
                        const gs_field *field) {
  const char *text = gs_fields_get_text(data, len, field->key, NULL);
  double number = gs_fields_get_number(data, len, field->key, 0);
  bool truth = gs_fields_get_bool(data, len, field->key, false);
  gs_field found;
  REQUIRE(gs_fields_find(data, len, field->key, &found));
  REQUIRE(strcmp(found.key, field->key) == 0);
  REQUIRE(text == (found.type == GS_FIELD_STRING ? found.string : NULL));
  if (found.type != GS_FIELD_NUMBER) REQUIRE(number == 0);
  if (found.type != GS_FIELD_BOOL) REQUIRE(!truth);
}

/* rewrite reads all fields and appends them to |out|; returns how many. */
static size_t rewrite(const uint8_t *data, size_t len, gs_buf *out) {
  size_t offset = 0;
  size_t count = 0;
  gs_field field;
  for (size_t before = 0; gs_fields_next(data, len, &offset, &field);
       before = offset) {
    REQUIRE(offset > before && offset <= len);
    if (field.type == GS_FIELD_STRING) REQUIRE(!field.string[field.len]);
    check_found(data, len, &field);
    int err = put(out, &field);
    /* The only keys that cannot be written are too long. */
    REQUIRE(err == 0 || (err == GS_ERR_TOO_BIG && strlen(field.key) > 200));
    count += err == 0;
  }
  return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  gs_buf once, twice;
  gs_buf_init(&once, len + 1);
  gs_buf_init(&twice, len + 1);
  size_t count = rewrite(data, len, &once);
  REQUIRE(rewrite(once.data, once.len, &twice) == count);
  REQUIRE(once.len == twice.len);
  REQUIRE(!once.len || memcmp(once.data, twice.data, once.len) == 0);
  gs_buf_free(&once);
  gs_buf_free(&twice);
  return 0;
}
