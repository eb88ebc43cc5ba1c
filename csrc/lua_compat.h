/* The differences between PUC Lua 5.3, 5.4 and LuaJIT 2.1 that the binding
 * meets; lua_needs.c refuses others. */
#ifndef LGS_LUA_COMPAT_H
#define LGS_LUA_COMPAT_H

#include <lauxlib.h>
#include <lua.h>

#if LUA_VERSION_NUM == 501
  #define luaL_checkversion(L) ((void)(L))
  #define lua_rawlen(L, index) lua_objlen(L, index)
#endif

#endif
