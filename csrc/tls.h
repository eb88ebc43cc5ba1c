/* OpenSSL's part: one client SSL_CTX for each set of TLS options, what a
 * connection sets before its handshake, and OpenSSL's reasons as one line.
 * [io] throughout; a cache belongs to one engine. */
#ifndef GS_TLS_H
#define GS_TLS_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "gs.h"

typedef struct gs_tls_cache gs_tls_cache;

/* Any string may be NULL. Without ca_file and ca_path the system's
 * certificates are trusted; with either, only those. */
typedef struct gs_tls_options {
  const char *ca_file, *ca_path, *cert, *key;
  const char *crl_file; /* revocation lists; one must be there for each CA */
  bool verify;
} gs_tls_options;

/* gs_tls_cache_new returns an empty cache, or NULL when out of memory. */
GS_NODISCARD gs_tls_cache *gs_tls_cache_new(void);

/* gs_tls_cache_free frees every context of the cache. NULL is fine. */
void gs_tls_cache_free(gs_tls_cache *cache);

/* gs_tls_context finds or makes the context for |options|; the cache owns it.
 * A context is made once, as loading a CA bundle costs 20 ms. Returns NULL
 * with one line in |text| if a file cannot be used. */
GS_NODISCARD SSL_CTX *gs_tls_context(gs_tls_cache *cache,
                                     const gs_tls_options *options, char *text,
                                     size_t text_size);

/* gs_tls_prepare sets the name that |ssl| sends (SNI) and, with |verify|,
 * checks: a host name, or an IP address, which is not sent (RFC 6066). */
void gs_tls_prepare(SSL *ssl, const char *name, bool verify);

/* gs_tls_reason writes why the handshake of |ssl| failed, from the
 * certificate's verification and this thread's error queue, into |text|; ""
 * if OpenSSL says nothing. */
void gs_tls_reason(const SSL *ssl, const char *name, char *text,
                   size_t text_size);

/* A client's handshake, as OpenSSL's info callback tells it. */
typedef struct gs_tls_handshake {
  const char *name; /* to send and to verify; the owner's */
  bool verify;
  bool done;
  char reason[256]; /* why it failed, or "" */
} gs_tls_handshake;

typedef enum gs_tls_step {
  GS_TLS_OTHER,
  GS_TLS_BEGUN,
  GS_TLS_DONE
} gs_tls_step;

/* gs_tls_follow takes what the info callback is told: prepares the handshake
 * when it begins, notes why it fails, and returns how far it came by this. */
gs_tls_step gs_tls_follow(gs_tls_handshake *handshake, const SSL *ssl,
                          int where, int value);

/* gs_tls_drop_record forgets what |ssl| holds of a record that was read in
 * part. NULL is fine. */
void gs_tls_drop_record(SSL *ssl);

/* gs_tls_refusal words why the certificate of |name| was refused: |verified|,
 * an X509_V_ERR_ code, and what can be done about it. [any] */
void gs_tls_refusal(long verified, const char *name, char *text,
                    size_t text_size);

/* gs_tls_alert words the alert that the info callback gave as |value|. */
void gs_tls_alert(int value, char *text, size_t text_size);

/* gs_tls_end_thread frees what OpenSSL keeps for this thread, which it would
 * do when the thread ends: too late if the process is ending meanwhile. The
 * thread does nothing with TLS afterwards. */
void gs_tls_end_thread(void);

#endif
