#define _GNU_SOURCE /* RTLD_NEXT */
/* csrc/engine.c: the I/O thread's life, whatever it is doing when it must end.
 * Only this process and loopback are used. Links: everything but lua_core.c */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "clock.h"
#include "engine.h"
#include "errors.h"
#include "events.h"
#include "fields.h"
#include "link.h"
#include "listen.h"

enum { PATIENCE_MS = 20000 };

/* ---- what the tests share ---- */

static int count_threads(void) {
  int count = 0;
  DIR *tasks = opendir("/proc/self/task");
  assert_non_null(tasks);
  for (struct dirent *task; (task = readdir(tasks));) {
    count += task->d_name[0] != '.';
  }
  closedir(tasks);
  return count;
}

/* A thread that was joined, or has looked a name up, is counted for a moment
 * yet. */
static void wait_for_threads(int count) {
  uint64_t until = gs_clock_ms() + PATIENCE_MS;
  while (count_threads() != count && gs_clock_ms() < until) {
    poll(NULL, 0, 2);
  }
  assert_int_equal(count_threads(), count);
}

static gs_engine *start(void) {
  char text[256] = "";
  gs_engine *engine = gs_engine_new(text, sizeof text);
  if (!engine) fail_msg("%s", text);
  return engine;
}

/* listen_silently returns a socket that accepts nothing and says nothing. */
static int listen_silently(int *port) {
  *port = 0;
  return listen_at("127.0.0.1", port, 8);
}

/* accept_hello returns a connection on which the client's first bytes have
 * come: it is in the middle of its handshake then. */
static int accept_hello(int listener) {
  struct pollfd wait = {.fd = listener, .events = POLLIN};
  assert_int_equal(poll(&wait, 1, PATIENCE_MS), 1);
  wait.fd = accept(listener, NULL, NULL);
  assert_true(wait.fd >= 0);
  assert_int_equal(poll(&wait, 1, PATIENCE_MS), 1);
  return wait.fd;
}

static gs_link *open_connection(gs_engine *engine, uint32_t id,
                                const char *host, int port, bool tls) {
  gs_buf fields;
  gs_buf_init(&fields, GS_MAX_CONTROL);
  assert_int_equal(gs_fields_put_text(&fields, "host", host), 0);
  assert_int_equal(gs_fields_put_number(&fields, "port", port), 0);
  assert_int_equal(gs_fields_put_text(&fields, "path", "/"), 0);
  assert_int_equal(gs_fields_put_bool(&fields, "tls", tls), 0);
  gs_link *link = gs_link_new(id, GS_MAX_QUEUE);
  assert_non_null(link);
  gs_link *held = gs_link_retain(link);
  assert_int_equal(gs_engine_command(engine, GS_COMMAND_OPEN, 0, id, &held,
                                     sizeof held, fields.data, fields.len),
                   0);
  gs_buf_free(&fields);
  return link;
}

static void start_request(gs_engine *engine, uint32_t id, int port) {
  char url[64];
  gs_buf fields;
  gs_buf_init(&fields, GS_MAX_CONTROL);
  snprintf(url, sizeof url, "https://127.0.0.1:%d/", port);
  assert_int_equal(gs_fields_put_text(&fields, "url", url), 0);
  assert_int_equal(gs_fields_put_text(&fields, "host", "127.0.0.1"), 0);
  assert_int_equal(gs_fields_put_number(&fields, "port", port), 0);
  assert_int_equal(gs_engine_command(engine, GS_COMMAND_REQUEST, 0, id, NULL, 0,
                                     fields.data, fields.len),
                   0);
  gs_buf_free(&fields);
}

/* next_event waits for the next event the way a script does. */
static gs_record next_event(gs_engine *engine) {
  gs_record record;
  struct pollfd wait = {.fd = gs_engine_fd(engine), .events = POLLIN};
  while (!gs_engine_next(engine, &record)) {
    assert_int_equal(poll(&wait, 1, PATIENCE_MS), 1);
  }
  return record;
}

/* ---- a lookup that hangs, as with a DNS server that is gone ---- */

static pthread_mutex_t lookup_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t lookup_changed = PTHREAD_COND_INITIALIZER;
static bool lookup_hangs, lookup_is_hanging;

/* The program's own symbol goes before libc's, for libuv too. */
int getaddrinfo(const char *host, const char *service,
                const struct addrinfo *hints, struct addrinfo **list) {
  int (*real)(const char *, const char *, const struct addrinfo *,
              struct addrinfo **);
  *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
  if (host && strcmp(host, "hangs.invalid") == 0) {
    pthread_mutex_lock(&lookup_lock);
    lookup_is_hanging = true;
    pthread_cond_broadcast(&lookup_changed);
    while (lookup_hangs) pthread_cond_wait(&lookup_changed, &lookup_lock);
    pthread_mutex_unlock(&lookup_lock);
    return EAI_AGAIN;
  }
  return real(host, service, hints, list);
}

