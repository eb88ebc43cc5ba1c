/* A Lua interpreter for sanitized builds: "host FILE ARGS..." runs a script as
 * the lua command does, Ctrl-C included. The command itself cannot load a core
 * built with a sanitizer unless the runtime is preloaded, which every child
 * process would inherit. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static lua_State *interrupted_state;

static void raise_interrupted(lua_State *L, lua_Debug *where) {
  (void)where;
  lua_sethook(L, NULL, 0, 0);
  luaL_error(L, "interrupted!");
}

static void on_sigint(int number) {
  signal(number, SIG_DFL);
  lua_sethook(interrupted_state, raise_interrupted,
              LUA_MASKCALL | LUA_MASKRET | LUA_MASKCOUNT, 1);
}

static int add_traceback(lua_State *L) {
  luaL_traceback(L, L, lua_tostring(L, 1), 1);
  return 1;
}

static void set_arg(lua_State *L, int argc, char **argv) {
  lua_newtable(L);
  for (int i = 0; i < argc; i++) {
    lua_pushstring(L, argv[i]);
    lua_rawseti(L, -2, i - 1);
  }
  lua_setglobal(L, "arg");
}

int main(int argc, char **argv) {
  if (argc < 2) {
    fprintf(stderr, "usage: %s FILE ARGS...\n", argv[0]);
    return 2;
  }
  lua_State *L = luaL_newstate();
  if (!L) return 1;
  luaL_openlibs(L);
  set_arg(L, argc, argv);
  interrupted_state = L;
  signal(SIGINT, on_sigint);
  lua_pushcfunction(L, add_traceback);
  int failed = luaL_loadfile(L, argv[1]);
  if (!failed) {
    for (int i = 2; i < argc; i++) lua_pushstring(L, argv[i]);
    failed = lua_pcall(L, argc - 2, 0, 1);
  }
  if (failed) fprintf(stderr, "%s: %s\n", argv[0], lua_tostring(L, -1));
  signal(SIGINT, SIG_DFL);
  lua_close(L);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
