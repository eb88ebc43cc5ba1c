/* What the codecs in Lua ask of C because every message passes through it: the
 * head of a packet, and integers in what lua-cjson decoded. */
#include <math.h>

#include "errors.h"
#include "lua_binding.h"
#include "packet.h"

/* core.packet(text) returns type, namespace, id, name, at, attachments: all but
 * the payload, which begins at |at|. |id| and |attachments| are nil if there
 * are none, |name| is nil if the payload has to be decoded to know it. Or nil
 * and what is wrong. */
static int lgs_packet(lua_State *L) {
  size_t len;
  gs_packet packet;
  const char *text = luaL_checklstring(L, 1, &len);
  int err = gs_packet_parse(text, len, &packet);
  if (err) {
    lua_pushnil(L);
    lua_pushstring(L, gs_error_text(err));
    return 2;
  }
  lua_pushinteger(L, packet.type);
  lua_pushlstring(L, packet.namespace, packet.namespace_len);
  if (packet.has_id) {
    lua_pushinteger(L, (lua_Integer)packet.id);
  } else {
    lua_pushnil(L);
  }
  if (packet.name) {
    lua_pushlstring(L, packet.name, packet.name_len);
  } else {
    lua_pushnil(L);
  }
  lua_pushinteger(L, (lua_Integer)packet.payload + 1);
  if (!packet.has_attachments) return 5;
  lua_pushinteger(L, (lua_Integer)packet.attachments);
  return 6;
}

#if LUA_VERSION_NUM >= 503

/* lgs_is_whole: a float that an integer says as well. -0 has no integer; from
 * 2^53 on an integer would claim digits that are lost. */
static bool lgs_is_whole(lua_Number number) {
  return number == floor(number) && fabs(number) < 0x1p53 &&
         !(number == 0 && signbit(number));
}

/* lgs_make_integers replaces what is at the top of the stack, in a table each
 * value of it. It ends since decoded values contain no table twice; a cycle
 * would end at the limit of the stack. */
static void lgs_make_integers(lua_State *L) {
  if (lua_type(L, -1) == LUA_TNUMBER && !lua_isinteger(L, -1)) {
    lua_Number number = lua_tonumber(L, -1);
    if (!lgs_is_whole(number)) return;
    lua_pop(L, 1);
    lua_pushinteger(L, (lua_Integer)number);
  } else if (lua_istable(L, -1)) {
    luaL_checkstack(L, 4, "nested too deeply");
    lua_pushnil(L);
    while (lua_next(L, -2)) {
      int type = lua_type(L, -1);
      if (type == LUA_TNUMBER || type == LUA_TTABLE) lgs_make_integers(L);
      if (type != LUA_TNUMBER) {
        lua_pop(L, 1);
        continue;
      }
      lua_pushvalue(L, -2);
      lua_insert(L, -2);
      lua_rawset(L, -4);
    }
  }
}

/* core.integers(value) returns the value with integers in the place of floats
 * that are whole; a table is changed. Lua 5.3 and later only. */
static int lgs_integers(lua_State *L) {
  lua_settop(L, 1);
  lgs_make_integers(L);
  return 1;
}

#endif

static const luaL_Reg functions[] = {
#if LUA_VERSION_NUM >= 503
    {"integers", lgs_integers},
#endif
    {"packet", lgs_packet},
    {NULL, NULL},
};

void lgs_open_codec(lua_State *L) { luaL_setfuncs(L, functions, 0); }
