/* Base64 (RFC 4648, section 4) as Engine.IO has it, with padding and without
 * line ends: OpenSSL's, with the checks that it leaves to its caller. It knows
 * no thread. */
#ifndef GS_BASE64_H
#define GS_BASE64_H

#include "buf.h"

/* gs_base64_encode appends the text of |len| bytes. Returns 0, GS_ERR_NOMEM,
 * or GS_ERR_TOO_BIG; |out| is unchanged on error. [any] */
GS_NODISCARD int gs_base64_encode(gs_buf *out, const void *data, size_t len);

/* gs_base64_decode appends the bytes that |text| stands for. Returns 0,
 * GS_ERR_NOMEM, GS_ERR_TOO_BIG, or GS_ERR_PROTOCOL if it is no base64; |out|
 * is unchanged on error. [any] */
GS_NODISCARD int gs_base64_decode(gs_buf *out, const void *text, size_t len);

#endif
