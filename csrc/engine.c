#define _GNU_SOURCE /* dladdr */
#include "engine.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "at_exit.h"
#include "bell.h"
#include "clockwatch.h"
#include "connection.h"
#include "errors.h"
#include "events.h"
#include "http.h"
#include "lookup.h"
#include "wake.h"

enum {
  /* More than an engine opens before its first connection, which is 10. */
  ENGINE_DESCRIPTORS = 16,

  /* So many events in one turn of the loop are a burst; Lua is woken after so
   * many turns of it at the latest, about a quarter of a millisecond. */
  ENGINE_BURST_EVENTS = 3,
  ENGINE_BURST_TURNS = 16,
};

struct gs_engine {
  /* Both threads. */
  gs_queue *commands; /* lua pushes, io takes */
  gs_queue *events;   /* io pushes, lua takes */
  gs_wake wake;
  atomic_bool rung;    /* a GS_EVENT_BELL waits */
  atomic_bool exiting; /* the process ends */
  atomic_int references;
  pthread_mutex_t lock; /* guards the three below */
  pthread_cond_t changed;
  bool started, finished;
  char start_error[256]; /* "" if the loop stands */

  /* Lua's. */
  pthread_t thread;
  unsigned generation; /* of the process that made it */
  char bell_path[sizeof(((gs_private_socket *)0)->path)]; /* "": no bell */

  /* The I/O thread's. */
  uv_loop_t loop;
  uv_async_t async;
  uv_check_t check;
  uv_prepare_t prepare;
  uv_timer_t alarm; /* see engine_set_alarm */
  gs_guest guest;
  gs_clockwatch *clockwatch;
  gs_connections connections;
  gs_http *http;
  gs_bell *bell;
  uv_idle_t idle;  /* active: the loop does not wait, see engine_flush */
  int told;        /* events that were pushed in this turn of the loop */
  int burst_turns; /* turns for which Lua was left asleep */
  bool looping;    /* |loop| stands */
  bool stopping;
};

/* Counts the forks between this process and the first that loaded us. */
static atomic_uint fork_generation;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

static void fork_in_child(void) {
  atomic_fetch_add(&fork_generation, 1);
  gs_at_exit_forget();
  gs_lookup_forget();
}

/* engine_prepare_process keeps this shared object in memory for good: lua_close
 * would unload it, while a detached thread and fork's handler still need it.
 * The linker's -z nodelete does the same, but luarocks cannot pass it. */
static void engine_prepare_process(void) {
  Dl_info here;
  pthread_atfork(NULL, NULL, fork_in_child);
  if (dladdr((void *)&fork_once, &here) && here.dli_fname) {
    dlopen(here.dli_fname, RTLD_LAZY | RTLD_NODELETE);
  }
}

static void engine_release(gs_engine *engine) {
  if (atomic_fetch_sub(&engine->references, 1) != 1) return;
  gs_queue_free(engine->commands);
  gs_queue_free(engine->events);
  gs_wake_close(&engine->wake);
  pthread_cond_destroy(&engine->changed);
  pthread_mutex_destroy(&engine->lock);
  free(engine);
}

/* ---- the I/O thread ---- */

static int engine_emit(void *user, uint16_t kind, uint16_t flags, uint32_t id,
                       const void *data, size_t len) {
  gs_engine *engine = user;
  engine->told++;
  return gs_queue_push(engine->events, kind, flags, id, NULL, 0, data, len);
}

/* engine_flush wakes Lua for what was pushed. */
static void engine_flush(gs_engine *engine) {
  if (!engine->told && !engine->burst_turns) return;
  engine->told = engine->burst_turns = 0;
  uv_idle_stop(&engine->idle);
  if (gs_queue_wants_wake(engine->events)) gs_engine_wake(engine);
}

static void engine_on_idle(uv_idle_t *idle) { (void)idle; }

/* engine_on_check is called once sockets were read. A wake-up, with Lua's wait
 * and its way back to it, costs as much as ten events, and a turn reads no more
 * than a few of a burst: as long as they come, Lua is left asleep for a few
 * turns, which then do not wait. */
static void engine_on_check(uv_check_t *check) {
  gs_engine *engine = check->data;
  bool burst = engine->told >= ENGINE_BURST_EVENTS &&
               engine->burst_turns < ENGINE_BURST_TURNS;
  if (!burst) return engine_flush(engine);
  engine->told = 0;
  engine->burst_turns++;
  uv_idle_start(&engine->idle, engine_on_idle);
}

/* engine_on_prepare is called before sockets are waited for: timers and
 * commands, too, have events. */
static void engine_on_prepare(uv_prepare_t *prepare) {
  gs_engine *engine = prepare->data;
  if (!engine->burst_turns) engine_flush(engine);
}

