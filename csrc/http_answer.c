/* What comes back: collecting it, judging how the transfer ended, and writing
 * the one answer. No part of the URL and no header value goes into a message:
 * libcurl's words are used only where they were read to hold neither. */
#include <stdio.h>
#include <string.h>

#include "errors.h"
#include "fields.h"
#include "http_request.h"
#include "reach.h"
#include "tls.h"

/* ---- Collecting ---- */

static void answer_note_bytes(gs_http_request *request) {
  if (request->phase == GS_HTTP_BODY) {
    request->clock_ms = uv_now(request->timer.loop); /* the timer finds out */
  } else {
    gs_http_request_enter(request, GS_HTTP_BODY);
  }
}

/* answer_give_up is for a transfer that a callback is about to end. libcurl
 * 7.88 would keep its HTTP/2 connection, on which the server sends on and on:
 * it is told only when the connection is used again. */
static void answer_give_up(gs_http_request *request) {
  (void)curl_easy_setopt(request->easy, CURLOPT_FORBID_REUSE, 1L);
}

/* answer_keep appends to |to|; returns false when the transfer must end. */
static bool answer_keep(gs_http_request *request, gs_buf *to, const void *data,
                        size_t len, const char *what) {
  int err = gs_buf_append(to, data, len);
  if (err == GS_ERR_TOO_BIG) {
    gs_http_request_fail(request, err, "%s is larger than %zu bytes", what,
                         to->max_bytes);
  } else if (err) {
    gs_http_request_fail(request, err, "%s", gs_error_text(err));
  }
  if (err) answer_give_up(request);
  return !err;
}

static void answer_refuse_header(gs_http_request *request) {
  gs_http_request_fail(request, GS_ERR_TOO_BIG,
                       "the header of the answer is larger than %u bytes",
                       GS_HTTP_MAX_HEADERS);
  answer_give_up(request);
}

static bool answer_add_header(gs_http_request *request, const char *line,
                              size_t len) {
  gs_buf *headers = &request->received_headers;
  bool folded = *line == ' ' || *line == '\t';
  if (folded && headers->len) {
    headers->len -= 2; /* RFC 9112, section 5.2: a fold means a space */
  } else if (folded || !memchr(line, ':', len)) {
    return true;
  }
  static const char what[] = "the header of the answer";
  return answer_keep(request, headers, line, len, what) &&
         answer_keep(request, headers, "\r\n", 2, what);
}

/* Called with one whole header line of any response, interim ones (100) too;
 * each begins with its status line. */
static size_t answer_on_header(char *line, size_t size, size_t count,
                               void *user) {
  gs_http_request *request = user;
  size_t all = size * count;
  size_t len = all;
  answer_note_bytes(request);
  request->header_bytes += all;
  if (request->header_bytes > GS_HTTP_MAX_HEADERS) {
    answer_refuse_header(request);
    return 0;
  }
  if (len >= 5 && memcmp(line, "HTTP/", 5) == 0) {
    gs_buf_clear(&request->received_headers);
    request->headers_done = false;
    return all;
  }
  while (len && (line[len - 1] == '\n' || line[len - 1] == '\r')) len--;
  if (len == 0) request->headers_done = true;
  if (request->headers_done) return all; /* trailers are nobody's interest */
  return answer_add_header(request, line, len) ? all : 0;
}

static size_t answer_on_body(char *data, size_t size, size_t count,
                             void *user) {
  gs_http_request *request = user;
  size_t len = size * count;
  answer_note_bytes(request);
  bool kept = answer_keep(request, &request->received, data, len,
                          "the body of the answer");
  return kept ? len : 0;
}

CURLcode gs_http_answer_collect(gs_http_request *request) {
  CURL *easy = request->easy;
  CURLcode rc = curl_easy_setopt(easy, CURLOPT_HEADERDATA, request);
  if (!rc) rc = curl_easy_setopt(easy, CURLOPT_WRITEDATA, request);
  if (!rc)
    rc = curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, answer_on_header);
  if (!rc) rc = curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, answer_on_body);
  return rc;
}

/* ---- Judging ---- */