/* ---- the tests ---- */

static void starts_and_stops(void **state) {
  (void)state;
  int threads = count_threads();
  gs_engine *engine = start();
  wait_for_threads(threads + 1);
  gs_engine_free(engine);
  wait_for_threads(threads);
}

static void tells_why_a_connection_is_refused(void **state) {
  (void)state;
  int port;
  close(listen_silently(&port));
  gs_engine *engine = start();
  gs_link *link = open_connection(engine, 7, "127.0.0.1", port, false);
  gs_record event = next_event(engine);
  assert_int_equal(event.kind, GS_EVENT_CLOSED);
  assert_int_equal(event.id, 7);
  assert_string_equal(gs_fields_get_text(event.data, event.len, "code", ""),
                      "CONNECT");
  assert_int_equal(gs_fields_get_number(event.data, event.len, "errno", 0),
                   ECONNREFUSED);
  assert_true(atomic_load(&link->closed));
  gs_link_release(link);
  gs_engine_free(engine);
}

static void stops_in_the_middle_of_a_tls_handshake(void **state) {
  (void)state;
  int port, threads = count_threads(), listener = listen_silently(&port);
  gs_engine *engine = start();
  gs_link *link = open_connection(engine, 1, "127.0.0.1", port, true);
  int peer = accept_hello(listener);
  gs_engine_free(engine);
  wait_for_threads(threads);
  gs_link_release(link);
  close(peer);
  close(listener);
}

static void stops_in_the_middle_of_an_http_request(void **state) {
  (void)state;
  int port, threads = count_threads(), listener = listen_silently(&port);
  gs_engine *engine = start();
  start_request(engine, 1, port);
  int peer = accept_hello(listener);
  gs_engine_free(engine);
  wait_for_threads(threads);
  close(peer);
  close(listener);
}

static void leaves_a_lookup_that_hangs_to_end_by_itself(void **state) {
  (void)state;
  int threads = count_threads();
  lookup_hangs = true;
  gs_engine *engine = start();
  gs_link *link = open_connection(engine, 1, "hangs.invalid", 80, false);
  pthread_mutex_lock(&lookup_lock);
  while (!lookup_is_hanging) pthread_cond_wait(&lookup_changed, &lookup_lock);
  pthread_mutex_unlock(&lookup_lock);
  gs_engine_free(engine); /* a hang here is this test's failure */
  wait_for_threads(threads + 1);
  pthread_mutex_lock(&lookup_lock);
  lookup_hangs = false;
  pthread_cond_broadcast(&lookup_changed);
  pthread_mutex_unlock(&lookup_lock);
  wait_for_threads(threads);
  gs_link_release(link);
}

static pthread_t signalled;
static void on_signal(int number) {
  (void)number;
  signalled = pthread_self();
}

static void leaves_every_signal_to_the_script(void **state) {
  (void)state;
  gs_engine *engine = start();
  sigset_t mask, before;
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR1);
  struct sigaction action = {.sa_handler = on_signal}, old;
  sigaction(SIGUSR1, &action, &old);
  /* Blocked here, the signal would go to any thread that lets it. */
  pthread_sigmask(SIG_BLOCK, &mask, &before);
  kill(getpid(), SIGUSR1);
  gs_engine_wake(engine);
  sigset_t pending;
  sigpending(&pending);
  assert_true(sigismember(&pending, SIGUSR1));
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  assert_true(pthread_equal(signalled, pthread_self()));
  sigaction(SIGUSR1, &old, NULL);
  gs_engine_free(engine);
}

static int use_in_child(gs_engine *engine) {
  gs_record record;
  if (!gs_engine_forked(engine)) return 1;
  if (gs_engine_command(engine, GS_COMMAND_CANCEL, 0, 1, NULL, 0, NULL, 0) !=
      GS_ERR_FORKED) {
    return 2;
  }
  if (gs_engine_next(engine, &record)) return 3;
  gs_engine_free(engine);
  /* An engine of its own works. */
  char text[256];
  gs_engine *own = gs_engine_new(text, sizeof text);
  if (!own || gs_engine_forked(own)) return 4;
  gs_engine_free(own);
  return 0;
}