static void engine_on_response(void *user, uint32_t id, const gs_buf *fields) {
  (void)engine_emit(user, GS_EVENT_RESPONSE, 0, id, fields->data, fields->len);
}

static void engine_on_clock(void *user) {
  gs_engine *engine = user;
  gs_connections_tick(&engine->connections);
  (void)engine_emit(engine, GS_EVENT_CLOCK, 0, 0, NULL, 0);
}

/* engine_on_ring: a worker that is busy is rung for often, and told once. */
static void engine_on_ring(void *user) {
  gs_engine *engine = user;
  if (atomic_exchange(&engine->rung, true)) return;
  int err = engine_emit(engine, GS_EVENT_BELL, 0, 0, NULL, 0);
  if (err) atomic_store(&engine->rung, false);
}

static void engine_on_alarm(uv_timer_t *alarm) { gs_engine_wake(alarm->data); }

/* engine_set_alarm is for hosts of Lua that have no timers (copas 1). */
static void engine_set_alarm(gs_engine *engine, const void *data) {
  double seconds;
  memcpy(&seconds, data, sizeof seconds);
  uv_update_time(&engine->loop);
  uv_timer_start(&engine->alarm, engine_on_alarm,
                 (uint64_t)ceil(seconds * 1000), 0);
}

static void engine_stop(gs_engine *engine) {
  engine->stopping = true;
  gs_at_exit_mute(&engine->guest); /* it would use what is closed below */
  gs_connections_stop(&engine->connections);
  gs_http_stop(engine->http);
  gs_websocket_context_stop(engine->connections.means.websockets);
  gs_clockwatch_stop(engine->clockwatch);
  gs_bell_stop(engine->bell);
  uv_close((uv_handle_t *)&engine->async, NULL);
  uv_close((uv_handle_t *)&engine->check, NULL);
  uv_close((uv_handle_t *)&engine->prepare, NULL);
  uv_close((uv_handle_t *)&engine->idle, NULL);
  uv_close((uv_handle_t *)&engine->alarm, NULL);
}

static void engine_do(gs_engine *engine, const gs_record *command) {
  gs_connections *connections = &engine->connections;
  switch ((enum gs_command)command->kind) {
    case GS_COMMAND_OPEN: {
      gs_link *link;
      memcpy(&link, command->data, sizeof link);
      gs_connection_open(connections, link, command->data + sizeof link,
                         command->len - sizeof link);
      gs_link_release(link); /* the command's own reference */
      break;
    }
    case GS_COMMAND_SEND:
      gs_connection_send(connections, command->id, command->data, command->len,
                         command->flags & GS_FLAG_BINARY,
                         command->flags & GS_FLAG_COMPRESS);
      break;
    case GS_COMMAND_RESUME:
      gs_connection_resume(connections, command->id);
      break;
    case GS_COMMAND_CLOSE: {
      int code;
      memcpy(&code, command->data, sizeof code);
      gs_connection_close(connections, command->id, code);
      break;
    }
    case GS_COMMAND_REQUEST:
      gs_http_start(engine->http, command->id, command->data, command->len);
      break;
    case GS_COMMAND_CANCEL:
      gs_http_cancel(engine->http, command->id);
      break;
    case GS_COMMAND_ALARM:
      engine_set_alarm(engine, command->data);
      break;
    case GS_COMMAND_BELL: {
      gs_bell *bell;
      memcpy(&bell, command->data, sizeof bell);
      engine->bell = gs_bell_start(bell, &engine->loop, engine_on_ring, engine);
      break;
    }
    case GS_COMMAND_STOP:
      engine_stop(engine);
      break;
  }
}

/* engine_on_exit is called in any thread: Lua's may be in the middle of a
 * command, so STOP cannot be one of them. */
static void engine_on_exit(void *user) {
  gs_engine *engine = user;
  atomic_store(&engine->exiting, true);
  uv_async_send(&engine->async);
}

static void engine_on_async(uv_async_t *async) {
  gs_engine *engine = async->data;
  gs_record command;
  if (atomic_load(&engine->exiting) && !engine->stopping) engine_stop(engine);
  do {
    while (!engine->stopping && gs_queue_next(engine->commands, &command)) {
      engine_do(engine, &command);
    }
  } while (!engine->stopping && !gs_queue_arm(engine->commands));
}

/* engine_has_descriptors tells whether as many can be had as the libraries
 * open to start: libuv aborts, and libwebsockets leaks, where one is missing
 * in the middle. */
