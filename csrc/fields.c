#include "fields.h"

#include <string.h>

#include "errors.h"

enum { FIELD_OVERHEAD = 1 + 1 + 1 + 4 + 1, FIELD_KEY_MAX = 200 };

static int fields_put(gs_buf *buf, gs_field_type type, const char *key,
                      const void *data, size_t len) {
  size_t key_len = strlen(key);
  if (key_len > FIELD_KEY_MAX || len > UINT32_MAX) return GS_ERR_TOO_BIG;
  int err = gs_buf_reserve(buf, FIELD_OVERHEAD + key_len + len);
  if (err) return err;
  uint8_t *at = buf->data + buf->len;
  uint32_t value_len = (uint32_t)len;
  *at++ = (uint8_t)type;
  *at++ = (uint8_t)(key_len + 1);
  memcpy(at, key, key_len + 1);
  at += key_len + 1;
  memcpy(at, &value_len, sizeof value_len);
  at += sizeof value_len;
  if (len) memcpy(at, data, len);
  at[len] = 0;
  buf->len += FIELD_OVERHEAD + key_len + len;
  return 0;
}

int gs_fields_put_string(gs_buf *buf, const char *key, const void *data,
                         size_t len) {
  return fields_put(buf, GS_FIELD_STRING, key, data, len);
}

int gs_fields_put_text(gs_buf *buf, const char *key, const char *text) {
  return fields_put(buf, GS_FIELD_STRING, key, text, strlen(text));
}

int gs_fields_put_number(gs_buf *buf, const char *key, double number) {
  return fields_put(buf, GS_FIELD_NUMBER, key, &number, sizeof number);
}

int gs_fields_put_bool(gs_buf *buf, const char *key, bool value) {
  uint8_t byte = value;
  return fields_put(buf, GS_FIELD_BOOL, key, &byte, 1);
}

/* fields_value reads a value's bytes as |type| says; false if they cannot be
 * one. */
static bool fields_value(gs_field *field, const uint8_t *at, size_t len) {
  switch (field->type) {
    case GS_FIELD_STRING:
      field->string = (const char *)at;
      field->len = len;
      return true;
    case GS_FIELD_NUMBER:
      if (len != sizeof field->number) return false;
      memcpy(&field->number, at, sizeof field->number);
      return true;
    case GS_FIELD_BOOL:
      if (len != 1) return false;
      field->number = *at != 0;
      return true;
  }
  return false;
}

bool gs_fields_next(const void *fields, size_t len, size_t *offset,
                    gs_field *field) {
  const uint8_t *bytes = fields;
  if (*offset > len || len - *offset < FIELD_OVERHEAD) return false;
  const uint8_t *at = bytes + *offset;
  size_t left = len - *offset;
  size_t key_len = at[1];
  uint32_t value_len;
  if (key_len == 0 || left < FIELD_OVERHEAD - 1 + key_len) return false;
  memcpy(&value_len, at + 2 + key_len, sizeof value_len);
  if (value_len > left - (FIELD_OVERHEAD - 1 + key_len)) return false;
  const uint8_t *value = at + 2 + key_len + sizeof value_len;
  if (at[1 + key_len] != 0 || value[value_len] != 0) return false;
  *field =
      (gs_field){.type = (gs_field_type)at[0], .key = (const char *)at + 2};
  if (!fields_value(field, value, value_len)) return false;
  *offset += FIELD_OVERHEAD - 1 + key_len + value_len;
  return true;
}

bool gs_fields_find(const void *fields, size_t len, const char *key,
                    gs_field *field) {
  size_t offset = 0;
  while (gs_fields_next(fields, len, &offset, field)) {
    if (strcmp(field->key, key) == 0) return true;
  }
  return false;
}

const char *gs_fields_get_text(const void *fields, size_t len, const char *key,
                               const char *otherwise) {
  gs_field field;
  bool found = gs_fields_find(fields, len, key, &field);
  return found && field.type == GS_FIELD_STRING ? field.string : otherwise;
}

double gs_fields_get_number(const void *fields, size_t len, const char *key,
                            double otherwise) {
  gs_field field;
  bool found = gs_fields_find(fields, len, key, &field);
  return found && field.type == GS_FIELD_NUMBER ? field.number : otherwise;
}

bool gs_fields_get_bool(const void *fields, size_t len, const char *key,
                        bool otherwise) {
  gs_field field;
  bool found = gs_fields_find(fields, len, key, &field);
  return found && field.type == GS_FIELD_BOOL ? field.number != 0 : otherwise;
}