static void tells_a_forked_child_instead_of_hanging(void **state) {
  (void)state;
#ifdef __SANITIZE_THREAD__
  skip(); /* it cannot follow a forked child that starts threads */
#endif
  int status;
  gs_engine *engine = start();
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    /* Another program ends it, since valgrind would call the parent's engine,
     * which the child only forgets, a leak. */
    char script[32];
    snprintf(script, sizeof script, "exit %d", use_in_child(engine));
    execl("/bin/sh", "sh", "-c", script, NULL);
    _exit(9);
  }
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
  gs_engine_free(engine);
}

static void stops_with_commands_that_nobody_took(void **state) {
  (void)state;
  int threads = count_threads();
  for (int round = 0; round < 50; round++) {
    gs_engine *engine = start();
    for (uint32_t id = 1; id <= 20; id++) {
      gs_link_release(open_connection(engine, id, "127.0.0.1", 1, id % 2));
    }
    gs_engine_free(engine);
  }
  wait_for_threads(threads);
}

static int count_descriptors(void) {
  int count = 0;
  DIR *descriptors = opendir("/proc/self/fd");
  assert_non_null(descriptors);
  while (readdir(descriptors)) count++;
  closedir(descriptors);
  return count;
}

/* leave_descriptors lowers the limit so that |count| more can be opened. */
static void leave_descriptors(int count, struct rlimit *before) {
  int next = dup(STDERR_FILENO);
  assert_true(next >= 0);
  close(next);
  assert_int_equal(getrlimit(RLIMIT_NOFILE, before), 0);
  struct rlimit limit = {.rlim_cur = (rlim_t)(next + count),
                         .rlim_max = before->rlim_max};
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* libuv aborts, and libwebsockets leaks, where a descriptor is missing in the
 * middle of a start. */
static void starts_or_says_that_descriptors_are_short(void **state) {
  (void)state;
  int descriptors = count_descriptors(), threads = count_threads();
  bool started = false;
  for (int left = 0; left < 40 && !started; left++) {
    char text[256] = "";
    struct rlimit before;
    leave_descriptors(left, &before);
    gs_engine *engine = gs_engine_new(text, sizeof text);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    started = engine != NULL;
    if (!started) {
      assert_true(strstr(text, "descriptors") || strstr(text, "open files"));
    }
    gs_engine_free(engine);
    wait_for_threads(threads);
    assert_int_equal(count_descriptors(), descriptors);
  }
  assert_true(started);
}

/* libwebsockets ignores it for the whole process: a script's children would
 * inherit that, and `lua script | head` never end. */
static void leaves_sigpipe_as_the_script_has_it(void **state) {
  (void)state;
  struct sigaction action = {.sa_handler = SIG_DFL}, before, after;
  sigaction(SIGPIPE, &action, &before);
  gs_engine *engine = start();
  sigaction(SIGPIPE, NULL, &after);
  assert_true(after.sa_handler == SIG_DFL);
  gs_engine_free(engine);
  sigaction(SIGPIPE, &before, NULL);
}

/* libwebsockets 4.1 forgets its libuv handle there, and a loop with a handle
 * on it never ends. */
static void forgets_a_connect_that_fails_at_once(void **state) {
  (void)state;
  int threads = count_threads(), descriptors = count_descriptors();
  gs_engine *engine = start();
  /* TCP to a broadcast address is refused by the kernel itself. */
  gs_link *link = open_connection(engine, 1, "255.255.255.255", 80, false);
  gs_record event = next_event(engine);
  assert_int_equal(event.kind, GS_EVENT_CLOSED);
  assert_string_equal(gs_fields_get_text(event.data, event.len, "code", ""),
                      "CONNECT");
  gs_link_release(link);
  gs_engine_free(engine);
  wait_for_threads(threads);
  assert_int_equal(count_descriptors(), descriptors);
}

/* With the first thread, TSan starts one of its own that stays. */
static int start_first_thread(void **state) {
  (void)state;
  gs_engine *engine = start();
  int threads = count_threads();
  gs_engine_free(engine);
  wait_for_threads(threads - 1);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(starts_and_stops),
      cmocka_unit_test(tells_why_a_connection_is_refused),
      cmocka_unit_test(stops_in_the_middle_of_a_tls_handshake),
      cmocka_unit_test(stops_in_the_middle_of_an_http_request),
      cmocka_unit_test(leaves_a_lookup_that_hangs_to_end_by_itself),
      cmocka_unit_test(leaves_every_signal_to_the_script),
      cmocka_unit_test(tells_a_forked_child_instead_of_hanging),
      cmocka_unit_test(stops_with_commands_that_nobody_took),
      cmocka_unit_test(starts_or_says_that_descriptors_are_short),
      cmocka_unit_test(leaves_sigpipe_as_the_script_has_it),
      cmocka_unit_test(forgets_a_connect_that_fails_at_once),
  };
  return cmocka_run_group_tests(tests, start_first_thread, NULL);
}
