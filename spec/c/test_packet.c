/* csrc/packet.c against the grammar of socket.io-protocol v4 and v5. What a
 * packet means is tested in spec/socketio/packet_spec.lua. Links: packet.c
 * errors.c */
#include "check.h"
#include "errors.h"
#include "packet.h"

/* The text lies in a block of its own size, so that valgrind and ASan see a
 * byte read past its end. */
static char *copied;

static int parse(const char *text, size_t len, gs_packet *packet) {
  free(copied);
  copied = (char *)check_copy(text, len ? len : 1);
  return gs_packet_parse(copied, len, packet);
}

static int free_copy(void **state) {
  (void)state;
  free(copied);
  copied = NULL;
  return 0;
}

/* What is expected of a packet: nothing else is set. */
typedef struct {
  const char *text;
  int type;
  const char *namespace;
  int64_t id;          /* -1: none */
  const char *name;    /* NULL: none */
  const char *payload; /* "": none */
  int attachments;     /* -1: not announced */
} expected;

static void check(const expected *want) {
  gs_packet got;
  assert_int_equal(parse(want->text, strlen(want->text), &got), 0);
  assert_int_equal(got.type, want->type);
  assert_int_equal(got.namespace_len, strlen(want->namespace));
  assert_memory_equal(got.namespace, want->namespace, got.namespace_len);
  assert_int_equal(got.has_id, want->id >= 0);
  if (got.has_id) assert_int_equal(got.id, want->id);
  assert_int_equal(got.name != NULL, want->name != NULL);
  if (got.name) {
    assert_int_equal(got.name_len, strlen(want->name));
    assert_memory_equal(got.name, want->name, got.name_len);
  }
  assert_string_equal(want->text + got.payload, want->payload);
  assert_int_equal(got.has_attachments, want->attachments >= 0);
  if (got.has_attachments) {
    assert_int_equal(got.attachments, want->attachments);
  }
}

static void reads_every_type(void **state) {
  (void)state;
  static const expected cases[] = {
      {"0", GS_PACKET_CONNECT, "/", -1, NULL, "", -1},
      {"0{\"sid\":\"x\"}", GS_PACKET_CONNECT, "/", -1, NULL, "{\"sid\":\"x\"}",
       -1},
      {"0/admin?a=b,", GS_PACKET_CONNECT, "/admin?a=b", -1, NULL, "", -1},
      {"0/admin", GS_PACKET_CONNECT, "/admin", -1, NULL, "", -1},
      {"1/admin,", GS_PACKET_DISCONNECT, "/admin", -1, NULL, "", -1},
      {"2[\"a\"]", GS_PACKET_EVENT, "/", -1, "a", "[\"a\"]", -1},
      {"2/a,12[\"a\",1]\n", GS_PACKET_EVENT, "/a", 12, "a", "[\"a\",1]\n", -1},
      {"29007199254740992[\"a\"]", GS_PACKET_EVENT, "/", INT64_C(1) << 53, "a",
       "[\"a\"]", -1},
      {"3/a,0[]", GS_PACKET_ACK, "/a", 0, NULL, "[]", -1},
      {"4\"no\"", GS_PACKET_CONNECT_ERROR, "/", -1, NULL, "\"no\"", -1},
      {"52-/a,7[\"a\"]", GS_PACKET_EVENT, "/a", 7, "a", "[\"a\"]", 2},
      {"50-[\"a\"]", GS_PACKET_EVENT, "/", -1, "a", "[\"a\"]", 0},
      {"61000-1[]", GS_PACKET_ACK, "/", 1, NULL, "[]", 1000},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) check(&cases[i]);
}

static void finds_only_plain_names(void **state) {
  (void)state;
  static const struct {
    const char *text;
    const char *name;
  } cases[] = {
      {"2[ \"a b\" ,1]", "a b"},
      {"2[\"\"]", ""},
      {"2[1]", NULL},
      {"2[]", NULL},
      {"2[\"a\\n\"]", NULL},
      {"2[\"a]", NULL},
      {"2[\"a\"1]", NULL},
      {"2[\"\xc3\xa4\"]", "\xc3\xa4"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    check(&(expected){cases[i].text, GS_PACKET_EVENT, "/", -1, cases[i].name,
                      cases[i].text + 1, -1});
  }
}

static void refuses_what_the_grammar_does_not_know(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int err;
  } cases[] = {
      {"", GS_ERR_PACKET_TYPE},
      {"7", GS_ERR_PACKET_TYPE},
      {"/", GS_ERR_PACKET_TYPE},
      {"\xff", GS_ERR_PACKET_TYPE},
      {"5[\"a\"]", GS_ERR_PACKET_ATTACHMENTS},
      {"5-[\"a\"]", GS_ERR_PACKET_ATTACHMENTS},
      {"51", GS_ERR_PACKET_ATTACHMENTS},
      {"51001-[\"a\"]", GS_ERR_PACKET_TOO_MANY},
      {"599999999999999999999-[\"a\"]", GS_ERR_PACKET_TOO_MANY},
      {"2/a[\"a\"]", GS_ERR_PACKET_COMMA},
      {"3/a1[]", GS_ERR_PACKET_COMMA},
      {"29007199254740993[\"a\"]", GS_ERR_PACKET_ID},
      {"2118446744073709551616[\"a\"]", GS_ERR_PACKET_ID},
      {"3[]", GS_ERR_PACKET_NO_ID},
      {"1{}", GS_ERR_PACKET_SURPLUS},
      {"2", GS_ERR_PACKET_NO_PAYLOAD},
      {"2/a,", GS_ERR_PACKET_NO_PAYLOAD},
      {"31", GS_ERR_PACKET_NO_PAYLOAD},
      {"2{}", GS_ERR_PACKET_NO_ARRAY},
      {"2[\"a\"", GS_ERR_PACKET_NO_ARRAY},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    gs_packet packet;
    assert_int_equal(parse(cases[i].text, strlen(cases[i].text), &packet),
                     cases[i].err);
  }
}

static void takes_a_namespace_up_to_its_bound(void **state) {
  (void)state;
  char text[GS_PACKET_NAMESPACE_MAX + 4] = "0/";
  gs_packet packet;
  memset(text + 2, 'n', GS_PACKET_NAMESPACE_MAX);
  assert_int_equal(parse(text, GS_PACKET_NAMESPACE_MAX + 1, &packet), 0);
  assert_int_equal(packet.namespace_len, GS_PACKET_NAMESPACE_MAX);
  assert_int_equal(parse(text, GS_PACKET_NAMESPACE_MAX + 2, &packet),
                   GS_ERR_PACKET_NAMESPACE);
}

/* A head that is cut anywhere is refused or read as what it is by itself;
 * nothing is read past its end. */
static void reads_no_byte_past_a_cut(void **state) {
  (void)state;
  static const char whole[] = "512-/admin,34[\"name\",{}]";
  gs_packet packet;
  for (size_t len = 0; len < sizeof whole - 1; len++) {
    assert_int_not_equal(parse(whole, len, &packet), 0);
  }
  assert_int_equal(parse(whole, sizeof whole - 1, &packet), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(reads_every_type, free_copy),
      cmocka_unit_test_teardown(finds_only_plain_names, free_copy),
      cmocka_unit_test_teardown(refuses_what_the_grammar_does_not_know,
                                free_copy),
      cmocka_unit_test_teardown(takes_a_namespace_up_to_its_bound, free_copy),
      cmocka_unit_test_teardown(reads_no_byte_past_a_cut, free_copy),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
