/* Whether bytes are UTF-8 (RFC 3629: no surrogates, no overlong forms, nothing
 * past U+10FFFF): LuaJIT has no utf8 library, and neither libuv nor
 * libwebsockets exports a check. [any] */
#ifndef GS_UTF8_H
#define GS_UTF8_H

#include <stdbool.h>
#include <stddef.h>

bool gs_utf8_valid(const void *data, size_t len);

#endif
