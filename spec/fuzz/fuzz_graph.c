/* Fuzz target of what is made of the service's answers, by spec/fuzz/graph.lua:
 * endpoint, delta, error and token bodies, headers, notifications. */
#include "lua_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  lua_State *L = lua_target_begin("spec.fuzz.graph", "run");
  lua_pushlstring(L, (const char *)data, len);
  lua_target_call(1, 0);
  return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t max,
                               unsigned seed) {
  return lua_target_mutate("spec.fuzz.graph", data, len, max, seed);
}