/* answer_is_sent tells whether the body of the request is on its way. */
static bool answer_is_sent(const gs_http_request *request) {
  curl_off_t sent = 0;
  if (!request->easy) return false;
  curl_easy_getinfo(request->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
  return (curl_off_t)request->sent.len <= sent;
}

static const char *answer_phase(const gs_http_request *request) {
  switch (request->phase) {
    case GS_HTTP_DNS:
      return "dns";
    case GS_HTTP_TCP:
      return "tcp";
    case GS_HTTP_PROXY:
      return "proxy";
    case GS_HTTP_TLS:
      return "tls";
    case GS_HTTP_SEND:
      return answer_is_sent(request) ? "first byte" : "request";
    case GS_HTTP_BODY:
      return "body";
  }
  return "";
}

const char *gs_http_answer_doing(const gs_http_request *request) {
  switch (request->phase) {
    case GS_HTTP_DNS:
      return "looking up the host name";
    case GS_HTTP_TCP:
      return "connecting";
    case GS_HTTP_PROXY:
      return "connecting through the proxy";
    case GS_HTTP_TLS:
      return "waiting for the TLS handshake";
    case GS_HTTP_SEND:
      return answer_is_sent(request) ? "waiting for the answer"
                                     : "sending the request";
    case GS_HTTP_BODY:
      return "receiving the answer";
  }
  return "";
}

/* answer_is_head tells whether the header of an answer is coming. libcurl
 * before 8.6 calls it "out of memory" that a line of it is longer than 100 KiB,
 * which is the likelier thing there. Later ones say that it is too large, and
 * so of more than 5,000 lines. */
static bool answer_is_head(const gs_http_request *request) {
  return request->phase == GS_HTTP_BODY && !request->headers_done;
}

/* answer_code finds our code for libcurl's. */
static int answer_code(const gs_http_request *request, CURLcode code) {
  switch (code) {
#if LIBCURL_VERSION_NUM >= 0x080600
    case CURLE_TOO_LARGE:
      return GS_ERR_TOO_BIG;
#endif
    case CURLE_OUT_OF_MEMORY:
      return answer_is_head(request) ? GS_ERR_TOO_BIG : GS_ERR_NOMEM;
    case CURLE_OPERATION_TIMEDOUT:
      return GS_ERR_TIMEOUT;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
      return GS_ERR_DNS;
    case CURLE_COULDNT_CONNECT:
      return GS_ERR_CONNECT;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CRL_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CLIENTCERT:
    case CURLE_SSL_ENGINE_INITFAILED:
    case CURLE_SSL_SHUTDOWN_FAILED:
    case CURLE_USE_SSL_FAILED:
      return GS_ERR_TLS;
    case CURLE_UNSUPPORTED_PROTOCOL: /* also of an answer that is not HTTP */
      return request->phase < GS_HTTP_SEND ? GS_ERR_URL : GS_ERR_PROTOCOL;
    case CURLE_URL_MALFORMAT:
      return GS_ERR_URL;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
      return GS_ERR_PROTOCOL;
    default: /* CURLE_HTTP2 too: a server that ends a connection after so many
              * requests shows as that, and the next connection works */
      return GS_ERR_NETWORK;
  }
}

/* answer_judge_dial words a failure to reach |dial_host|. libcurl's own words
 * may quote the proxy's URL with its password. */
static void answer_judge_dial(gs_http_request *request, int error,
                              CURLcode code) {
  char words[400];
  if (error == GS_ERR_DNS) {
    gs_reach_explain_lookup(request->dial_host, curl_easy_strerror(code), words,
                            sizeof words);
  } else {
    curl_easy_getinfo(request->easy, CURLINFO_OS_ERRNO, &request->os_errno);
    gs_reach_explain_dial(request->dial_host, request->dial_port,
                          (int)request->os_errno, words, sizeof words);
  }
  bool proxy = error == GS_ERR_PROXY;
  gs_http_request_fail(request, error, "%s%s%s",
                       proxy ? gs_error_text(error) : "", proxy ? ": " : "",
                       words);
}

/* answer_judge_tls words a failed handshake. libcurl keeps the first words of
 * a request only, and they may be about a reused connection that was found
 * dead before the one that failed: so the certificate's verdict is asked for.
 */
static void answer_judge_tls(gs_http_request *request, CURLcode code,
                             const char *curl_words) {
  char words[300];
  const char *text = gs_error_text(GS_ERR_TLS);
  bool proxy = request->phase == GS_HTTP_PROXY;
  bool plain = strstr(curl_words, "wrong version number") != NULL;
  if (code == CURLE_PEER_FAILED_VERIFICATION) {
    long verified = 0;
    curl_easy_getinfo(
        request->easy,
        proxy ? CURLINFO_PROXY_SSL_VERIFYRESULT : CURLINFO_SSL_VERIFYRESULT,
        &verified);
    /* A name that does not match is no fault of the chain, and libcurl looks
     * at the chain only after the name. */
    if (verified == X509_V_OK || verified == X509_V_ERR_UNSPECIFIED) {
      verified = X509_V_ERR_HOSTNAME_MISMATCH;
    }
    gs_tls_refusal(verified, proxy ? request->dial_host : request->server,
                   words, sizeof words);
    gs_http_request_fail(request, GS_ERR_TLS, "%s: %s", text, words);
  } else if (code == CURLE_SSL_CACERT_BADFILE ||
             code == CURLE_SSL_CRL_BADFILE || code == CURLE_SSL_CERTPROBLEM) {
    gs_http_request_fail(request, GS_ERR_TLS,
                         "a file for TLS cannot be used: %s", curl_words);
  } else {
    gs_http_request_fail(request, GS_ERR_TLS, "%s: %s%s", text, curl_words,
                         plain ? ": does this port speak TLS?" : "");
  }
}

void gs_http_answer_judge(gs_http_request *request, CURLcode code) {
  if (code == CURLE_OK || request->error) return;
  const char *words =
      request->curl_text[0] ? request->curl_text : curl_easy_strerror(code);
  int error = request->name_missed ? GS_ERR_DNS : answer_code(request, code);
  /* TLS 1.3 tells a refused client certificate after the handshake. */
  if (error == GS_ERR_NETWORK && strstr(words, " alert ")) error = GS_ERR_TLS;
  if (error == GS_ERR_TLS && request->phase == GS_HTTP_TCP) {
    request->phase = GS_HTTP_TLS; /* a certificate file could not be read */
  }
  if (request->phase == GS_HTTP_PROXY &&
      (error == GS_ERR_CONNECT || error == GS_ERR_NETWORK)) {
    error = GS_ERR_PROXY;
  }
  const char *text = gs_error_text(error);
  long refusal = 0;
  switch (error) {
    case GS_ERR_PROXY:
      curl_easy_getinfo(request->easy, CURLINFO_HTTP_CONNECTCODE, &refusal);
      if (refusal) {
        char why[200];
        gs_reach_explain_proxy((int)refusal, why, sizeof why);
        gs_http_request_fail(request, error, "%s", why);
      }
      answer_judge_dial(request, error, code);
      break;
    case GS_ERR_DNS:
    case GS_ERR_CONNECT:
      answer_judge_dial(request, error, code);
      break;
    case GS_ERR_TIMEOUT:
      gs_http_request_fail(request, error, "timed out while %s",
                           gs_http_answer_doing(request));
      break;
    case GS_ERR_NOMEM:
    case GS_ERR_URL:
      gs_http_request_fail(request, error, "%s", text);
      break;
    case GS_ERR_TOO_BIG:
      gs_http_request_fail(request, error,
                           "the header of the answer is larger than libcurl "
                           "takes");
      break;
    case GS_ERR_TLS:
      answer_judge_tls(request, code, words);
      break;
    default:
      gs_http_request_fail(request, error, "%s: %s", text, words);
  }
}

/* ---- Answering ---- */

static const char *answer_version(const gs_http_request *request) {
  long version = 0;
  curl_easy_getinfo(request->easy, CURLINFO_HTTP_VERSION, &version);
  switch (version) {
    case CURL_HTTP_VERSION_1_0:
      return "1.0";
    case CURL_HTTP_VERSION_2_0:
      return "2";
    case CURL_HTTP_VERSION_3:
      return "3";
    default:
      return "1.1";
  }
}

static int answer_put_success(const gs_http_request *request, gs_buf *fields) {
  const char *ip = NULL;
  curl_easy_getinfo(request->easy, CURLINFO_PRIMARY_IP, &ip);
  int err = gs_fields_put_string(fields, "body", request->received.data,
                                 request->received.len);
  if (!err) {
    err = gs_fields_put_text(fields, "version", answer_version(request));
  }
  if (!err) err = gs_fields_put_text(fields, "ip", ip ? ip : "");
  return err;
}

static int answer_put_failure(const gs_http_request *request, gs_buf *fields) {
  int error = request->error;
  int err = gs_fields_put_text(fields, "kind", gs_error_kind(error));
  if (!err) err = gs_fields_put_text(fields, "code", gs_error_name(error));
  if (!err) err = gs_fields_put_text(fields, "message", request->message);
  if (!err) err = gs_fields_put_text(fields, "phase", answer_phase(request));
  if (!err && request->os_errno) {
    err = gs_fields_put_number(fields, "errno", (double)request->os_errno);
  }
  return err;
}

int gs_http_answer_write(gs_http_request *request, gs_buf *fields) {
  long status = 0;
  double elapsed = (double)(uv_hrtime() - request->began_ns) / 1e9;
  int err = request->error ? answer_put_failure(request, fields)
                           : answer_put_success(request, fields);
  if (!err) err = gs_fields_put_number(fields, "elapsed", elapsed);
  if (request->easy) {
    curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
  }
  if (err || status == 0) return err;
  err = gs_fields_put_number(fields, "status", (double)status);
  if (err) return err;
  return gs_fields_put_string(fields, "headers", request->received_headers.data,
                              request->received_headers.len);
}
