/* Fuzz target of what is made of the service's answers, by spec/fuzz/graph.lua:
 * endpoint, delta, error and token bodies, headers, notifications. */
#define LUA_TARGET_MODULE "spec.fuzz.graph"
#include "lua_target_run.h"
