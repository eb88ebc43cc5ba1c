#include "tls.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "buf.h"

#if OPENSSL_VERSION_NUMBER < 0x30000000L
  #error \
      "graphsocket needs OpenSSL 3.0 or later: 1.1.1 has had no fixes since 2023"
#endif

typedef struct tls_entry {
  struct tls_entry *next;
  SSL_CTX *context;
  gs_buf key; /* the options, each NUL-terminated */
} tls_entry;

struct gs_tls_cache {
  tls_entry *first;
};

gs_tls_cache *gs_tls_cache_new(void) { return calloc(1, sizeof(gs_tls_cache)); }

static void tls_entry_free(tls_entry *entry) {
  SSL_CTX_free(entry->context);
  gs_buf_free(&entry->key);
  free(entry);
}

void gs_tls_cache_free(gs_tls_cache *cache) {
  if (!cache) return;
  while (cache->first) {
    tls_entry *entry = cache->first;
    cache->first = entry->next;
    tls_entry_free(entry);
  }
  free(cache);
}

static int tls_key(gs_buf *key, const gs_tls_options *options) {
  const char *const strings[] = {
      options->ca_file, options->ca_path, options->crl_file,
      options->cert,    options->key,     options->verify ? "verify" : ""};
  for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
    const char *string = strings[i] ? strings[i] : "";
    int err = gs_buf_append(key, string, strlen(string) + 1);
    if (err) return err;
  }
  return 0;
}

/* tls_fail writes "what: OpenSSL's words" and empties the error queue. */
static bool tls_fail(char *text, size_t text_size, const char *what,
                     const char *file) {
  unsigned long code = ERR_peek_error();
  const char *reason = !code                    ? NULL
                       : ERR_SYSTEM_ERROR(code) ? strerror(ERR_GET_REASON(code))
                                                : ERR_reason_error_string(code);
  snprintf(text, text_size, "%s %s cannot be used: %s", what, file,
           reason ? reason : "unknown reason");
  ERR_clear_error();
  return false;
}

/* tls_load_crl has each certificate of a chain looked up in its authority's
 * list, as libcurl does with CURLOPT_CRLFILE. */
static bool tls_load_crl(SSL_CTX *context, const char *file) {
  X509_STORE *store = SSL_CTX_get_cert_store(context);
  X509_LOOKUP *lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());
  if (!lookup || X509_load_crl_file(lookup, file, X509_FILETYPE_PEM) < 1) {
    return false;
  }
  X509_STORE_set_flags(store,
                       X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
  return true;
}

static bool tls_load(SSL_CTX *context, const gs_tls_options *options,
                     char *text, size_t text_size) {
  ERR_clear_error();
  if (!options->ca_file && !options->ca_path) {
    SSL_CTX_set_default_verify_paths(context);
  }
  if (options->ca_file &&
      SSL_CTX_load_verify_locations(context, options->ca_file, NULL) != 1) {
    return tls_fail(text, text_size, "ca_file", options->ca_file);
  }
  if (options->ca_path &&
      SSL_CTX_load_verify_locations(context, NULL, options->ca_path) != 1) {
    return tls_fail(text, text_size, "ca_path", options->ca_path);
  }
  if (options->crl_file && !tls_load_crl(context, options->crl_file)) {
    return tls_fail(text, text_size, "crl_file", options->crl_file);
  }
  if (options->cert &&
      SSL_CTX_use_certificate_chain_file(context, options->cert) != 1) {
    return tls_fail(text, text_size, "cert", options->cert);
  }
  const char *key = options->key ? options->key : options->cert;
  if (key && SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1) {
    return tls_fail(text, text_size, "key", key);
  }
  ERR_clear_error();
  return true;
}

/* tls_refuse_passphrase answers OpenSSL's question for a key's passphrase,
 * which it would otherwise ask on the terminal, from the I/O thread. */
static int tls_refuse_passphrase(char *buf, int size, int rwflag, void *user) {
  (void)buf, (void)size, (void)rwflag, (void)user;
  return -1;
}