static bool engine_has_descriptors(const gs_engine *engine) {
  int fds[ENGINE_DESCRIPTORS];
  int count = 0;
  while (count < ENGINE_DESCRIPTORS) {
    fds[count] = fcntl(engine->wake.read_fd, F_DUPFD_CLOEXEC, 0);
    if (fds[count] < 0) break;
    count++;
  }
  for (int i = 0; i < count; i++) close(fds[i]);
  return count == ENGINE_DESCRIPTORS;
}

static bool engine_begin(gs_engine *engine) {
  char *text = engine->start_error;
  size_t size = sizeof engine->start_error;
  snprintf(text, size,
           "the I/O thread could not be started: too few file descriptors are "
           "left (ulimit -n)");
  if (!engine_has_descriptors(engine)) return false;
  snprintf(text, size, "the I/O thread could not be started: out of memory");
  engine->looping = uv_loop_init(&engine->loop) == 0;
  if (!engine->looping) return false;
  if (uv_async_init(&engine->loop, &engine->async, engine_on_async)) {
    return false;
  }
  uv_check_init(&engine->loop, &engine->check);
  uv_prepare_init(&engine->loop, &engine->prepare);
  uv_idle_init(&engine->loop, &engine->idle);
  uv_timer_init(&engine->loop, &engine->alarm);
  engine->async.data = engine;
  engine->check.data = engine;
  engine->prepare.data = engine;
  engine->alarm.data = engine;
  uv_check_start(&engine->check, engine_on_check);
  uv_prepare_start(&engine->prepare, engine_on_prepare);
  engine->connections.means.loop = &engine->loop;
  engine->connections.emit = engine_emit;
  engine->connections.user = engine;
  engine->connections.means.tls = gs_tls_cache_new();
  engine->http = gs_http_new(&engine->loop, engine_on_response, engine);
  if (!engine->connections.means.tls || !engine->http) return false;
  engine->connections.means.websockets =
      gs_websocket_context_new(&engine->loop, text, size);
  if (!engine->connections.means.websockets) return false;
  engine->clockwatch =
      gs_clockwatch_start(&engine->loop, engine_on_clock, engine);
  *text = '\0';
  return true;
}

static void engine_close_handle(uv_handle_t *handle, void *unused) {
  (void)unused;
  if (!uv_is_closing(handle)) uv_close(handle, NULL);
}

/* engine_end frees what lives on the loop, which has run dry. */
static void engine_end(gs_engine *engine) {
  gs_websocket_context_free(engine->connections.means.websockets);
  gs_http_free(engine->http);
  gs_tls_cache_free(engine->connections.means.tls);
  gs_tls_end_thread();
  if (!engine->looping) return;
  uv_run(&engine->loop, UV_RUN_DEFAULT); /* what was still to be closed */
  uv_loop_close(&engine->loop);
}

static void engine_say(gs_engine *engine, bool *what) {
  pthread_mutex_lock(&engine->lock);
  *what = true;
  pthread_cond_broadcast(&engine->changed);
  pthread_mutex_unlock(&engine->lock);
}

static void *engine_main(void *user) {
  gs_engine *engine = user;
  bool begun = engine_begin(engine);
  if (!begun) {
    if (engine->http) gs_http_stop(engine->http);
    gs_clockwatch_stop(engine->clockwatch);
    if (engine->looping) uv_walk(&engine->loop, engine_close_handle, NULL);
  }
  engine->guest.stop = engine_on_exit;
  engine->guest.user = engine;
  if (begun) gs_at_exit_enter(&engine->guest);
  engine_say(engine, &engine->started);
  /* Commands may have come before the loop stood. */
  if (begun) engine_on_async(&engine->async);
  if (engine->looping) uv_run(&engine->loop, UV_RUN_DEFAULT);
  engine_end(engine);
  gs_at_exit_leave(&engine->guest);
  engine_say(engine, &engine->finished);
  engine_release(engine);
  return NULL;
}

/* ---- Lua's side ---- */

/* engine_start_thread starts the thread with every signal blocked: they are
 * the script's, and Ctrl-C must interrupt Lua's wait, not ours. */
static int engine_start_thread(gs_engine *engine) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  atomic_fetch_add(&engine->references, 1);
  int err = pthread_create(&engine->thread, NULL, engine_main, engine);
  if (err) atomic_fetch_sub(&engine->references, 1);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return err;
}

