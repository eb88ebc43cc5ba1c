/* What the codecs in Lua ask of C because every message passes through it: the
 * head of a packet, and its payload by a decoder of Lua. */
#include <math.h>
#include <string.h>

#include "errors.h"
#include "lua_binding.h"
#include "packet.h"

enum { CODEC_DEPTH = 1000 }; /* as in lua/graphsocket/json.lua */

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
 * value of it, |depth| levels deep: that is as deep as lua-cjson is told to
 * read, and another decoder makes its integers itself. */
static void lgs_make_integers(lua_State *L, int depth) {
  if (lua_type(L, -1) == LUA_TNUMBER && !lua_isinteger(L, -1)) {
    lua_Number number = lua_tonumber(L, -1);
    if (!lgs_is_whole(number)) return;
    lua_pop(L, 1);
    lua_pushinteger(L, (lua_Integer)number);
  } else if (lua_istable(L, -1) && depth > 0) {
    luaL_checkstack(L, 4, "nested too deeply");
    lua_pushnil(L);
    while (lua_next(L, -2)) {
      int type = lua_type(L, -1);
      if (type == LUA_TNUMBER || type == LUA_TTABLE) {
        lgs_make_integers(L, depth - 1);
      }
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

#endif

/* core.read_json(decode, text, at) returns what decode makes of |text| from
 * |at| on, or nil and what it raised or returned as its second value; that
 * there is no memory is raised, as it says nothing of the text. On Lua 5.3 and
 * later, floats that are whole are integers in it. lua-cjson stops at a NUL
 * behind the value, so a text with one is refused here. */
static int lgs_read_json(lua_State *L) {
  size_t len;
  const char *text = luaL_checklstring(L, 2, &len);
  size_t skipped = (size_t)luaL_optinteger(L, 3, 1) - 1;
  luaL_argcheck(L, skipped <= len, 3, "behind the end of the text");
  lua_settop(L, 2);
  lua_pushvalue(L, 1);
  if (skipped) {
    lua_pushlstring(L, text + skipped, len - skipped);
  } else {
    lua_pushvalue(L, 2);
  }
  int err = lua_pcall(L, 1, 2, 0);
  if (err == LUA_ERRMEM) return lua_error(L);
  if (err) {
    lua_pushnil(L);
    lua_insert(L, -2);
    return 2;
  }
  if (lua_isnil(L, -2)) return 2;
  lua_pop(L, 1);
  if (memchr(text + skipped, '\0', len - skipped)) {
    lua_pushnil(L);
    lua_pushliteral(L, "Expected the end but found a NUL character");
    return 2;
  }
#if LUA_VERSION_NUM >= 503
  lgs_make_integers(L, CODEC_DEPTH);
#endif
  return 1;
}

static const luaL_Reg functions[] = {
    {"packet", lgs_packet},
    {"read_json", lgs_read_json},
    {NULL, NULL},
};

void lgs_open_codec(lua_State *L) { luaL_setfuncs(L, functions, 0); }
