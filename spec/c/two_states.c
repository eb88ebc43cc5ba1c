/* A program with two threads, each with Lua states of its own, one after the
 * other: "two_states ROUNDS FILE_A FILE_B ARGS..." runs the files side by side.
 * A script gets ARGS, its round as the global `round`, and has the functions
 * mark(n), which notes how far its thread has come, and marked(), which tells
 * it of the other; that is -n once the state of its round n is closed. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct runner {
  const char *file;
  int argc;
  char **argv;
  int rounds;
  atomic_int mark;
  struct runner *other;
  int failures;
} runner;

static runner *runner_of(lua_State *L) {
  return lua_touserdata(L, lua_upvalueindex(1));
}

static int set_mark(lua_State *L) {
  atomic_store(&runner_of(L)->mark, (int)luaL_checkinteger(L, 1));
  return 0;
}

static int get_mark(lua_State *L) {
  lua_pushinteger(L, atomic_load(&runner_of(L)->other->mark));
  return 1;
}

static void give(lua_State *L, runner *self, const char *name,
                 lua_CFunction function) {
  lua_pushlightuserdata(L, self);
  lua_pushcclosure(L, function, 1);
  lua_setglobal(L, name);
}

static int run_file(lua_State *L, runner *self, int round) {
  luaL_openlibs(L);
  give(L, self, "mark", set_mark);
  give(L, self, "marked", get_mark);
  lua_pushinteger(L, round);
  lua_setglobal(L, "round");
  if (luaL_loadfile(L, self->file)) return 1;
  for (int i = 0; i < self->argc; i++) lua_pushstring(L, self->argv[i]);
  return lua_pcall(L, self->argc, 0, 0);
}

static void *run(void *user) {
  runner *self = user;
  for (int round = 1; round <= self->rounds; round++) {
    lua_State *L = luaL_newstate();
    if (!L || run_file(L, self, round)) {
      fprintf(stderr, "%s, round %d: %s\n", self->file, round,
              L ? lua_tostring(L, -1) : "no memory");
      self->failures++;
    }
    if (L) lua_close(L);
    atomic_store(&self->mark, -round);
  }
  return NULL;
}

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  runner runners[2];
  pthread_t threads[2];
  for (int i = 0; i < 2; i++) {
    runners[i] = (runner){.file = argv[2 + i],
                          .argc = argc - 4,
                          .argv = argv + 4,
                          .rounds = atoi(argv[1]),
                          .other = &runners[1 - i]};
    atomic_init(&runners[i].mark, 0);
  }
  for (int i = 0; i < 2; i++) {
    if (pthread_create(&threads[i], NULL, run, &runners[i])) return 1;
  }
  for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
  return runners[0].failures || runners[1].failures;
}