static SSL_CTX *tls_make(const gs_tls_options *options, char *text,
                         size_t text_size) {
  SSL_CTX *context = SSL_CTX_new(TLS_client_method());
  if (!context) {
    snprintf(text, text_size, "OpenSSL could not make a context");
    return NULL;
  }
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_default_passwd_cb(context, tls_refuse_passphrase);
  /* Moving buffers: libwebsockets retries a write from another address. */
  SSL_CTX_set_mode(
      context, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_verify(context,
                     options->verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
  if (tls_load(context, options, text, text_size)) return context;
  SSL_CTX_free(context);
  return NULL;
}

SSL_CTX *gs_tls_context(gs_tls_cache *cache, const gs_tls_options *options,
                        char *text, size_t text_size) {
  snprintf(text, text_size, "out of memory");
  gs_buf key;
  gs_buf_init(&key, GS_MAX_CONTROL);
  if (tls_key(&key, options)) return gs_buf_free(&key), NULL;
  for (tls_entry *entry = cache->first; entry; entry = entry->next) {
    if (entry->key.len == key.len &&
        memcmp(entry->key.data, key.data, key.len) == 0) {
      gs_buf_free(&key);
      return entry->context;
    }
  }
  tls_entry *entry = calloc(1, sizeof *entry);
  if (!entry) return gs_buf_free(&key), NULL;
  entry->key = key;
  entry->context = tls_make(options, text, text_size);
  if (!entry->context) return tls_entry_free(entry), NULL;
  entry->next = cache->first;
  cache->first = entry;
  return entry->context;
}

static bool tls_is_address(const char *name) {
  unsigned char address[16];
  return uv_inet_pton(AF_INET, name, address) == 0 ||
         uv_inet_pton(AF_INET6, name, address) == 0;
}

void gs_tls_prepare(SSL *ssl, const char *name, bool verify) {
  X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
  bool is_address = tls_is_address(name);
  /* libwebsockets has set a name of its own (websocket.c). */
  SSL_set_tlsext_host_name(ssl, NULL);
  if (!is_address) SSL_set_tlsext_host_name(ssl, (char *)(uintptr_t)name);
  X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  /* Both are set, as a name that libwebsockets left would have to match too. */
  X509_VERIFY_PARAM_set1_host(param, verify && !is_address ? name : NULL, 0);
  X509_VERIFY_PARAM_set1_ip(param, NULL, 0);
  if (verify && is_address) X509_VERIFY_PARAM_set1_ip_asc(param, name);
}

/* tls_advice says what a user can do about a refused certificate, or "". */
static const char *tls_advice(long verified) {
  switch (verified) {
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return ": if you trust its CA, give that as ca_file";
    case X509_V_ERR_UNABLE_TO_GET_CRL:
      return ": crl_file has no list of its authority";
    case X509_V_ERR_CRL_HAS_EXPIRED:
      return ": crl_file needs a newer list";
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return ": the server needs another, unless this machine's clock is wrong";
    default:
      return "";
  }
}

void gs_tls_refusal(long verified, const char *name, char *text,
                    size_t text_size) {
  const char *reason = X509_verify_cert_error_string(verified);
  if (verified == X509_V_ERR_HOSTNAME_MISMATCH ||
      verified == X509_V_ERR_IP_ADDRESS_MISMATCH) {
    snprintf(text, text_size,
             "the certificate is not for %s (%s): use a name that it has", name,
             reason);
  } else {
    snprintf(text, text_size, "the certificate of %s was refused: %s%s", name,
             reason, tls_advice(verified));
  }
}

void gs_tls_reason(const SSL *ssl, const char *name, char *text,
                   size_t text_size) {
  long verified = SSL_get_verify_result(ssl);
  unsigned long code = ERR_peek_last_error();
  const char *reason = code ? ERR_reason_error_string(code) : NULL;
  text[0] = '\0';
  if (verified != X509_V_OK) {
    gs_tls_refusal(verified, name, text, text_size);
  } else if (reason) {
    bool plain = ERR_GET_REASON(code) == SSL_R_WRONG_VERSION_NUMBER;
    snprintf(text, text_size, "%s%s", reason,
             plain ? ": does this port speak TLS?" : "");
  }
}

void gs_tls_alert(int value, char *text, size_t text_size) {
  /* OpenSSL 3.0 has no text for it, and it is the one that a user meets. */
  bool certificate_required = (value & 0xff) == TLS13_AD_CERTIFICATE_REQUIRED;
  snprintf(text, text_size, "the server sent the alert \"%s\"",
           certificate_required ? "certificate required"
                                : SSL_alert_desc_string_long(value));
}

gs_tls_step gs_tls_follow(gs_tls_handshake *handshake, const SSL *ssl,
                          int where, int value) {
  /* TLS 1.3 may begin another one, for session tickets, at any time. */
  if (where & SSL_CB_HANDSHAKE_START && !handshake->done) {
    /* OpenSSL says const and allows it: this is its hook before the hello. */
    gs_tls_prepare((SSL *)(uintptr_t)ssl, handshake->name, handshake->verify);
    return GS_TLS_BEGUN;
  }
  if (where & SSL_CB_HANDSHAKE_DONE && !handshake->done) {
    handshake->done = true;
    return GS_TLS_DONE;
  }
  if (where == SSL_CB_READ_ALERT && value >> 8 == SSL3_AL_FATAL) {
    gs_tls_alert(value, handshake->reason, sizeof handshake->reason);
  } else if (where == SSL_CB_CONNECT_EXIT && value <= 0 &&
             !*handshake->reason) {
    gs_tls_reason(ssl, handshake->name, handshake->reason,
                  sizeof handshake->reason);
  }
  return GS_TLS_OTHER;
}

void gs_tls_drop_record(SSL *ssl) {
  char rest[1 << 10];
  while (ssl && SSL_pending(ssl) > 0) {
    if (SSL_read(ssl, rest, sizeof rest) <= 0) return;
  }
}

void gs_tls_end_thread(void) { OPENSSL_thread_stop(); }
