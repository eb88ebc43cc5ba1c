/* Fuzz target of the files that a watch and a sign-in keep, by
 * spec/fuzz/state.lua. */
#include "lua_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  lua_State *L = lua_target_begin("spec.fuzz.state", "run");
  lua_pushlstring(L, (const char *)data, len);
  lua_target_call(1, 0);
  return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t max,
                               unsigned seed) {
  return lua_target_mutate("spec.fuzz.state", data, len, max, seed);
}
