/* URL reading and escaping by libcurl's URL API: the one place that decides
 * what a URL means. No thread, no state. */
#ifndef GS_URL_H
#define GS_URL_H

#include "buf.h"

/* gs_url_parse splits |text| and appends to |fields| (fields.h):
 *   scheme    "http", "https", "ws" or "wss"
 *   host      lower case; an IPv4 address in its usual form; an IPv6 address
 *             without brackets, its zone after "%"
 *   port      number, absent if the URL names none
 *   path      as written, "" becomes "/"
 *   query     byte for byte, absent if there is no "?"
 *   fragment, user, password   as written, absent if there is none
 * A space, a control character, port 0 and a host name that is not ASCII are
 * refused. Returns 0, GS_ERR_URL, GS_ERR_NOMEM or GS_ERR_TOO_BIG. With
 * GS_ERR_URL, |fields| holds only `message`: a sentence without any part of
 * the URL. [any] */
GS_NODISCARD int gs_url_parse(const char *text, gs_buf *fields);

/* gs_url_resolve appends the absolute form of |reference| against |base| to
 * |out| (RFC 3986, section 5), NUL not included. It takes the URLs that
 * gs_url_parse takes. Errors as gs_url_parse. [any] */
GS_NODISCARD int gs_url_resolve(const char *base, const char *reference,
                                gs_buf *out);

/* gs_url_escape appends |text| with everything but RFC 3986's unreserved
 * characters percent-encoded. Returns 0, GS_ERR_NOMEM or GS_ERR_TOO_BIG.
 * [any] */
GS_NODISCARD int gs_url_escape(const char *text, size_t len, gs_buf *out);

/* gs_url_unescape appends |text| percent-decoded; a "%" without two hexadecimal
 * digits stays. Errors as gs_url_escape. [any] */
GS_NODISCARD int gs_url_unescape(const char *text, size_t len, gs_buf *out);

#endif
