/* What fuzz targets of Lua code share: one Lua 5.4 state, with the core linked
 * in, in which a module of spec/fuzz/ is loaded that judges the inputs.
 *
 * The fuzzer sees C alone, so the lines of lua/graphsocket/ that run are
 * counted here, each with the line before it, in counters that libFuzzer takes
 * for coverage. A Lua error, which an assertion of the module is, ends the
 * process. With FUZZ_COVERAGE set, the module spec.fuzz.lines counts instead.
 *
 * A module has mutate(data, max, seed), which returns a changed input, or nil
 * to leave it to libFuzzer: bytes alone do not get far into JSON. */
#ifndef GS_SPEC_LUA_TARGET_H
#define GS_SPEC_LUA_TARGET_H

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdint.h>
#include <string.h>

#include "require.h"

enum { LUA_TARGET_COUNTERS = 1 << 16 };

static uint8_t lua_target_counters[LUA_TARGET_COUNTERS]
    __attribute__((section("__libfuzzer_extra_counters"), used));
static lua_State *lua_target_state;

int luaopen_graphsocket_core(lua_State *L);
size_t LLVMFuzzerMutate(uint8_t *data, size_t len, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t max,
                               unsigned seed);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* The same in every run: no addresses, which differ. */
static uint32_t lua_target_hash(const char *text, uint32_t hash) {
  for (; *text; text++) hash = (hash ^ (uint8_t)*text) * UINT32_C(16777619);
  return hash;
}

static void lua_target_on_line(lua_State *L, lua_Debug *at) {
  static const char *last_source;
  static uint32_t file, before;
  lua_getinfo(L, "S", at);
  if (at->source != last_source) {
    const char *name = strstr(at->source, "lua/graphsocket/");
    last_source = at->source;
    file = name ? lua_target_hash(name, UINT32_C(2166136261)) : 0;
  }
  if (!file) return;
  uint32_t here = (file + (uint32_t)at->currentline) * UINT32_C(2654435761);
  uint32_t pair = (here ^ before) % LUA_TARGET_COUNTERS;
  if (lua_target_counters[pair] < UINT8_MAX) lua_target_counters[pair]++;
  before = here >> 1;
}

static int lua_target_trace(lua_State *L) {
  luaL_traceback(L, L, luaL_tolstring(L, 1, NULL), 1);
  return 1;
}

/* lua_target_call calls the function under |arguments| at the top, for
 * |results|, and ends the process if it raises. */
static void lua_target_call(int arguments, int results) {
  lua_State *L = lua_target_state;
  int trace = lua_gettop(L) - arguments;
  lua_pushcfunction(L, lua_target_trace);
  lua_insert(L, trace);
  if (lua_pcall(L, arguments, results, trace)) {
    fprintf(stderr, "%s\n", lua_tostring(L, -1));
    abort();
  }
  lua_remove(L, trace);
}

/* lua_target_require pushes the module |name|. */
static void lua_target_require(const char *name) {
  lua_getglobal(lua_target_state, "require");
  lua_pushstring(lua_target_state, name);
  lua_target_call(1, 1);
}

static void lua_target_close(void) { lua_close(lua_target_state); }

/* lua_target_begin pushes the function |function| of the module |name|; the
 * state is made by the first call. */
static lua_State *lua_target_begin(const char *name, const char *function) {
  if (!lua_target_state) {
    lua_State *L = lua_target_state = luaL_newstate();
    REQUIRE(L && !atexit(lua_target_close));
    luaL_openlibs(L);
    luaL_requiref(L, "graphsocket.core", luaopen_graphsocket_core, 0);
    lua_pop(L, 1);
    if (getenv("FUZZ_COVERAGE")) {
      lua_target_require("spec.fuzz.lines");
      lua_pop(L, 1);
    } else {
      lua_sethook(L, lua_target_on_line, LUA_MASKLINE, 0);
    }
  }
  lua_target_require(name);
  lua_getfield(lua_target_state, -1, function);
  lua_remove(lua_target_state, -2);
  return lua_target_state;
}

/* lua_target_mutate is LLVMFuzzerCustomMutator by the module |name|. */
static size_t lua_target_mutate(const char *name, uint8_t *data, size_t len,
                                size_t max, unsigned seed) {
  lua_State *L = lua_target_begin(name, "mutate");
  size_t changed_len;
  lua_pushlstring(L, (const char *)data, len);
  lua_pushinteger(L, (lua_Integer)max);
  lua_pushinteger(L, seed);
  lua_target_call(3, 1);
  const char *changed = lua_tolstring(L, -1, &changed_len);
  if (changed && changed_len <= max) {
    memcpy(data, changed, changed_len);
    len = changed_len;
  } else {
    len = LLVMFuzzerMutate(data, len, max);
  }
  lua_pop(L, 1);
  return len;
}

#endif
