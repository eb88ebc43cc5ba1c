/* csrc/lookup.c, with resolvers that hang: names that begin with "hang" wait at
 * a gate. Links: lookup.c, and libuv, whose calls of getaddrinfo come here. */
#define _GNU_SOURCE /* RTLD_NEXT */
#include "lookup.h"

#include <dlfcn.h>
#include <netdb.h>
#include <stdatomic.h>
#include <unistd.h>

#include "check.h"

/* Of lookup.c; and a lookup that hangs is a test that failed. */
enum { THREADS = 32, WATCHDOG_SECONDS = 60 };

/* ---- the resolver ---- */

static uv_sem_t gate;
static atomic_int hanging, asked;
static int (*real)(const char *, const char *, const struct addrinfo *,
                   struct addrinfo **); /* set before any thread */

/* Visible, or libuv would find libc's. */
__attribute__((visibility("default"))) int getaddrinfo(
    const char *host, const char *service, const struct addrinfo *hints,
    struct addrinfo **list) {
  atomic_fetch_add(&asked, 1);
  if (strncmp(host, "hang", 4) == 0) {
    atomic_fetch_add(&hanging, 1);
    uv_sem_wait(&gate);
    atomic_fetch_sub(&hanging, 1);
  }
  if (strncmp(host, "unknown", 7) == 0) return EAI_NONAME;
  return real("127.0.0.1", service, hints, list);
}

/* ---- those who ask ---- */

typedef struct asker {
  gs_lookup_asker lookup;
  int status; /* 1: not told */
  bool found;
} asker;

static uv_loop_t loop;
static asker askers[THREADS + 8];

static void on_told(uv_async_t *async) {
  asker *self = async->data;
  const struct addrinfo *list;
  self->status = gs_lookup_result(&self->lookup, &list);
  self->found = list != NULL;
  gs_lookup_leave(&self->lookup);
  uv_close((uv_handle_t *)async, NULL);
}

static asker *ask(int i, const char *host) {
  asker *self = &askers[i];
  self->status = 1;
  assert_int_equal(uv_async_init(&loop, &self->lookup.async, on_told), 0);
  self->lookup.async.data = self;
  assert_int_equal(gs_lookup_join(&self->lookup, host), 0);
  return self;
}

static void give_up(asker *self) {
  gs_lookup_leave(&self->lookup);
  uv_close((uv_handle_t *)&self->lookup.async, NULL);
}

/* hang asks for |count| names that hang, from askers |first| on. */
static void hang(int first, int count) {
  char host[16];
  for (int i = 0; i < count; i++) {
    snprintf(host, sizeof host, "hang%d", first + i);
    ask(first + i, host);
  }
}

static void open_gate(int count) {
  for (int i = 0; i < count; i++) uv_sem_post(&gate);
}

static void wait_for(atomic_int *number, int value) {
  while (atomic_load(number) != value) usleep(1000);
}

static void wait_for_answer(const asker *self) {
  while (self->status == 1) uv_run(&loop, UV_RUN_ONCE);
}

static int set_up(void **state) {
  (void)state;
  alarm(WATCHDOG_SECONDS);
  atomic_store(&asked, 0);
  return uv_sem_init(&gate, 0) || uv_loop_init(&loop);
}

/* tear_down checks that nothing is left on the loop, and no thread hangs. */
static int tear_down(void **state) {
  (void)state;
  uv_run(&loop, UV_RUN_DEFAULT);
  wait_for(&hanging, 0);
  alarm(0);
  return uv_loop_close(&loop);
}

/* ---- the tests ---- */

static void an_asker_is_told(void **state) {
  (void)state;
  asker *known = ask(0, "known");
  asker *unknown = ask(1, "unknown");
  wait_for_answer(known);
  wait_for_answer(unknown);
  assert_int_equal(known->status, 0);
  assert_true(known->found);
  assert_int_equal(unknown->status, UV_EAI_NONAME);
  assert_false(unknown->found);
}

static void names_that_hang_hold_up_no_other(void **state) {
  (void)state;
  hang(1, THREADS - 1);
  wait_for(&hanging, THREADS - 1);
  wait_for_answer(ask(0, "known"));
  assert_int_equal(askers[0].status, 0);
  assert_int_equal(askers[1].status, 1);
  open_gate(THREADS - 1);
}

static void a_name_is_asked_for_once_at_a_time(void **state) {
  (void)state;
  for (int i = 0; i < THREADS; i++) ask(i, "hang");
  wait_for(&hanging, 1);
  open_gate(1);
  uv_run(&loop, UV_RUN_DEFAULT);
  assert_int_equal(atomic_load(&asked), 1);
  for (int i = 0; i < THREADS; i++) {
    assert_int_equal(askers[i].status, 0);
    assert_true(askers[i].found);
  }
  wait_for_answer(ask(0, "known"));
  wait_for_answer(ask(0, "known"));
  assert_int_equal(atomic_load(&asked), 3);
}

static void who_gives_up_waits_for_nobody(void **state) {
  (void)state;
  asker *first = ask(0, "hang");
  wait_for(&hanging, 1);
  give_up(first);
  asker *again = ask(1, "hang"); /* joins the one that hangs */
  asker *other = ask(2, "hang");
  give_up(other);
  uv_run(&loop, UV_RUN_NOWAIT);
  assert_int_equal(again->status, 1);
  assert_int_equal(other->status, 1);
  open_gate(1);
  uv_run(&loop, UV_RUN_DEFAULT);
  assert_int_equal(again->status, 0);
  assert_int_equal(other->status, 1);
  assert_int_equal(atomic_load(&asked), 1);
}

static void past_the_threads_a_name_waits_for_its_turn(void **state) {
  (void)state;
  hang(0, THREADS);
  wait_for(&hanging, THREADS);
  asker *waiting = ask(THREADS, "known");
  asker *unwanted = ask(THREADS + 1, "another");
  give_up(unwanted);
  uv_run(&loop, UV_RUN_NOWAIT);
  assert_int_equal(waiting->status, 1);
  open_gate(1);
  wait_for_answer(waiting);
  assert_int_equal(waiting->status, 0);
  open_gate(THREADS - 1);
  uv_run(&loop, UV_RUN_DEFAULT);
  assert_int_equal(atomic_load(&asked), THREADS + 1); /* never for "another" */
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
  const struct CMUnitTest tests[] = {
      CASE(an_asker_is_told),
      CASE(names_that_hang_hold_up_no_other),
      CASE(a_name_is_asked_for_once_at_a_time),
      CASE(who_gives_up_waits_for_nobody),
      CASE(past_the_threads_a_name_waits_for_its_turn),
  };
  return cmocka_run_group_tests_name("lookup", tests, NULL, NULL);
}
