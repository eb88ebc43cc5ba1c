/* csrc/tls.c: OpenSSL's reasons in words, and the contexts that are kept.
 * Links: tls.c buf.c */
#include <openssl/x509_vfy.h>

#include "check.h"
#include "tls.h"

static void check_refusal(long verified, const char *expected) {
  char text[256];
  gs_tls_refusal(verified, "h.test", text, sizeof text);
  assert_string_equal(text, expected);
}

static void says_what_to_do_about_a_refused_certificate(void **state) {
  (void)state;
  check_refusal(X509_V_ERR_HOSTNAME_MISMATCH,
                "the certificate is not for h.test (hostname mismatch): use a "
                "name that it has");
  check_refusal(X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
                "the certificate of h.test was refused: unable to get local "
                "issuer certificate: if you trust its CA, give that as "
                "ca_file");
  check_refusal(X509_V_ERR_CERT_HAS_EXPIRED,
                "the certificate of h.test was refused: certificate has "
                "expired: the server needs another, unless this machine's "
                "clock is wrong");
  check_refusal(X509_V_ERR_CERT_REVOKED,
                "the certificate of h.test was refused: certificate revoked");
}

static void words_the_alert_that_openssl_has_no_text_for(void **state) {
  (void)state;
  char text[128];
  gs_tls_alert(SSL3_AL_FATAL << 8 | TLS13_AD_CERTIFICATE_REQUIRED, text,
               sizeof text);
  assert_string_equal(text,
                      "the server sent the alert \"certificate required\"");
  gs_tls_alert(SSL3_AL_FATAL << 8 | SSL3_AD_HANDSHAKE_FAILURE, text,
               sizeof text);
  assert_string_equal(text, "the server sent the alert \"handshake failure\"");
}

static void makes_a_context_once_for_the_same_options(void **state) {
  (void)state;
  char text[256];
  gs_tls_cache *cache = gs_tls_cache_new();
  assert_non_null(cache);
  const gs_tls_options checked = {.verify = true}, unchecked = {0};
  SSL_CTX *first = gs_tls_context(cache, &checked, text, sizeof text);
  assert_non_null(first);
  assert_ptr_equal(gs_tls_context(cache, &checked, text, sizeof text), first);
  SSL_CTX *other = gs_tls_context(cache, &unchecked, text, sizeof text);
  assert_non_null(other);
  assert_ptr_not_equal(other, first);
  assert_int_equal(SSL_CTX_get_verify_mode(first), SSL_VERIFY_PEER);
  assert_int_equal(SSL_CTX_get_verify_mode(other), SSL_VERIFY_NONE);
  gs_tls_cache_free(cache);
}

static void names_the_option_whose_file_cannot_be_used(void **state) {
  (void)state;
  char text[256];
  gs_tls_cache *cache = gs_tls_cache_new();
  assert_non_null(cache);
  const gs_tls_options absent = {.ca_file = "/nowhere.pem", .verify = true};
  const gs_tls_options no_pem = {.cert = "/dev/null", .verify = true};
  assert_null(gs_tls_context(cache, &absent, text, sizeof text));
  assert_string_equal(text,
                      "ca_file /nowhere.pem cannot be used: No such file or "
                      "directory");
  assert_null(gs_tls_context(cache, &no_pem, text, sizeof text));
  assert_memory_equal(text, "cert /dev/null cannot be used: ", 31);
  gs_tls_cache_free(cache);
}

/* A client or a server without certificates, at one end of a pair of pipes. */
static SSL *anonymous(const SSL_METHOD *method, BIO *pipe) {
  SSL_CTX *context = SSL_CTX_new(method);
  assert_non_null(context);
  assert_true(SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION));
  assert_true(SSL_CTX_set_cipher_list(context, "aNULL:@SECLEVEL=0"));
  SSL *ssl = SSL_new(context);
  assert_non_null(ssl);
  SSL_CTX_free(context);
  SSL_set_bio(ssl, pipe, pipe);
  return ssl;
}

static void forgets_the_rest_of_a_record(void **state) {
  (void)state;
  static const char record[9000];
  char data[16];
  BIO *near, *far;
  assert_true(BIO_new_bio_pair(&near, 1 << 15, &far, 1 << 15));
  SSL *client = anonymous(TLS_client_method(), near);
  SSL *server = anonymous(TLS_server_method(), far);
  SSL_set_accept_state(server);
  for (int i = 0; i < 4; i++) SSL_connect(client), SSL_do_handshake(server);
  assert_true(SSL_is_init_finished(client) && SSL_is_init_finished(server));
  assert_int_equal(SSL_write(server, record, sizeof record), sizeof record);
  assert_int_equal(SSL_write(server, "next", 4), 4);
  assert_int_equal(SSL_read(client, data, sizeof data), sizeof data);
  assert_int_equal(SSL_pending(client), sizeof record - sizeof data);
  gs_tls_drop_record(client);
  assert_int_equal(SSL_pending(client), 0);
  gs_tls_drop_record(client);
  assert_int_equal(SSL_read(client, data, sizeof data), 4);
  assert_memory_equal(data, "next", 4);
  gs_tls_drop_record(NULL);
  SSL_free(client);
  SSL_free(server);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(says_what_to_do_about_a_refused_certificate),
      cmocka_unit_test(words_the_alert_that_openssl_has_no_text_for),
      cmocka_unit_test(makes_a_context_once_for_the_same_options),
      cmocka_unit_test(names_the_option_whose_file_cannot_be_used),
      cmocka_unit_test(forgets_the_rest_of_a_record),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
