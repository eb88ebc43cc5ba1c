/* The whole of a fuzz target whose module, LUA_TARGET_MODULE, has run(input).
 */
#ifndef GS_SPEC_LUA_TARGET_RUN_H
#define GS_SPEC_LUA_TARGET_RUN_H

#include "lua_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  lua_State *L = lua_target_begin(LUA_TARGET_MODULE, "run");
  lua_pushlstring(L, (const char *)data, len);
  lua_target_call(1, 0);
  return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t max,
                               unsigned seed) {
  return lua_target_mutate(LUA_TARGET_MODULE, data, len, max, seed);
}

#endif
