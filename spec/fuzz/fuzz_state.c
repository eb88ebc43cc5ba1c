/* Fuzz target of the files that a watch and a sign-in keep, by
 * spec/fuzz/state.lua. */
#define LUA_TARGET_MODULE "spec.fuzz.state"
#include "lua_target_run.h"
