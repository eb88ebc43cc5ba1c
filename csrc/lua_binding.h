/* What the files of the binding share. The binding is lua_*.c: it checks,
 * copies and translates; it decides nothing.
 *
 * Boundary rules: a userdata gets its metatable before what it owns is opened;
 * a check function means the right type and not closed; __gc is idempotent and
 * the same as __close; no lua_State outlives a call and no Lua function is
 * kept, so nothing here can call back on a dead coroutine; nothing that can
 * raise happens while memory is held that Lua does not know. */
#ifndef LGS_LUA_BINDING_H
#define LGS_LUA_BINDING_H

#include "buf.h"
#include "lua_compat.h"

/* lgs_make_class makes the metatable |name|, which is the first upvalue of its
 * functions. */
void lgs_make_class(lua_State *L, const char *name, const luaL_Reg *methods,
                    const luaL_Reg *meta);

/* lgs_check_self returns the userdata that a function of the class |name| was
 * called with, or raises. It does not look the class up by its name, as
 * luaL_checkudata does, which is what a short function spends its time on. */
void *lgs_check_self(lua_State *L, const char *name);

/* lgs_new_buf pushes an empty buffer of |max_bytes| that Lua owns: if what is
 * done with it raises, it is collected. */
gs_buf *lgs_new_buf(lua_State *L, size_t max_bytes);

/* lgs_push_buf pushes its bytes as a string and frees them at once. */
void lgs_push_buf(lua_State *L, gs_buf *buf);

/* lgs_push_fields pushes a table of |fields| (fields.h). */
void lgs_push_fields(lua_State *L, const void *fields, size_t len);

/* Each adds its functions to the table at the top of the stack. */
void lgs_open_codec(lua_State *L);   /* lua_codec.c */
void lgs_open_engine(lua_State *L);  /* lua_engine.c */
void lgs_open_system(lua_State *L);  /* lua_system.c */
void lgs_open_command(lua_State *L); /* lua_command.c */

#endif