gs_engine *gs_engine_new(char *text, size_t text_size) {
  pthread_once(&fork_once, engine_prepare_process);
  gs_engine *engine = calloc(1, sizeof *engine);
  if (!engine) return snprintf(text, text_size, "out of memory"), NULL;
  gs_wake_init(&engine->wake);
  engine->generation = atomic_load(&fork_generation);
  atomic_init(&engine->references, 1);
  pthread_mutex_init(&engine->lock, NULL);
  pthread_cond_init(&engine->changed, NULL);
  /* Bounded a socket and a request (gs_link.max_queue, max_body), not here: a
   * full queue must never cost an event that says how something ended. */
  engine->commands = gs_queue_new(SIZE_MAX);
  engine->events = gs_queue_new(SIZE_MAX);
  /* Lua may wait before it takes for the first time. */
  bool armed = engine->events && gs_queue_arm(engine->events);
  int err = armed && engine->commands ? -gs_wake_open(&engine->wake) : ENOMEM;
  if (!err) err = engine_start_thread(engine);
  if (err) {
    snprintf(text, text_size, "the I/O thread could not be started: %s",
             strerror(err));
    engine_release(engine);
    return NULL;
  }
  pthread_mutex_lock(&engine->lock);
  while (!engine->started) pthread_cond_wait(&engine->changed, &engine->lock);
  pthread_mutex_unlock(&engine->lock);
  if (!*engine->start_error) return engine;
  snprintf(text, text_size, "%s", engine->start_error);
  pthread_join(engine->thread, NULL);
  engine_release(engine);
  return NULL;
}

/* engine_wait_finished returns true if the thread is done within the time. */
static bool engine_wait_finished(gs_engine *engine) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_nsec += GS_ENGINE_STOP_MS * 1000000L;
  until.tv_sec += until.tv_nsec / 1000000000L;
  until.tv_nsec %= 1000000000L;
  pthread_mutex_lock(&engine->lock);
  int err = 0;
  while (!engine->finished && !err) {
    err = pthread_cond_timedwait(&engine->changed, &engine->lock, &until);
  }
  bool finished = engine->finished;
  pthread_mutex_unlock(&engine->lock);
  return finished;
}

void gs_engine_free(gs_engine *engine) {
  /* A fork's copy of the locks and queues may be in any state. */
  if (!engine || gs_engine_forked(engine)) return;
  int err = gs_engine_command(engine, GS_COMMAND_STOP, 0, 0, NULL, 0, NULL, 0);
  /* Out of memory; this way needs none. */
  if (err) engine_on_exit(engine);
  if (engine_wait_finished(engine)) {
    pthread_join(engine->thread, NULL);
  } else {
    pthread_detach(engine->thread);
  }
  engine_release(engine);
}

int gs_engine_fd(const gs_engine *engine) { return engine->wake.read_fd; }

void gs_engine_wake(gs_engine *engine) { gs_wake_send(&engine->wake); }

int gs_engine_listen(gs_engine *engine, const char **path) {
  *path = engine->wake.listener.path;
  return gs_wake_listen(&engine->wake);
}

int gs_engine_accept(gs_engine *engine) {
  return gs_wake_accept(&engine->wake);
}

int gs_engine_bell(gs_engine *engine, const char **path) {
  gs_bell *bell;
  *path = engine->bell_path;
  if (**path) return 0;
  int err = gs_bell_new(&bell);
  if (err) return err;
  snprintf(engine->bell_path, sizeof engine->bell_path, "%s",
           gs_bell_path(bell));
  /* The bell is the I/O thread's now: the command is taken before STOP. */
  if (!gs_engine_command(engine, GS_COMMAND_BELL, 0, 0, NULL, 0, &bell,
                         sizeof bell)) {
    return 0;
  }
  gs_bell_free(bell);
  *engine->bell_path = '\0';
  return -ENOMEM;
}

/* engine_take takes the next event, without a look at the descriptor. */
static bool engine_take(gs_engine *engine, gs_record *record) {
  if (!gs_queue_next(engine->events, record)) return false;
  /* What was rung for before this moment is found by the look that follows;
   * what comes later rings anew. */
  if (record->kind == GS_EVENT_BELL) atomic_store(&engine->rung, false);
  return true;
}

bool gs_engine_next(gs_engine *engine, gs_record *record) {
  if (gs_engine_forked(engine)) return false;
  if (engine_take(engine, record)) return true;
  /* Emptied before it is armed: a byte written later is for a later event. */
  gs_wake_drain(&engine->wake);
  return !gs_queue_arm(engine->events) && engine_take(engine, record);
}

int gs_engine_command(gs_engine *engine, uint16_t kind, uint16_t flags,
                      uint32_t id, const void *head, size_t head_len,
                      const void *data, size_t len) {
  if (gs_engine_forked(engine)) return GS_ERR_FORKED;
  int err = gs_queue_push(engine->commands, kind, flags, id, head, head_len,
                          data, len);
  if (!err && gs_queue_wants_wake(engine->commands)) {
    uv_async_send(&engine->async);
  }
  return err;
}

bool gs_engine_forked(const gs_engine *engine) {
  return engine->generation != atomic_load(&fork_generation);
}
