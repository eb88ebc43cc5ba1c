/* csrc/claim.c. Links: claim.c */
#include "claim.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static void belongs_to_the_first_who_claims(void **state) {
  (void)state;
  uint64_t first = gs_claim_owner(), second = gs_claim_owner();
  assert_true(first && second && first != second);
  assert_true(gs_claim("one", first));
  assert_false(gs_claim("one", second));
  assert_true(gs_claim("one", first));
  assert_true(gs_claim("two", second));
}

static void is_not_inherited_by_a_child(void **state) {
  (void)state;
  assert_false(gs_claim("one", 77));
  pid_t child = fork();
  if (child == 0) {
    bool right = gs_claim("one", 77) && gs_claim("two", 78);
    _exit(right && !gs_claim("one", 79) ? 0 : 1);
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
}

static void is_refused_where_names_are_too_many_or_too_long(void **state) {
  (void)state;
  char name[] = "n0";
  for (int i = 0; i < GS_CLAIMS; i++) {
    name[1] = (char)('0' + i);
    (void)gs_claim(name, 9);
  }
  assert_false(gs_claim("one more", 9));
  char longest[GS_CLAIM_NAME + 1];
  memset(longest, 'x', sizeof longest - 1);
  longest[sizeof longest - 1] = '\0';
  assert_false(gs_claim(longest, 9));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(belongs_to_the_first_who_claims),
      cmocka_unit_test(is_not_inherited_by_a_child),
      cmocka_unit_test(is_refused_where_names_are_too_many_or_too_long),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
