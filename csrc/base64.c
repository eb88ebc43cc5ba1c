#include "base64.h"

#include <openssl/evp.h>
#include <string.h>

#include "errors.h"

/* OpenSSL takes lengths as int; text of this many bytes and its NUL fit. */
enum { BASE64_TEXT_MAX = 1 << 30 };

int gs_base64_encode(gs_buf *out, const void *data, size_t len) {
  if (len > BASE64_TEXT_MAX / 4 * 3) return GS_ERR_TOO_BIG;
  size_t text_len = (len + 2) / 3 * 4;
  int err = gs_buf_reserve(out, text_len + 1); /* it ends with a NUL */
  if (err) return err;
  EVP_EncodeBlock(out->data + out->len, data, (int)len);
  out->len += text_len;
  return 0;
}

int gs_base64_decode(gs_buf *out, const void *text, size_t len) {
  const unsigned char *from = text;
  if (len > BASE64_TEXT_MAX) return GS_ERR_TOO_BIG;
  if (len % 4) return GS_ERR_PROTOCOL;
  if (len == 0) return 0;
  size_t padding = from[len - 1] == '=' ? 1 + (from[len - 2] == '=') : 0;
  if (memchr(from, '=', len - padding)) return GS_ERR_PROTOCOL;
  int err = gs_buf_reserve(out, len / 4 * 3);
  if (err) return err;
  /* It trims spaces and line ends, which a shorter result betrays, and takes
   * padding for bytes, wherever it is. */
  int bytes = EVP_DecodeBlock(out->data + out->len, from, (int)len);
  if (bytes < 0 || (size_t)bytes != len / 4 * 3) return GS_ERR_PROTOCOL;
  out->len += (size_t)bytes - padding;
  return 0;
}
